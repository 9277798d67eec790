"""Accounting, on one page: what money is worth, what the state takes of it, and which legs an event owes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Book, Leg, Side

PAYABLE_BOOK, RECEIVABLE_BOOK, UNITS_BOOK = (
    "intercompany_payable",
    "intercompany_receivable",
    "intercompany_units",
)
INTERCOMPANY_BOOKS = (PAYABLE_BOOK, RECEIVABLE_BOOK, UNITS_BOOK)
"""What the entities of clusters owe each other for units that went across, and where these are: an account for each."""


class UnableToNet(UnableTo):
    """The netting statement is as it was."""

    reasons = frozenset(
        {
            "statement_unknown",
            "statement_open",  # one of this currency waits for the other cluster's answer
            "statement_not_agreed",
            "statement_booked",
            "statement_id_reused",
            "nothing_to_settle",
            "transfers_open",  # of those that it would be about, some have not been answered by the other cluster
            "netting_in_future",
            "netting_too_early",  # an earlier statement is about a later moment
        }
    )


class UnableToQuote(UnableTo):
    """There is no rate for this currency at this moment, or the amount is worth nothing."""

    reasons = frozenset({"currency_not_accepted", "amount_not_positive"})


class UnableToSetRate(UnableTo):
    reasons = frozenset(
        {
            "rate_not_a_number",  # not finite
            "rate_not_positive",
            "rate_too_large",
            "rate_too_precise",  # more decimals than are kept
            "rate_in_past",
            "rate_in_future",  # a day's rate is known when the day has come
            "rate_exists",
            "currencies_alike",
        }
    )


class UnableToConvert(UnableTo):
    """Nothing says what a currency was worth on a day."""

    reasons = frozenset({"exchange_rate_missing", "days_malformed", "days_too_many"})


class UnableToExchange(UnableTo):
    """This is no exchange of one currency for another."""

    reasons = frozenset(
        {
            "currencies_alike",
            "amount_not_positive",
            "exchange_in_future",
            "book_not_exchanged",  # no money lies there
        }
    )


class UnableToMoveIn(UnableTo):
    """Nothing was taken over from the older system."""

    reasons = frozenset(
        {
            "move_in_unknown",  # nobody has begun to move in from a system of this name
            "cutover_differs",  # it was begun with another moment of cut-over
            "cutover_in_future",
            "move_in_finished",  # all of it was taken over and proved before: nothing is added to it
        }
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """``units_per_major``: units of the inner currency (major) for one major unit of ``currency``."""

    currency: str
    units_per_major: Decimal
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class CurrencyRate:
    """One ``base`` was ``quote_per_base`` ``quote`` from the day ``rate_date`` (UTC) on, as ``source`` tells it."""

    base: str
    quote: str
    quote_per_base: Decimal
    rate_date: date
    source: str


@dataclass(frozen=True, slots=True)
class ExchangePosition:
    """What stands on the exchange account of a pair since the first exchange: what was given, and (negative) what was got
    for it. ``value`` is what it all is worth in the functional currency at the closing rate, and ``result`` what the
    exchanges have brought (positive) against making them at that rate."""

    pair: str
    balances: tuple[Money, ...]
    value: Money

    @property
    def result(self) -> Money:
        return -self.value


@dataclass(frozen=True, slots=True)
class MonetaryItem:
    """A book's money in a foreign currency over a period. ``opening`` and ``closing`` are in that currency, what is owed
    by us negative; all else in the functional one. Gains are positive.

    ``opening_value`` and ``closing_value`` are at the closing rates of the periods; ``moved_value`` is what came less what
    went, each at the rate of its day or of its exchange.
    """

    book: str
    opening: Money
    closing: Money
    opening_value: Money
    moved_value: Money
    closing_value: Money
    realised: Money

    @property
    def difference(self) -> Money:
        return self.closing_value - self.opening_value - self.moved_value

    @property
    def unrealised(self) -> Money:
        return self.difference - self.realised


@dataclass(frozen=True, slots=True)
class ExchangeDifferences:
    """Gains and losses of a half-open period, of monetary items only."""

    since: datetime
    until: datetime
    items: tuple[MonetaryItem, ...]
    positions: tuple[ExchangePosition, ...]
    realised: Money
    unrealised: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What a payment brings: ``units`` for ``paid`` at ``rate``."""

    paid: Money
    units: Money
    rate: Rate


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


class TakenKind(StrEnum):
    """What a row of an older system was."""

    PLAYER = "player"
    LOT = "lot"
    SUBSCRIPTION = "subscription"
    BALANCE = "balance"


