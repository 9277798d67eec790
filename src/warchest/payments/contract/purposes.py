"""What a payment is for, where it is for more than units in the wallet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class PurposeState(StrEnum):
    WAITING = "waiting"  # for the money
    DONE = "done"
    REFUSED = "refused"  # the money came, and stays in the wallet


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a payer wants with the money: ``kind`` names who sees to it, ``asked`` is what was asked, as its own JSON."""

    kind: str
    asked: str


@dataclass(frozen=True, slots=True)
class Purpose:
    """``result`` is what came of it, as JSON of its kind; ``reason`` and ``details`` are the refusal's."""

    payment: UUID
    wanted: Wanted
    state: PurposeState
    reason: str
    details: dict[str, str | int | bool | None]
    result: str
    decided_at: datetime | None


class Purposes(Protocol):
    def keep_purpose(self, *, payment_id: UUID, wanted: Wanted) -> Purpose:
        """Within the transaction that opens the payment."""
        ...

    def end_purpose(
        self,
        *,
        payment_id: UUID,
        at: datetime,
        result: str = "",
        reason: str = "",
        details: dict[str, str | int | bool | None] | None = None,
    ) -> Purpose:
        """What came of it, in the transaction that credits the payment: done, or refused for a ``reason``."""
        ...

    def purpose(self, *, payment_id: UUID) -> Purpose | None: ...
