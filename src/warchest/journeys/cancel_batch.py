"""A batch is given up before any of its codes left the house. Nothing of it was in the books."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.cancel_batch")
def cancel_batch(tx: Transaction, *, batch: UUID, reason: str) -> Batch:
    """Raises UnableToAdminister and UnableToEndBatch."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.cancel")
    cancelled = tx.get(Cards).cancel(batch_id=batch, cancelled_by=clerk.id, reason=reason, at=tx.command.at)
    tx.about("batch", batch, reason=cancelled.cancellation)
    tx.announce("cards.batch_cancelled", key=str(batch), batch=batch)
    return cancelled