@dataclass(frozen=True, slots=True)
class MoveIn:
    """The books of an older system, opened here as they stood at ``cutover_at``."""

    system: str
    cutover_at: datetime
    finished_at: datetime | None

    @property
    def reference(self) -> str:
        """The business document of all its opening entries."""
        return f"move-in:{self.system}"


@dataclass(frozen=True, slots=True)
class TakenRow:
    """A row that was taken over. ``here`` is the id of what was made of it (of a balance, of its entry).

    ``external_id`` is what the older system calls it; of players, whose ids there might tell who they are, a digest.
    ``fingerprint`` (hexadecimal) tells whether a row is the one that was taken.
    """

    kind: TakenKind
    external_id: str
    here: UUID
    fingerprint: str


class NettingState(StrEnum):
    """``drawn_up`` until the other cluster has answered; ``agreed`` where its books say the same to the cent, else
    ``disputed``, and nothing comes of it; ``booked`` when the bank has paid or been paid."""

    DRAWN_UP = "drawn_up"
    AGREED = "agreed"
    DISPUTED = "disputed"
    BOOKED = "booked"


@dataclass(frozen=True, slots=True)
class NettingStatement:
    """What two clusters' entities owe each other in one currency, for transfers made before ``until`` that no earlier
    statement was about. The other one keeps the same under the same id, ``payable`` and ``receivable`` exchanged.

    ``drawn_up_by`` is an administrator's id, empty where the other cluster drew it up. ``their_payable`` and
    ``their_receivable`` are what the other cluster found where it did not agree, as seen from here.
    """

    id: UUID
    cluster: str
    until: datetime
    payable: Money
    receivable: Money
    state: NettingState
    drawn_up_by: str
    drawn_up_at: datetime
    their_payable: Money | None = None
    their_receivable: Money | None = None
    booked_by: str = ""
    reference: str = ""
    entry_id: UUID | None = None

    @property
    def net(self) -> Money:
        """Positive: we pay."""
        return self.payable - self.receivable


@dataclass(frozen=True, slots=True)
class Settled:
    """What statements took off the intercompany accounts, per currency."""

    payable: tuple[Money, ...]
    receivable: tuple[Money, ...]


