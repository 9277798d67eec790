"""What the books owe for cards that are paid and not used, batch by batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from warchest.kernel.money import Money


@dataclass(frozen=True, slots=True)
class LiabilityOfBatch:
    """``cards`` are paid, and neither activated nor void nor expired; ``owed`` is what is owed for them, in one currency.

    ``activated`` and ``expired`` count cards of the batch, whoever paid for them.
    """

    batch: UUID
    series: str
    reseller: str
    cards: int
    owed: Money
    activated: int
    expired: int


class Liability(Protocol):
    def liability_by_batch(self) -> tuple[LiabilityOfBatch, ...]:
        """By series; of batches for which anything was ever owed."""
        ...
