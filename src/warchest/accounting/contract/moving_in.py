"""Moving in from an older system: what was taken over, and the entries that open its books here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Book, Leg, Side


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


class MovingIn(Protocol):
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

    def opening_cards_legs(self, *, batch: UUID, face: Money, taken_from: str) -> tuple[Leg, ...]:
        """Cards that an older system sold and nobody has used: Dr ``taken_from`` (opening balance equity, or other liabilities
        where they were brought as such), Cr cards sold (IFRS 15.106). Has these books in the chart."""
        ...
