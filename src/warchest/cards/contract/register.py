"""The register of a batch: every card with how it stands, never with its code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.cards import CardState
from warchest.kernel.calls import runs_here
from warchest.kernel.money import Money


@dataclass(frozen=True, slots=True)
class RegisterLine:
    """``owed`` is what the books owe for the card: zero where nobody paid, or where it is used or over.

    ``holder`` is the reseller that has it, by id. ``fingerprint`` is the reference to its code in billing and in the books.
    """

    serial: str
    number: int
    state: CardState
    fingerprint: str
    owed: Money
    holder: UUID | None
    paid_at: datetime | None
    expires_at: datetime | None
    activated_at: datetime | None
    activated_in: str
    replaces: str


class Register(Protocol):
    @runs_here
    def register(self, *, batch_id: UUID, at: datetime) -> Iterator[RegisterLine]:
        """All cards of a batch by their serials, a few thousand at a time. Raises UnableToFindCard (``batch_unknown``)."""
        ...

    def specimen_serial(self, *, batch_id: UUID, number: int) -> str:
        """How the serial of the ``number``-th card is printed, also before there is such a card. Raises UnableToFindCard."""
        ...