class Accounting(Protocol):
    def define_chart(self) -> None:
        """Add the books of the default chart of accounts to the ledger; those that are there stay."""
        ...

    def quote(self, *, paid: Money, at: datetime) -> Quote:
        """Raises UnableToQuote."""
        ...

    def accepted_currencies(self, *, at: datetime) -> tuple[str, ...]:
        """Currencies that have a rate at this moment, in alphabetical order."""
        ...

    def rates(self, *, at: datetime) -> tuple[Rate, ...]:
        """The rate in force of each accepted currency."""
        ...

    def set_rate(
        self, *, currency: str, units_per_major: Decimal, valid_from: datetime, at: datetime
    ) -> Rate:
        """Put a rate in force from a moment on. Raises UnableToSetRate."""
        ...

    def functional_currency(self) -> str:
        """The currency of the legal entity's books (IAS 21.8), as the configuration says."""
        ...

    def set_currency_rate(
        self, *, base: str, quote: str, quote_per_base: Decimal, rate_date: date, source: str, at: datetime
    ) -> CurrencyRate:
        """Keep what a currency was worth on a day. Said again for the same day, the last word counts and the first is kept.

        Raises UnableToSetRate, UnableToFindCurrency.
        """
        ...

    def currency_rates(self, *, at: datetime) -> tuple[CurrencyRate, ...]:
        """The last rate of each pair up to the day of this moment."""
        ...

    def exchange_rate(self, *, base: str, quote: str, at: datetime) -> Fraction:
        """``quote`` for one ``base``, exactly: as kept, or its inverse, or through a currency that has rates for both.

        Raises UnableToConvert.
        """
        ...

    def exchange_differences(self, *, since: datetime, until: datetime) -> ExchangeDifferences:
        """Realised and unrealised gains and losses on monetary items in other currencies (IAS 21.23 (a) and 21.28).

        What came is taken in at the rate of its day or, where it was exchanged, at what was given for it; what went takes
        the average of what was there with it. The difference to what was got for it is realised, the difference between
        what is left and its worth at the closing rate is not. At ``since`` all stands at the closing rate of the period
        before. Raises UnableToConvert.
        """
        ...

    def set_tax_rates(self, *, rates_bps: Mapping[str, int], valid_from: datetime) -> None:
        """Put the countries' tax rates in force from a moment on; a rate that is kept for that moment stays."""
        ...

    def tax_within(self, *, gross: Money, country: str, at: datetime) -> Taxed:
        """The tax contained in a price that includes it, by the country's rate at this moment; none where none is kept."""
        ...

    # Posting rules: each answers the legs that the event owes; zero legs are left out. The journey posts one entry.

    def top_up_legs(self, *, player: UUID, provider: str, paid: Money, units: Money) -> tuple[Leg, ...]:
        """Dr provider clearing, Cr wallet funding (a contract liability, IFRS 15.106); units beside."""
        ...

    def batch_delivered_legs(
        self, *, batch: UUID, reseller: str, face: Money, margin: Money
    ) -> tuple[Leg, ...]:
        """A prepaid delivery of multi-purpose cards: Dr receivable (net), Dr margin, Cr cards sold, not activated."""
        ...

    def card_activated_legs(self, *, batch: UUID, player: UUID, face: Money, units: Money) -> tuple[Leg, ...]:
        """Dr cards sold, not activated, Cr wallet funding; units beside."""
        ...

    def card_period_legs(self, *, batch: UUID, face: Money, taxed: Taxed) -> tuple[Leg, ...]:
        """A card that gives a period of a service: Dr cards sold, Cr deferred revenue (net), Cr tax payable."""
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

    def keep_statement(self, *, statement: NettingStatement) -> NettingStatement:
        """Keep a new netting statement; one that is kept under its id already is answered as it is.

        Raises UnableToNet (``statement_open``, ``statement_id_reused``).
        """
        ...

    def decide_statement(
        self, *, statement_id: UUID, agreed: bool, payable: Money, receivable: Money
    ) -> NettingStatement:
        """The other cluster has answered; the amounts are what it found, as seen from here. Decided once. Raises
        UnableToNet."""
        ...

    def book_statement(
        self, *, statement_id: UUID, booked_by: str, reference: str, entry_id: UUID
    ) -> NettingStatement:
        """It is settled: the journey posts the entry. Raises UnableToNet."""
        ...

    def statement(self, *, statement_id: UUID) -> NettingStatement:
        """Raises UnableToNet (``statement_unknown``)."""
        ...

    def statements(self, *, cluster: str | None = None, limit: int = 50) -> tuple[NettingStatement, ...]:
        """Netting statements with a cluster, or with all, the newest first."""
        ...

    def settled(self, *, cluster: str, or_agreed: bool = False) -> Settled:
        """What booked statements (or also those that are agreed) took off the accounts of a cluster."""
        ...

    def netting_legs(self, *, cluster: str, payable: Money, receivable: Money) -> tuple[Leg, ...]:
        """What both entities owe each other for transfers is set off, and the rest goes through the bank: Dr intercompany
        payable, Cr intercompany receivable; Cr bank where we pay, Dr bank where we are paid."""
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

    # Moving in from an older system: what was taken over, and the entries that open its books here.

    def begin_move_in(self, *, system: str, cutover_at: datetime, at: datetime) -> MoveIn:
        """Begin, or go on, and have the books for opening balances in the chart. Raises UnableToMoveIn."""
        ...

    def move_in(self, *, system: str) -> MoveIn | None: ...

    def lock_move_in(self, *, system: str) -> MoveIn:
        """Let nobody else take anything over from this system until the transaction ends. Raises UnableToMoveIn."""
        ...

    def finish_move_in(self, *, system: str, at: datetime) -> MoveIn:
        """Nothing is added from now on. A second call changes nothing. Raises UnableToMoveIn."""
        ...

    def keep_taken(self, *, system: str, rows: Sequence[TakenRow]) -> None:
        """Keep that rows were taken over, in the transaction that did so; each can be kept once."""
        ...

    def taken(self, *, system: str, kind: TakenKind, external_ids: Sequence[str]) -> dict[str, TakenRow]:
        """Those of the rows that were taken over before, by their ids."""
        ...

    def count_taken(self, *, system: str) -> dict[str, int]:
        """How many were taken over of each kind."""
        ...

    def list_taken(
        self, *, system: str, kind: TakenKind, after: str = "", limit: int = 1000
    ) -> tuple[TakenRow, ...]:
        """What was taken over, by external id, behind ``after``."""
        ...

    def opening_books(self) -> tuple[Book, ...]:
        """The accounts of the chart that a table of opening balances may name; all others come with what explains them."""
        ...

    def opening_wallet_legs(self, *, player: UUID, units: Money, consideration: Money) -> tuple[Leg, ...]:
        """A lot of an older system: Dr opening balance equity, Cr wallet funding (IFRS 15.106); units beside."""
        ...

    def opening_deferred_legs(self, *, net: Money) -> tuple[Leg, ...]:
        """Time paid for and not yet served: Dr opening balance equity, Cr deferred revenue (IFRS 15.105)."""
        ...

    def opening_balance_legs(self, *, account: AccountRef, side: Side, amount: Money) -> tuple[Leg, ...]:
        """A balance on the ``side`` of an account, against opening balance equity."""
        ...
