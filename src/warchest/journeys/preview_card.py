"""A player sees what a card will give before confirming. A wrong code is a guess here too."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.cards.contract import CardPreview, Cards, Claimant, UnableToActivateCard
from warchest.members.contract import Members
from warchest.runtime.services import services


def preview_card(
    *,
    player: UUID,
    code: str,
    at: datetime,
    client_address: str = "",
    online_service: UUID | None = None,
) -> CardPreview:
    """Changes nothing but the count of guesses, so it needs no key.

    Raises UnableToActivateCard, UnableToFindPlayer, and TryAgain (``too_many_attempts``).
    """
    cards = services.get(Cards)
    holder = services.get(Members).player(player_id=player)
    claimant = Claimant(player, holder.country, holder.registered_at, online_service)
    cards.check_not_locked(player=player, client_address=client_address, at=at)
    try:
        return cards.preview(code_hash=cards.code_hash(typed=code), by=claimant, at=at)
    except UnableToActivateCard as refusal:
        if refusal.reason == "card_code_unknown":
            cards.count_guess(player=player, client_address=client_address, at=at)
        raise
