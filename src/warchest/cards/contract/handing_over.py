"""Codes leave the house: once, encrypted to a print house, by two people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.batches import Batch
from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

SPOILED_AT_ONCE_MAX = 1000


class UnableToKeepPrinter(UnableTo):
    """The list of print houses stays as it was."""

    reasons = frozenset(
        {
            "printer_unknown",
            "printer_name_taken",
            "printer_name_malformed",  # 2 to 60 small letters, digits and dashes, a letter first
            "printer_title_missing",
            "printer_key_malformed",  # no public key of age, or a secret one
        }
    )


class UnableToHandOverBatch(UnableTo):
    """The codes stay sealed."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_generated",
            "already_handed_over",
            "hand_over_asked",  # one waits for its confirmation
            "hand_over_unknown",
            "hand_over_withdrawn",
            "own_request",
            "printer_unknown",
            "printer_differs",  # another print house was ordered
            "printer_key_differs",  # another key was ordered, shown, or is the printer's by now
        }
    )


class UnableToFetchPrintFile(UnableTo):
    """No file waits: it was fetched, is too late, or nothing was handed over."""

    reasons = frozenset({"print_file_gone", "print_file_being_fetched"})
    passing = frozenset({"print_file_being_fetched"})


class UnableToReplaceSpoiled(UnableTo):
    """All cards stay as they are."""

    reasons = frozenset(
        {
            "batch_unknown",
            "batch_not_handed_over",
            "card_unknown",
            "card_not_as_printed",  # activated, sold, shipped, void, or a spare: it is no longer the press's affair
            "cards_out_of_range",  # 1 to SPOILED_AT_ONCE_MAX
            "spares_used_up",
            "reason_missing",
        }
    )


@dataclass(frozen=True, slots=True)
class Printer:
    """A print house. ``key`` is its public key, ``fingerprint`` the SHA-256 of it in hexadecimal."""

    id: UUID
    name: str
    title: str
    kind: str
    key: str
    fingerprint: str
    added_by: UUID
    added_at: datetime
    retired_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HandOver:
    """That codes shall leave the house, asked by one and confirmed by another, to the holder of one key.

    Control totals of the confirmed one: ``cards``, spares included; ``file_bytes`` of the encrypted file; ``control_digest``, the
    SHA-256 of the plain file, which its receiver compares.
    """

    id: UUID
    batch: UUID
    recipient: str
    kind: str
    key: str
    fingerprint: str
    asked_by: UUID
    asked_at: datetime
    withdrawn_by: UUID | None = None
    withdrawn_at: datetime | None = None
    confirmed_by: UUID | None = None
    confirmed_at: datetime | None = None
    cards: int = 0
    file_bytes: int = 0
    control_digest: str = ""
    fetched_by: UUID | None = None
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """A spoiled card that is void now, and the spare in its place."""

    spoiled: str
    spare: str


class HandingOver(Protocol):
    # Within a journey's transaction.

    def add_printer(self, *, name: str, title: str, key: str, added_by: UUID, at: datetime) -> Printer:
        """Raises UnableToKeepPrinter."""
        ...

    def change_printer_key(self, *, name: str, key: str, changed_by: UUID, at: datetime) -> Printer:
        """From now on; what was asked under the key before can no longer be confirmed. Raises UnableToKeepPrinter."""
        ...

    def retire_printer(self, *, name: str, at: datetime) -> Printer:
        """Raises UnableToKeepPrinter."""
        ...

    @at_most_once
    def ask_hand_over(self, *, batch_id: UUID, printer: str, asked_by: UUID, at: datetime) -> HandOver:
        """Raises UnableToHandOverBatch."""
        ...

    @at_most_once
    def withdraw_hand_over(self, *, hand_over_id: UUID, withdrawn_by: UUID, at: datetime) -> HandOver:
        """Raises UnableToHandOverBatch."""
        ...

    @at_most_once
    def confirm_hand_over(
        self,
        *,
        hand_over_id: UUID,
        fingerprint: str,
        confirmed_by: UUID,
        at: datetime,
        card_tax: Money | None = None,
    ) -> HandOver:
        """Encrypt all codes to the key of this ``fingerprint``, the one that was shown, and delete what was sealed under the
        deployment's key. ``card_tax`` is the tax in the face of one card, where the delivery is taxed.
        Raises UnableToHandOverBatch."""
        ...

    def open_print_file(self, *, batch_id: UUID, actor: str, at: datetime) -> HandOver:
        """Note that somebody begins to fetch the file. Raises UnableToFetchPrintFile."""
        ...

    @at_most_once
    def replace_spoiled(
        self, *, batch_id: UUID, serials: tuple[str, ...], reason: str, actor: str, at: datetime
    ) -> tuple[Replaced, ...]:
        """Make cards that the press spoiled void, and put the next spares in their places. Raises UnableToReplaceSpoiled."""
        ...

    # In technical transactions.

    @runs_here
    def print_file(self, *, batch_id: UUID, fetched_by: UUID, at: datetime) -> Iterator[bytes]:
        """The encrypted file, part by part; whoever has taken the last part has fetched it, and it is deleted. One that broke
        off may be begun again. By one at a time. Raises UnableToFetchPrintFile at the first part."""
        ...

    def forget_print_files(self, *, at: datetime) -> int:
        """Delete files that nobody fetched in time; answers of how many batches."""
        ...

    # Reads.

    def printers(self) -> tuple[Printer, ...]:
        """By name, those that are retired last."""
        ...

    def hand_overs(self, *, batch_id: UUID) -> tuple[HandOver, ...]:
        """Newest first, those that were withdrawn too."""
        ...

    def hand_over(self, *, hand_over_id: UUID) -> HandOver | None: ...

    def hand_overs_awaiting(self) -> tuple[tuple[HandOver, Batch], ...]:
        """What waits for a second person, oldest first."""
        ...
