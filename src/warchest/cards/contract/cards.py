"""Single cards, as those see and block them who help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.worth import Worth
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToBlockCards(UnableTo):
    """Nothing was blocked or unblocked."""

    reasons = frozenset({"batch_unknown", "card_unknown", "serial_range_malformed", "reason_missing"})


class UnableToFindCard(UnableTo):
    reasons = frozenset({"card_unknown", "batch_unknown"})


class CardState(StrEnum):
    """What the world sees of a card at a moment; blocking, expiry and the batch's own state are counted in."""

    GENERATED = "generated"
    SPARE = "spare"
    HANDED_OVER = "handed_over"
    SHIPPED = "shipped"
    SOLD = "sold"
    RETURNED = "returned"
    ACTIVATED = "activated"
    BLOCKED = "blocked"
    EXPIRED = "expired"
    VOID = "void"


@dataclass(frozen=True, slots=True)
class CardMoment:
    """One thing that happened to a card. ``actor`` is a kind and an id, where one is known.

    ``what`` is a short name such as ``generated``, ``handed_over``, ``print_file_opened``, ``shipped``, ``sold``, ``blocked``,
    ``replaced`` or ``activated``; the back office has a word for each.
    """

    what: str
    at: datetime
    actor: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as those see it who help: never its code. ``last_four`` are the last characters of the code.

    ``fingerprint`` is the reference to the code in billing and in the books; nobody finds the code from it.
    """

    serial: str
    batch: UUID
    state: CardState
    gives: tuple[Worth, ...]
    face: Money
    last_four: str
    fingerprint: str
    expires_at: datetime | None
    history: tuple[CardMoment, ...]
    player: UUID | None = None
    activated_at: datetime | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CardSelection:
    """Cards to block: a whole ``batch``, or the serials from ``first_serial`` to ``last_serial``, both included.

    An empty ``last_serial`` means the one card.
    """

    batch: UUID | None = None
    first_serial: str = ""
    last_serial: str = ""


@dataclass(frozen=True, slots=True)
class BlockedCards:
    """``count`` is how many cards changed; those activated before stay as they are."""

    batch: UUID
    first_serial: str
    last_serial: str
    count: int


class Care(Protocol):
    """Cards by their serials."""

    def card(self, *, serial: str, at: datetime) -> Card:
        """A card by its serial, as typed. Raises UnableToFindCard (``card_unknown``)."""
        ...

    def block(self, *, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
        """Raises UnableToBlockCards."""
        ...

    def unblock(self, *, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
        """A card that was blocked by itself stays so when its batch is unblocked. Raises UnableToBlockCards."""
        ...
