"""Wallets and their lots: how units come in, and how spending uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

WALLET_BOOK = "wallet_units"
"""The ledger's book of players' units: an account with a floor for each player."""


class UnableToSpend(UnableTo):
    """Nothing was taken from the wallet."""

    reasons = frozenset({"insufficient_funds", "wallet_frozen", "wallet_unknown", "amount_not_positive"})


class UnableToReturn(UnableTo):
    """Nothing was given back."""

    reasons = frozenset(
        {
            "spend_unknown",  # the player has spent nothing under this reference
            "return_exceeds_spend",  # more than was spent, or than is left of it after what was given back before
            "return_key_reused",  # the key was used to give back another amount
            "amount_not_positive",
        }
    )


class Source(StrEnum):
    CARD_PAYMENT = "card_payment"
    SCRATCH_CARD = "scratch_card"
    BANK = "bank"
    GIFT = "gift"
    PROMOTION = "promotion"
    COMMISSION = "commission"
    PRIZE = "prize"


class WalletState(StrEnum):
    OPEN = "open"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class LotTerms:
    """What may be done with the units of a lot; follows them into any other wallet."""

    refundable: bool = True
    transferable: bool = False
    payable_out: bool = False
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """``units`` and ``consideration`` are what is left; ``issued`` is how many units it began with. ``reference`` is the key
    of the journal entry that brought them.

    ``reserved`` is how many of the units are set aside by holds. ``opened_at`` is when the units came into the house, and
    ``origin`` the lot that they came in by: both stay as they are when units are moved or given back, which opens a lot.
    """

    id: UUID
    player: UUID
    source: Source
    reference: str
    issued: Money
    units: Money
    reserved: Money
    consideration: Money
    terms: LotTerms
    opened_at: datetime
    origin: UUID


@dataclass(frozen=True, slots=True)
class Slice:
    """What one spend took of one lot: units, and their part of what had been paid for the lot."""

    lot_id: UUID
    source: Source
    units: Money
    consideration: Money


@dataclass(frozen=True, slots=True)
class Spend:
    """What one spend asks for: ``units`` (more than zero) of a player's wallet. ``reference`` names it: the key of its
    journal entry."""

    player: UUID
    units: Money
    reference: str


@dataclass(frozen=True, slots=True)
class ExpiredLot:
    """``units`` and ``consideration`` left the wallet with the lot's term; ``left`` is what holds still keep of it.

    ``reference`` is the key under which to book it. A lot expires in as many steps as holds let go of it after its term:
    each leaves less, and has a key of its own.
    """

    id: UUID
    player: UUID
    reference: str
    units: Money
    consideration: Money
    left: Money


@dataclass(frozen=True, slots=True)
class Wallet:
    """``available`` can be spent now: what is ``posted``, less what is ``held``, less what is ``expired``.

    ``expired`` are units whose term is over, that no hold keeps, and that are still to be taken out of the wallet.
    ``lots`` are those with units left, in the order in which spending would use them.
    """

    player: UUID
    state: WalletState
    posted: Money
    held: Money
    expired: Money
    lots: tuple[Lot, ...]

    @property
    def available(self) -> Money:
        return self.posted - self.held - self.expired


# A ``reference`` is everywhere the key of the journal entry that is posted in the same transaction: by it a difference
# between lots and the books is traced to its first entry.


class Wallets(Protocol):
    def open_wallet(self, *, player: UUID, at: datetime) -> None:
        """Give a player a wallet. A second call changes nothing."""
        ...

    def wallet(self, *, player: UUID, at: datetime | None = None) -> Wallet:
        """The wallet as it stands at ``at`` (None: now, by the database's clock). Raises UnableToSpend (``wallet_unknown``)."""
        ...

    def available_of(self, *, players: Sequence[UUID], at: datetime) -> Mapping[UUID, Money]:
        """What each of these could spend at a moment, for lists: nothing where there is no wallet."""
        ...

    @at_most_once
    def fund(
        self,
        *,
        lot_id: UUID,
        player: UUID,
        units: Money,
        consideration: Money,
        source: Source,
        reference: str,
        terms: LotTerms,
        at: datetime,
    ) -> Lot:
        """Open a lot. The journey posts the entry that brings the same units in the same transaction."""
        ...

    # What spends from a wallet locks it until the transaction ends; many wallets in the order of their ids, so that no
    # two transactions wait for each other. Units that are reserved by holds or whose term is over can't be taken.

    @at_most_once
    def consume(self, *, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
        """Take units from the wallet's lots: promotions first, then the earliest expiry, then the oldest.

        A slice's consideration is its exact share (half to even) of what is left in the lot, and all of it with the last
        unit, so that no part of what was paid is ever lost. Raises UnableToSpend.
        """
        ...

    @at_most_once
    def consume_set(
        self, *, spends: Sequence[Spend], at: datetime
    ) -> tuple[tuple[Slice, ...] | UnableToSpend, ...]:
        """Many spends, one after the other, in as many round trips as one; a wallet may occur more than once.

        Each is accepted or refused by itself: the answers, in the order of the spends, are its slices, or the refusal that
        ``consume`` would have raised.
        """
        ...

    def return_units(
        self, *, player: UUID, reference: str, units: Money | None, key: str, at: datetime
    ) -> tuple[Lot, ...]:
        """Give back ``units`` (None: all that is left) of the spend named ``reference``, the last ones used first.

        Each part comes back as a lot of its own, at the rate at which it was spent and on the terms of the lot that it was
        taken from; where its term is over by now, it gets a new one (``rules.term_after_return``). What is given back of a
        spend never exceeds it. ``key`` names the return: a second call with it answers the same lots and gives nothing.
        The journey posts the entry that brings the units. Raises UnableToReturn.
        """
        ...

    def return_share(
        self, *, player: UUID, reference: str, part: int, whole: int, key: str, at: datetime
    ) -> tuple[Lot, ...]:
        """Give back ``part``/``whole`` of what is left of a spend, the same share of each lot that it took of, rounded down.

        As ``return_units`` in all else. Raises UnableToReturn (``spend_unknown``; ``return_exceeds_spend``: nothing is left).
        """
        ...

    def spend_left(self, *, player: UUID, reference: str) -> Money:
        """The units of a spend that were not given back."""
        ...

    # The end of a lot's term.

    def expired_lots(self, *, at: datetime, limit: int) -> tuple[UUID, ...]:
        """Lots whose term is over and that have units which no hold keeps, first those that ended first.

        Nothing leaves a frozen wallet: its lots are left out until it opens again.
        """
        ...

    @at_most_once
    def expire(self, *, lot_ids: Sequence[UUID], at: datetime) -> tuple[ExpiredLot, ...]:
        """Take out of their wallets what no hold keeps of the lots whose term is over. The journey posts the entries."""
        ...
