"""What the state takes of money, and which legs an event owes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Leg


@dataclass(frozen=True, slots=True)
class Taxed:
    """``net`` + ``tax`` is the whole. ``rate_bps``: hundredths of a per cent of the net."""

    net: Money
    tax: Money
    rate_bps: int
    country: str


@dataclass(frozen=True, slots=True)
class OwedCommission:
    sponsor: UUID
    amount: Money


class UnableToBookDifference(UnableTo):
    reasons = frozenset({"book_not_for_differences"})


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What a payment brought and that goes back with ``amount`` of it, all in one currency but ``units``.

    ``units`` are still in the wallet, ``funding`` was paid for them; ``unserved`` is time that was sold and not served, each
    with its tax and whom that is owed to; ``debt`` is what was used. ``commissions`` were paid for what is undone.
    """

    amount: Money
    units: Money
    funding: Money
    unserved: Sequence[Taxed]
    debt: Money
    commissions: Sequence[OwedCommission]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What a buyer gets back of a sale, in one currency: ``unearned`` is still deferred, ``earned`` was revenue, ``tax`` is owed
    to ``country`` no longer."""

    unearned: Money
    earned: Money
    tax: Money
    country: str


class PostingRules(Protocol):
    def set_tax_rates(self, *, rates_bps: Mapping[str, int], valid_from: datetime) -> None:
        """Put the countries' tax rates in force from a moment on; a rate that is kept for that moment stays."""
        ...

    def tax_within(self, *, gross: Money, country: str, at: datetime) -> Taxed:
        """The tax contained in a price that includes it, by the country's rate at this moment; none where none is kept."""
        ...

    # Posting rules: each answers the legs that the event owes; zero legs are left out. The journey posts one entry.

    def top_up_legs(
        self, *, player: UUID, provider: str, paid: Money, units: Money, set_off: Money | None = None
    ) -> tuple[Leg, ...]:
        """Dr provider clearing, Cr wallet funding (a contract liability, IFRS 15.106); units beside. ``set_off`` of what was
        paid settles the player's debt first: Cr player's debt; ``units`` are those of the rest."""
        ...

    def taken_back_legs(
        self, *, player: UUID, taken: TakenBack, provider: str, from_dispute: bool
    ) -> tuple[Leg, ...]:
        """A payment that went back, in whole or in part: Dr wallet funding for units that are left, Dr deferred revenue and tax
        payable for time not served (IFRS 15.B20 to B27, 15.21(b)), Dr player's debt for what was used; Cr provider clearing, or
        what a dispute had set aside. Units that are left go beside, and commissions back."""
        ...

    def withdrawn_legs(
        self,
        *,
        player: UUID,
        units: Money,
        withdrawn: Sequence[Withdrawn],
        commissions: Sequence[OwedCommission],
    ) -> tuple[Leg, ...]:
        """A purchase from the wallet that the buyer withdrew from: Dr deferred revenue, revenue and tax payable, Cr wallet
        funding (IFRS 15.21, 15.B20 to B27); units back beside, and commissions with it."""
        ...

    def dispute_opened_legs(self, *, provider: str, amount: Money) -> tuple[Leg, ...]:
        """Dr disputed funds, Cr provider clearing."""
        ...

    def dispute_won_legs(self, *, provider: str, amount: Money) -> tuple[Leg, ...]:
        """Dr provider clearing, Cr disputed funds."""
        ...

    def provider_fee_legs(self, *, provider: str, fee: Money) -> tuple[Leg, ...]:
        """Dr provider fees, Cr provider clearing."""
        ...

    def settlement_legs(
        self, *, provider: str, fees: Money, reserved: Money, paid_out: Money
    ) -> tuple[Leg, ...]:
        """Dr provider fees, Dr provider reserve (Cr where it lets go), Dr payouts under way; Cr provider clearing. The bank's
        statement takes the payout on: Dr bank, Cr payouts under way."""
        ...

    def settlement_difference_legs(self, *, provider: str, book: str, difference: Money) -> tuple[Leg, ...]:
        """The provider owes ``difference`` more than our books say: Dr provider clearing, Cr ``book``; the other way round where
        it owes less. Raises UnableToBookDifference."""
        ...

    def difference_books(self) -> tuple[str, ...]:
        """The books that a settlement's difference may be booked against."""
        ...

    def payout_arrived_legs(
        self, *, account: str, provider: str, paid_out: Money, difference: Money, book: str
    ) -> tuple[Leg, ...]:
        """A provider's payout at our bank: Dr bank what came, Cr payouts under way what was told; ``difference``, which came
        beyond it, goes to one of ``difference_books``. The other way round where the provider took money. Raises
        UnableToBookDifference."""
        ...

    def debt_written_off_legs(self, *, player: UUID, amount: Money) -> tuple[Leg, ...]:
        """Nobody expects it any more: Dr bad debts, Cr player's debt (IFRS 9, 5.4.4)."""
        ...

    def surplus_legs(self, *, player: UUID, provider: str, amount: Money) -> tuple[Leg, ...]:
        """Paid twice: Dr provider clearing, Cr payer's surplus."""
        ...

    def surplus_returned_legs(self, *, player: UUID, provider: str, amount: Money) -> tuple[Leg, ...]:
        """Dr payer's surplus, Cr provider clearing."""
        ...

    def batch_delivered_legs(
        self,
        *,
        batch: UUID,
        reseller: str,
        face: Money,
        margin: Money,
        tax: Money | None = None,
        tax_country: str = "",
    ) -> tuple[Leg, ...]:
        """Cards delivered to a reseller, or sold by one that had them on consignment: Dr receivable (net), Dr margin, Cr cards
        sold, not activated. Of single-purpose cards the ``tax`` in their face is due with the transfer (VAT Directive, article
        30b (1)), and what is owed to whoever activates them is the rest."""
        ...

    def card_sale_reversed_legs(
        self,
        *,
        batch: UUID,
        reseller: str,
        face: Money,
        margin: Money,
        tax: Money | None = None,
        tax_country: str = "",
    ) -> tuple[Leg, ...]:
        """Cards that a reseller got or sold come back unused: the reverse of their delivery, tax included."""
        ...

    def card_activated_legs(self, *, batch: UUID, player: UUID, face: Money, units: Money) -> tuple[Leg, ...]:
        """Dr cards sold, not activated, Cr wallet funding; units beside."""
        ...

    def card_period_legs(self, *, batch: UUID, face: Money, taxed: Taxed) -> tuple[Leg, ...]:
        """A card that gives a period of a service: Dr cards sold, Cr deferred revenue (net), Cr tax payable."""
        ...

    def cards_expired_legs(self, *, batch: UUID, amounts: Sequence[Money]) -> tuple[Leg, ...]:
        """Cards that nobody used have ended: Dr cards sold, Cr breakage revenue, per currency.

        As ``expiry_legs``: nothing can be asked for any more (IFRS 15.B44 to B47). No tax: a multi-purpose card was never
        redeemed, and that of a single-purpose one was due at its sale and stays so (VAT Directive, articles 30a and 30b).
        """
        ...

    def card_bought_legs(self, *, batch: UUID, player: UUID, units: Money, taxed: Taxed) -> tuple[Leg, ...]:
        """A card that a player bought from the wallet: Dr wallet funding (what was paid for the units), Cr cards sold, not
        activated, and Cr tax payable where it is a single-purpose voucher (VAT Directive, article 30b); units beside."""
        ...

    def card_bought_back_legs(
        self, *, batch: UUID, player: UUID, units: Money, taxed: Taxed
    ) -> tuple[Leg, ...]:
        """The player gave it back unused: the reverse."""
        ...

    def card_sold_at_desk_legs(self, *, batch: UUID, clerk: UUID, taxed: Taxed) -> tuple[Leg, ...]:
        """A card that an administrator sold for cash: Dr receivable from whoever took the money, until it is at the bank; Cr
        cards sold, not activated, and tax payable as above."""
        ...

    def card_taken_back_at_desk_legs(self, *, batch: UUID, clerk: UUID, taxed: Taxed) -> tuple[Leg, ...]:
        """It came back unused, and the money was given back: the reverse."""
        ...

    def promotion_legs(self, *, player: UUID, units: Money) -> tuple[Leg, ...]:
        """Units given for nothing: only the units move."""
        ...

    def spend_legs(self, *, player: UUID, units: Money, taxed: Sequence[Taxed]) -> tuple[Leg, ...]:
        """A purchase from the wallet: Dr wallet funding (the lots' consideration), Cr deferred revenue (net), Cr tax payable.

        One ``Taxed`` for each real currency that the lots were paid in; none when they were all promotional.
        """
        ...

    def immediate_spend_legs(self, *, player: UUID, units: Money, taxed: Sequence[Taxed]) -> tuple[Leg, ...]:
        """As ``spend_legs``, for what is delivered at once: revenue instead of deferred revenue."""
        ...

    def expiry_legs(self, *, player: UUID, units: Money, consideration: Money) -> tuple[Leg, ...]:
        """Units whose term is over: Dr wallet funding, Cr breakage revenue for what had been paid for them; units beside.

        Breakage is taken when the term has ended and nothing can be asked for any more, which is when the likelihood of use
        is remote (IFRS 15.B44 to B47; of B46 the second case, so that no estimate is ever corrected). No tax: a multi-purpose
        voucher is taxed where it is redeemed (VAT Directive, article 30b). Of promotional units only the units move.
        """
        ...

    def went_across_legs(
        self, *, player: UUID, cluster: str, units: Money, paid: Sequence[Money]
    ) -> tuple[Leg, ...]:
        """Units went to a player of another cluster, and with them what service is owed for them: Dr wallet funding (the
        contract liability), Cr intercompany payable, per real currency; Dr wallet, Cr units in other clusters."""
        ...

    def came_across_legs(
        self, *, player: UUID, cluster: str, units: Money, paid: Sequence[Money]
    ) -> tuple[Leg, ...]:
        """The mirror image, in the other cluster: Dr intercompany receivable, Cr wallet funding; Dr units in other
        clusters, Cr wallet."""
        ...

    def netting_legs(self, *, cluster: str, payable: Money, receivable: Money) -> tuple[Leg, ...]:
        """What both entities owe each other for transfers is set off, and the rest goes through the bank: Dr intercompany
        payable, Cr intercompany receivable; Cr bank where we pay, Dr bank where we are paid."""
        ...

    def bank_entry_legs(
        self, *, account: str, amount: Money, incoming: bool, against: AccountRef
    ) -> tuple[Leg, ...]:
        """What a statement of our bank ``account`` shows: Dr bank, Cr whatever it is about; the reverse where it left."""
        ...

    def bank_counterparts(self) -> tuple[str, ...]:
        """The books against which an accountant may say that a bank's entry is, where no rule says it. Those that are kept
        by something else, such as what is owed for wallets, are not among them."""
        ...

    def transfer_legs(self, *, sender: UUID, recipient: UUID, units: Money) -> tuple[Leg, ...]:
        """Units move from wallet to wallet; what was paid for them stays a liability to whoever holds them."""
        ...

    def commission_legs(self, *, owed: Sequence[OwedCommission]) -> tuple[Leg, ...]:
        """Dr commission cost, Cr commission payable on hold, for each sponsor."""
        ...

    def recognition_legs(self, *, earned: Sequence[Money], day: date) -> tuple[Leg, ...]:
        """A day's service delivered: Dr deferred revenue, Cr revenue, per currency."""
        ...

    def exchange_legs(
        self, *, source: AccountRef, sold: Money, target: AccountRef, bought: Money
    ) -> tuple[Leg, ...]:
        """Money exchanged for other money: Dr exchange, Cr source in one currency, Dr target, Cr exchange in the other.

        Raises UnableToExchange.
        """
        ...

    def rate_text(self, *, sold: Money, bought: Money) -> str:
        """What one unit of ``sold`` brought of ``bought``, exactly: a decimal number where it ends, else a fraction."""
        ...
