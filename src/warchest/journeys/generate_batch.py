"""All cards of an approved batch are made, or none."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.generate_batch")
def generate_batch(tx: Transaction, *, batch: UUID) -> Batch:
    """Raises UnableToAdminister and UnableToGenerateBatch."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.generate")
    made = tx.get(Cards).generate(batch_id=batch, at=tx.command.at)
    tx.about("batch", batch, first_serial=made.first_serial, last_serial=made.last_serial)
    tx.announce("cards.batch_generated", key=str(batch), batch=batch, quantity=made.terms.quantity)
    return made
