"""The register of a batch leaves the house as a file: who took it stands in the record of operations."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Batch, Cards
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.export_register")
def export_register(tx: Transaction, *, batch: UUID) -> Batch:
    """The file itself is written beside the journey, piece by piece. Raises UnableToAdminister, UnableToFindCard."""
    tx.about("batch", batch)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "batch.export")
    return tx.get(Cards).batch(batch_id=batch)
