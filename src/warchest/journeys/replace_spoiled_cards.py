"""The press spoiled some cards: they become void, and spares take their places. The books stay as they are."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, Replaced
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.replace_spoiled")
def replace_spoiled_cards(
    tx: Transaction, *, batch: UUID, serials: tuple[str, ...], reason: str
) -> tuple[Replaced, ...]:
    """Raises UnableToAdminister and UnableToReplaceSpoiled."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.hand_over")
    replaced = tx.get(Cards).replace_spoiled(
        batch_id=batch, serials=serials, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about(
        "batch", batch, spoiled=[one.spoiled for one in replaced], spares=[one.spare for one in replaced]
    )
    return replaced
