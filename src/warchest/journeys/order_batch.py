"""An administrator orders a batch of cards; the owner will decide."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Batch, BatchTerms, Cards
from warchest.catalogue.contract import Catalogue
from warchest.kernel.currency import INNER
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.order_batch")
def order_batch(tx: Transaction, *, terms: BatchTerms) -> Batch:
    """Raises UnableToAdminister, UnableToOrderBatch, and what says that its worth can't be given: UnableToQuote,
    UnableToFindInCatalogue."""
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.order")
    for worth in terms.gives:
        if worth.money is not None and worth.money.currency != INNER:
            tx.get(Accounting).quote(paid=worth.money, at=tx.command.at)
        if worth.plan is not None:
            tx.get(Catalogue).plan(plan_id=worth.plan, at=tx.command.at)
    batch = tx.get(Cards).order(batch_id=new_id(), terms=terms, ordered_by=clerk.id, at=tx.command.at)
    tx.about(
        "batch", batch.id, digest=batch.digest, quantity=terms.quantity, face_total=str(terms.face_total)
    )
    tx.announce("cards.batch_ordered", key=str(batch.id), batch=batch.id, quantity=terms.quantity)
    return batch
