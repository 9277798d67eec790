"""Money that goes back: what became of a lot, taking its units out of the wallet, and what a player owes for spent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

REFUND_PURPOSE = "refund"
"""The purpose of the holds that keep units for refunds and disputes."""

DEBT_BOOK = "player_debt"
"""The ledger's book of what players owe for units that they had spent when their payment was taken back, per player."""


class UnableToTakeBack(UnableTo):
    """Nothing was set apart or taken."""

    reasons = frozenset({"units_gone"})  # they were spent or moved since somebody looked
    passing = reasons


class UnableToSettleDebt(UnableTo):
    reasons = frozenset({"debt_smaller", "amount_not_positive", "reason_missing"})


@dataclass(frozen=True, slots=True)
class SpentPart:
    """What one spend took of a lot at once and was not given back. ``spent`` is the whole of the spend, of all lots.

    Any part of ``consideration`` can be taken back of it, where ``is_divisible``; else all of it or nothing.
    """

    slice: UUID
    reference: str
    units: Money
    consideration: Money
    spent: Money
    at: datetime

    @property
    def is_divisible(self) -> bool:
        return self.units.minor > 1


@dataclass(frozen=True, slots=True)
class LotTrace:
    """What became of a lot's units, as far as they are its player's: ``free`` are still in the wallet, and kept by no hold.

    ``spent`` stands newest first. Units that were moved to others, expired, or went back to the payer are in neither.
    """

    lot: UUID
    player: UUID
    issued: Money
    free: Money
    free_consideration: Money
    spent: tuple[SpentPart, ...]


@dataclass(frozen=True, slots=True)
class SetApart:
    """``units`` are held for a refund; ``consideration`` was paid for them."""

    units: Money
    consideration: Money


@dataclass(frozen=True, slots=True)
class Bonus:
    """Units of a lot that nobody paid for, to be set apart as far as they are still there."""

    lot: UUID
    units: Money


class DebtKind(StrEnum):
    INCURRED = "incurred"  # a payment was taken back whose units were spent
    SET_OFF = "set_off"  # a later payment settled it
    WRITTEN_OFF = "written_off"
    UNDONE = "undone"  # a dispute was won after it had been lost


@dataclass(frozen=True, slots=True)
class DebtMovement:
    """``amount`` is positive where the debt grew. ``reference`` is the key of the journal entry."""

    player: UUID
    kind: DebtKind
    amount: Money
    reference: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Debt:
    """What a player owes in one currency. ``since`` is when the oldest part of it that is still open came about."""

    player: UUID
    amount: Money
    since: datetime


class Refunding(Protocol):
    def trace_lot(self, *, lot: UUID, lock: bool = False) -> LotTrace:
        """What became of a lot that came in by a payment; locks the player's wallet where asked to.

        Raises UnableToTakeBack (``units_gone``) where there is no such lot.
        """
        ...

    def lots_by_reference(self, *, reference: str) -> tuple[UUID, ...]:
        """The lots that came in by the journal entry with this key."""
        ...

    @at_most_once
    def set_apart_for_refund(
        self,
        *,
        refund_id: UUID,
        player: UUID,
        lot: UUID,
        consideration: Money,
        bonuses: Sequence[Bonus],
        at: datetime,
    ) -> SetApart:
        """Cut what ``consideration`` has paid for, as far as it is free, into lots of its own and hold these without end; in
        a frozen wallet too.

        A part carries exactly what is asked for, unless all that is left is a single minor unit that cost more. The hold has
        the refund's id, and only ``take_refunded`` and ``put_back_refunded`` close it; there is none where nothing was free.
        """
        ...

    def take_refunded(self, *, refund_id: UUID, player: UUID, reference: str, at: datetime) -> None:
        """What was set apart leaves the wallet; nothing where nothing was. The journey posts the entry."""
        ...

    def put_back_refunded(self, *, refund_id: UUID, player: UUID) -> None:
        """What was set apart is free again."""
        ...

    @at_most_once
    def take_back_spent(self, *, slice_id: UUID, consideration: Money, reference: str, at: datetime) -> None:
        """Give back so much of what a spend had taken of a lot, and take it out of the wallet at once: the spend is undone
        for money that goes back. The balance stays as it is. Raises UnableToTakeBack."""
        ...

    @at_most_once
    def note_debt(self, *, player: UUID, kind: DebtKind, amount: Money, reference: str, at: datetime) -> None:
        """A debt came about, or ``amount`` of it is gone (positive both ways). Raises UnableToSettleDebt."""
        ...

    def owed(self, *, player: UUID, currency: str) -> Money:
        """What a player owes in a currency; locks the wallet, so that it stays true until the transaction ends."""
        ...

    def debts(self, *, player: UUID | None = None) -> tuple[Debt, ...]:
        """What players (or one) owe now, the oldest first; settled from its oldest part on."""
        ...

    def debt_movements(self, *, player: UUID) -> tuple[DebtMovement, ...]:
        """The whole history, newest first."""
        ...
