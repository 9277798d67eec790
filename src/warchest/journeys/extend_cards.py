"""An administrator gives unused cards a later end."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.cards.contract import Cards, CardSelection, ExtendedCards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.extend")
def extend_cards(
    tx: Transaction, *, selection: CardSelection, ends_at: datetime, reason: str
) -> ExtendedCards:
    """Also cards whose end has come are good again then, unless what was paid for them is booked as breakage already.

    Raises UnableToAdminister and UnableToExtendCards.
    """
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "card.extend")
    extended = tx.get(Cards).extend(
        selection=selection, ends_at=ends_at, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    serials = {"first_serial": extended.first_serial, "last_serial": extended.last_serial}
    tx.about("batch", extended.batch, **serials, count=extended.count, ends_at=ends_at.isoformat())
    tx.announce(
        "cards.extended",
        key=str(extended.batch),
        batch=extended.batch,
        **serials,
        count=extended.count,
        ends_at=ends_at,
    )
    return extended
