"""The owner refuses a batch, and says why."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.refuse_batch")
def refuse_batch(tx: Transaction, *, batch: UUID, reason: str) -> Batch:
    """Raises UnableToAdminister and UnableToDecideBatch."""
    tx.about("batch", batch)
    owner = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(owner, "batch.approve")
    refused = tx.get(Cards).refuse(batch_id=batch, refused_by=owner.id, reason=reason, at=tx.command.at)
    tx.announce("cards.batch_refused", key=str(batch), batch=batch)
    return refused
