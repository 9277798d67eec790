"""Charging, on one page: wallets, funding lots, and the order in which spending uses them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import Hold

WALLET_BOOK = "wallet_units"
"""The ledger's book of players' units: an account with a floor for each player."""


class UnableToSpend(UnableTo):
    """Nothing was taken from the wallet."""

    reasons = frozenset({"insufficient_funds", "wallet_frozen", "wallet_unknown", "amount_not_positive"})


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
    """``units`` and ``consideration`` are what is left; ``issued`` is how many units it began with."""

    id: UUID
    player: UUID
    source: Source
    reference: str
    issued: Money
    units: Money
    consideration: Money
    terms: LotTerms
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Slice:
    """What one spend took of one lot: units, and their part of what had been paid for the lot."""

    lot_id: UUID
    source: Source
    units: Money
    consideration: Money


@dataclass(frozen=True, slots=True)
class Wallet:
    """``lots`` are those with units left, in the order in which spending would use them."""

    player: UUID
    state: WalletState
    posted: Money
    held: Money
    available: Money
    lots: tuple[Lot, ...]


class Charging(Protocol):
    def open_wallet(self, *, player: UUID, at: datetime) -> None:
        """Give a player a wallet. A second call changes nothing."""
        ...

    def wallet(self, *, player: UUID) -> Wallet:
        """Raises UnableToSpend (``wallet_unknown``)."""
        ...

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

    def lock(self, *, player: UUID) -> None:
        """Let nobody else spend from the wallet until this transaction ends. Raises UnableToSpend."""
        ...

    def consume(self, *, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
        """Take units from the wallet's lots: promotions first, then the earliest expiry, then the oldest.

        Locks the wallet. A slice's consideration is its exact share (half to even) of what is left in the lot, and all of it
        with the last unit, so that no part of what was paid is ever lost. ``reference`` names the spend. Units set aside by
        holds can't be taken. Raises UnableToSpend.
        """
        ...

    def hold(self, *, hold_id: UUID, player: UUID, units: Money, purpose: str, expires_at: datetime) -> Hold:
        """Set units aside. Raises UnableToSpend."""
        ...
