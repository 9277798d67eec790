"""A batch is over: what lies in the house of it becomes void, and what is out stays good.

Books change only where no code ever left the house although the cards were booked as delivered: then the delivery is reversed.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards, ClosedBatch
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Closed:
    """``void`` cards can't be activated any more. ``entry_id`` is that of the delivery's reversal, where there was one."""

    batch: UUID
    void: int
    entry_id: UUID | None


@journey("cards.close_batch")
def close_batch(tx: Transaction, *, batch: UUID) -> Closed:
    """Raises UnableToAdminister and UnableToEndBatch."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.close")
    ended = tx.get(Cards).close(batch_id=batch, closed_by=clerk.id, at=tx.command.at)
    entry_id = _reverse_delivery(tx, ended) if ended.taken_back and ended.batch.terms.face else None
    tx.about("batch", batch, void=ended.void, entry=str(entry_id or ""))
    tx.announce("cards.batch_closed", key=str(batch), batch=batch, void=ended.void, journal_entry=entry_id)
    return Closed(batch=batch, void=ended.void, entry_id=entry_id)


def _reverse_delivery(tx: Transaction, ended: ClosedBatch) -> UUID:
    terms = ended.batch.terms
    face = terms.face * ended.taken_back
    is_all = ended.taken_back == terms.quantity
    entry = EntryDraft(
        id=new_id(),
        key=f"batch-closed:{ended.batch.id}",
        kind="card_sale_reversed",
        occurred_at=tx.command.at,
        legs=tx.get(Accounting).card_sale_reversed_legs(
            batch=ended.batch.id,
            reseller=terms.reseller,
            face=face,
            margin=terms.margin_total if is_all else face.portion(terms.margin_bps, 10_000),
            tax=ended.card_tax * ended.taken_back,
            tax_country=terms.tax_country,
        ),
        reference=str(ended.batch.id),
        details={"quantity": ended.taken_back},
    )
    return tx.get(Ledger).post(entry=entry).entry_id
