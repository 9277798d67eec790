"""A code becomes what it gives; wrong codes are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.worth import Worth
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
            "card_not_for_service",  # it is for one online service, and the player is in another
            "campaign_used",  # the player has had a card of this campaign
            "new_players_only",  # the player registered too long ago
            "player_frozen",  # frozen or closed: told before the code is looked up
        }
    )


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who wants to activate a card, and for which online service; None where for none in particular."""

    player: UUID
    country: str
    registered_at: datetime
    online_service: UUID | None = None


@dataclass(frozen=True, slots=True)
class CardPreview:
    """What a card will give. The code was right, and the card can be activated now."""

    serial: str
    gives: tuple[Worth, ...]
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClaimedCard:
    """A right card, locked until the transaction ends.

    ``owed`` is what the books owe for it since it was paid at ``paid_at``, and what now funds what it gives: its ``face``, or
    less where its tax was due at its sale, or what a wallet paid; zero where nobody paid. ``tax_country`` is that of a
    single-purpose card, whose tax is settled.
    """

    serial: str
    batch: UUID
    gives: tuple[Worth, ...]
    face: Money
    owed: Money
    paid_at: datetime
    tax_country: str
    fingerprint: str
    held: bool = False
    """A reseller has it in stock: its activation is its sale, which comes first."""


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


class Activation(Protocol):
    """Within a journey's transaction."""

    def code_hash(self, *, typed: str) -> str:
        """What a typed code is looked up by, whatever was typed; takes the same time for any.

        A keyed hash, and where cards of older systems are good one more for each way in which those kept their codes.
        """
        ...

    def claim(self, *, code_hash: str, by: Claimant, at: datetime) -> ClaimedCard:
        """Find the card of a code and lock it, if this player may activate it; whether is said only of a right code.

        Raises UnableToActivateCard.
        """
        ...

    def activate(
        self, *, serial: str, player: UUID, country: str, units: Money, entry_id: UUID | None, at: datetime
    ) -> ActivatedCard:
        """Mark a claimed card as activated and forget the player's guesses. In the transaction of its ``claim``.

        Raises UnableToActivateCard (``campaign_used``) where another card of its campaign came first.
        """
        ...

    def preview(self, *, code_hash: str, by: Claimant, at: datetime) -> CardPreview:
        """As ``claim``, changing and locking nothing. Raises UnableToActivateCard."""
        ...

    def activated_by(self, *, player: UUID, limit: int = 50) -> tuple[ActivatedCard, ...]:
        """A player's cards, newest first."""
        ...
