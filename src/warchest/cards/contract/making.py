"""Cards are made, all of a batch or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.batches import Batch
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo


class UnableToGenerateBatch(UnableTo):
    """No card of the batch was made."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_approved",
            "batch_already_generated",
            "digest_changed",
            "batch_is_virtual",  # its cards are issued one by one
            "batch_is_imported",  # an older system made its cards
            "serials_taken",  # another batch has some of the serials
        }
    )


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far the making of a batch has come. ``total`` counts spares too; ``problem`` is the reason why it does not go on, or
    ``failed`` while it is tried again."""

    batch: UUID
    version: int
    asked_by: UUID
    done: int
    total: int
    started_at: datetime
    updated_at: datetime
    problem: str = ""


class Making(Protocol):
    """From an approval to cards."""

    def ask_generation(self, *, batch_id: UUID, asked_by: UUID, at: datetime) -> Batch:
        """Have the cards of an approved batch made in the background. Asked again, nothing changes, but that a problem is
        forgotten. Raises UnableToGenerateBatch."""
        ...

    def generations_asked(self) -> tuple[BatchProgress, ...]:
        """What is to be made now, oldest first: neither made yet nor given up."""
        ...

    def progress(self, *, batch_id: UUID) -> BatchProgress | None:
        """How far it is; None where nobody asked for it. Seen from outside the transaction that makes the cards."""
        ...

    def note_generation_problem(self, *, batch_id: UUID, problem: str, at: datetime) -> None:
        """In a technical transaction."""
        ...

    @at_most_once
    def generate(self, *, batch_id: UUID, at: datetime) -> Batch:
        """Make all cards of an approved batch, spares included; their codes wait sealed for the hand-over.

        About ten seconds for a million; ``progress`` tells how far it is, where it was asked for. Raises UnableToGenerateBatch,
        and TryAgain should a code exist already.
        """
        ...
