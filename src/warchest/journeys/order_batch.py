"""An administrator orders a batch of cards; the owner will decide."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Batch, BatchTerms, Cards
from warchest.catalogue.contract import Catalogue
from warchest.journeys.steps.prices import check_worth
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.order_batch")
def order_batch(tx: Transaction, *, terms: BatchTerms) -> Batch:
    """Raises UnableToAdminister, UnableToOrderBatch, and what says that its worth can't be given: UnableToQuote,
    UnableToFindInCatalogue, UnableToPrice."""
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.order")
    check_worth(tx.get(Accounting), tx.get(Catalogue), terms, at=tx.command.at)
    batch = tx.get(Cards).order(batch_id=new_id(), terms=terms, ordered_by=clerk.id, at=tx.command.at)
    tx.about(
        "batch", batch.id, digest=batch.digest, quantity=terms.quantity, face_total=str(terms.face_total)
    )
    tx.announce("cards.batch_ordered", key=str(batch.id), batch=batch.id, quantity=terms.quantity)
    return batch
