"""The owner approves exactly what was ordered."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.approve_batch")
def approve_batch(tx: Transaction, *, batch: UUID, digest: str) -> Batch:
    """``digest`` is the one that the owner was shown. Raises UnableToAdminister and UnableToDecideBatch."""
    tx.about("batch", batch, digest=digest)
    owner = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(owner, "batch.approve")
    approved = tx.get(Cards).approve(batch_id=batch, digest=digest, approved_by=owner.id, at=tx.command.at)
    tx.announce("cards.batch_approved", key=str(batch), batch=batch)
    return approved
