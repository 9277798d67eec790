"""Cards are made, and their codes leave the house."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.batches import Batch
from warchest.kernel.calls import at_most_once, runs_here
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
        }
    )


class UnableToHandOverBatch(UnableTo):
    """The codes stay sealed."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_generated",
            "already_handed_over",
            "recipient_missing",
            "one_time_key_malformed",
        }
    )


class UnableToFetchPrintFile(UnableTo):
    """No file waits under this key: fetched before, too late, another key, or none of this batch."""

    reasons = frozenset({"print_file_gone"})


class Making(Protocol):
    """Generation and hand-over."""

    @at_most_once
    def generate(self, *, batch_id: UUID, at: datetime) -> Batch:
        """Make all cards of an approved batch; their codes wait sealed for the hand-over. About 10 s for a million.

        Raises UnableToGenerateBatch, and TryAgain should a code exist already.
        """
        ...

    @at_most_once
    def hand_over(
        self, *, batch_id: UUID, recipient: str, one_time_key: bytes, handed_over_by: UUID, at: datetime
    ) -> Batch:
        """Give the codes away, once: seal them anew under ``one_time_key`` (32 random bytes that the door made).

        They wait for one ``fetch_print_file`` with that key until ``Batch.file_until``; the key is stored nowhere.
        Raises UnableToHandOverBatch.
        """
        ...

    @runs_here
    def fetch_print_file(self, *, batch_id: UUID, one_time_key: bytes, actor: str, at: datetime) -> bytes:
        """The lines ``Batch,Serial,Pin``, in the printer's habit, and delete what was kept; in a technical transaction.

        For the door that handed the batch over, straight after. Raises UnableToFetchPrintFile.
        """
        ...

    def forget_print_files(self, *, at: datetime) -> int:
        """Delete files that nobody fetched in time, in a technical transaction; answers of how many batches."""
        ...
