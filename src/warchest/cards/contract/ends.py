"""Cards that nobody uses end at their date: who is warned, what becomes of what was paid, and how a later date is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.cards import CardSelection
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToExtendCards(UnableTo):
    """All cards keep their end."""

    reasons = frozenset(
        {
            "batch_unknown",
            "card_unknown",
            "serial_range_malformed",
            "reason_missing",
            "card_expiry_in_past",
            "nothing_to_extend",  # none of them is unused and ends before the new date
        }
    )


@dataclass(frozen=True, slots=True)
class ExtendedCards:
    """``count`` cards are good until ``ends_at`` now; the others of the range were used or over, or end later anyway."""

    batch: UUID
    first_serial: str
    last_serial: str
    ends_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class EndedBatch:
    """A batch with cards whose end has come, and that still count as unused. ``recognised``: the law of the countries that they
    are for lets what was paid for them become revenue; else it stays owed, and they may be given a later end."""

    batch: UUID
    recognised: bool


@dataclass(frozen=True, slots=True)
class ExpiredCards:
    """``cards`` of one batch expired now. ``amounts`` are what the books owed for them, one for each currency. ``left``: there
    may be more."""

    batch: UUID
    cards: int
    amounts: tuple[Money, ...]
    left: bool


@dataclass(frozen=True, slots=True)
class EndingBatch:
    """Unused cards of a batch that end at ``ends_at``, and what the books owe for them. ``reseller`` had the whole batch."""

    batch: UUID
    series: str
    reseller: str
    ends_at: datetime
    cards: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class EndingStock:
    """``cards`` of a batch that a reseller has in stock, or had in one delivery, end at ``ends_at``."""

    batch: UUID
    series: str
    reseller: UUID
    ends_at: datetime
    cards: int


@dataclass(frozen=True, slots=True)
class EndingCard:
    """A card that a player bought and nobody has used."""

    serial: str
    batch: UUID
    buyer: UUID
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class ExpiryWarned:
    """Who is to be told now that cards end within ``days``."""

    days: int
    batches: tuple[EndingBatch, ...]
    stocks: tuple[EndingStock, ...]
    cards: tuple[EndingCard, ...]


class Ends(Protocol):
    # Within a journey's transaction.

    @at_most_once
    def extend(
        self, *, selection: CardSelection, ends_at: datetime, reason: str, actor: str, at: datetime
    ) -> ExtendedCards:
        """Give unused cards a later end, also where the present one has come and nothing was booked about it. Nothing is ever
        shortened. Raises UnableToExtendCards."""
        ...

    def ended_batches(self, *, at: datetime) -> tuple[EndedBatch, ...]:
        """Batches in the world with cards whose end has come and that were not gone through yet."""
        ...

    @at_most_once
    def expire(
        self, *, batch_id: UUID, run: UUID, entry_id: UUID, actor: str, at: datetime, limit: int
    ) -> ExpiredCards:
        """Take the next portion of a batch: what is unused and past its end is expired, for ever. ``run`` names it, and
        ``entry_id`` is the journal entry that the journey posts where ``amounts`` are not none."""
        ...

    @at_most_once
    def warn(self, *, days: int, at: datetime, limit: int) -> ExpiryWarned:
        """Note who is told that cards end within so many days, each once for each number of days and each end; at most ``limit``
        batches and cards at once. None where all were told."""
        ...

    def is_warning_due(self, *, days: int, at: datetime) -> bool:
        """Whether ``warn`` would find anybody to tell."""
        ...

    def ending(self, *, within_days: int, at: datetime) -> tuple[EndingBatch, ...]:
        """What ends within so many days, or has ended and was not booked, the earliest first."""
        ...
