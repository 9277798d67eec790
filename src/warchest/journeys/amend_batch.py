"""An administrator changes what was ordered; the owner decides anew."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Batch, BatchTerms, Cards
from warchest.catalogue.contract import Catalogue
from warchest.journeys.steps.prices import check_worth
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.amend_batch")
def amend_batch(tx: Transaction, *, batch: UUID, digest: str, terms: BatchTerms) -> Batch:
    """``digest`` is that of the order that was changed. An approval is void afterwards.

    Raises UnableToAdminister, UnableToAmendBatch, and what ``order_batch`` raises.
    """
    tx.about("batch", batch, before=digest)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.order")
    check_worth(tx.get(Accounting), tx.get(Catalogue), terms, at=tx.command.at)
    amended = tx.get(Cards).amend(
        batch_id=batch, digest=digest, terms=terms, ordered_by=clerk.id, at=tx.command.at
    )
    tx.about(
        "batch",
        batch,
        digest=amended.digest,
        version=amended.version,
        quantity=terms.quantity,
        face_total=str(terms.face_total),
    )
    tx.announce(
        "cards.batch_amended", key=str(batch), batch=batch, version=amended.version, quantity=terms.quantity
    )
    return amended
