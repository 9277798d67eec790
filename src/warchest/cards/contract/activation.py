"""A code becomes what it gives; wrong codes are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.worth import Worth
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToActivateCard(UnableTo):
    """The card was not activated. Only ``card_code_unknown`` is a guess."""

    reasons = frozenset(
        {
            "card_code_unknown",  # the one answer to anything that is no whole, right code
            "card_already_activated",
            "card_blocked",
            "card_expired",
            "card_not_sold",
            "card_not_for_country",
            "player_frozen",  # frozen or closed: told before the code is looked up
        }
    )


@dataclass(frozen=True, slots=True)
class CardPreview:
    """What a card will give. The code was right, and the card can be activated now."""

    serial: str
    gives: tuple[Worth, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedCard:
    """A right card, locked until the transaction ends.

    ``paid``: someone paid its ``face``, which now funds what it gives.
    """

    serial: str
    batch: UUID
    gives: tuple[Worth, ...]
    face: Money
    paid: bool
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ActivatedCard:
    """``units`` is what the wallet got, zero where the card gave something else."""

    serial: str
    batch: UUID
    player: UUID
    gives: tuple[Worth, ...]
    units: Money
    activated_at: datetime
    entry_id: UUID | None


@dataclass(frozen=True, slots=True)
class GuessLock:
    """A player or an address that may not try codes before ``until``. ``who`` is ``player`` or ``address``."""

    who: str
    identity: str
    guesses: int
    until: datetime


class Activation(Protocol):
    """Within a journey's transaction, but for the counting of guesses."""

    def code_hash(self, *, typed: str) -> str:
        """What a typed code is looked up by, whatever was typed; takes the same time for any."""
        ...

    def claim(self, *, code_hash: str, country: str, at: datetime) -> ClaimedCard:
        """Find the card of a code and lock it, if a player of this country may activate it.

        Raises UnableToActivateCard.
        """
        ...

    def activate(
        self, *, serial: str, player: UUID, country: str, units: Money, entry_id: UUID | None, at: datetime
    ) -> ActivatedCard:
        """Mark a claimed card as activated and forget the player's guesses. In the transaction of its ``claim``."""
        ...

    def preview(self, *, code_hash: str, country: str, at: datetime) -> CardPreview:
        """As ``claim``, changing and locking nothing. Raises UnableToActivateCard."""
        ...

    def activated_by(self, *, player: UUID, limit: int = 50) -> tuple[ActivatedCard, ...]:
        """A player's cards, newest first."""
        ...

    def check_not_locked(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Raises TryAgain (``too_many_attempts``) while the player or the address is locked out."""
        ...

    @at_most_once
    def count_guess(self, *, player: UUID, client_address: str, at: datetime) -> None:
        """Count a wrong code, in a technical transaction.

        Locks by the ladder: 5 within a day for 15 minutes, 10 for half an hour, 15 for an hour, 20 for a day.
        """
        ...

    def locks(self, *, at: datetime) -> tuple[GuessLock, ...]:
        """Who is locked out at this moment, those with the most guesses first."""
        ...
