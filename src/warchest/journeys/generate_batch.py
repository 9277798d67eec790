"""All cards of an approved batch are made, or none: asked for by somebody, done in the background."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.ask_for_cards")
def ask_for_cards(tx: Transaction, *, batch: UUID) -> Batch:
    """The background makes them soon. Raises UnableToAdminister and UnableToGenerateBatch."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.generate")
    return tx.get(Cards).ask_generation(batch_id=batch, asked_by=clerk.id, at=tx.command.at)


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
