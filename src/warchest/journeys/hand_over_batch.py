"""A batch's codes leave the house, once; what the reseller owes for them enters the books.

The answer holds no code. The door makes a one-time key of 32 random bytes, passes it here, and straight afterwards
calls ``Cards.fetch_print_file`` with it; neither the key nor a plain code is ever stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class HandedOver:
    """``file_until``: the codes must have been fetched by then. ``entry_id`` is None where nobody owes for them."""

    batch: UUID
    first_serial: str
    last_serial: str
    quantity: int
    recipient: str
    file_until: datetime | None
    entry_id: UUID | None


@journey("cards.hand_over_batch")
def hand_over_batch(tx: Transaction, *, batch: UUID, recipient: str, one_time_key: bytes) -> HandedOver:
    """``recipient`` says who gets the codes: the print house, the desk. Raises UnableToAdminister and
    UnableToHandOverBatch."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.hand_over")
    given = tx.get(Cards).hand_over(
        batch_id=batch,
        recipient=recipient,
        one_time_key=one_time_key,
        handed_over_by=clerk.id,
        at=tx.command.at,
    )
    terms = given.terms
    entry_id = None
    if terms.reseller and terms.face:
        entry = EntryDraft(
            id=new_id(),
            key=f"batch-delivered:{batch}",
            kind="batch_delivered",
            occurred_at=tx.command.at,
            legs=tx.get(Accounting).batch_delivered_legs(
                batch=batch, reseller=terms.reseller, face=terms.face_total, margin=terms.margin_total
            ),
            reference=str(batch),
            details={"quantity": terms.quantity},
        )
        entry_id = tx.get(Ledger).post(entry=entry).entry_id
    tx.about("batch", batch, recipient=given.recipient, quantity=terms.quantity, entry=str(entry_id or ""))
    tx.announce(
        "cards.batch_handed_over",
        key=str(batch),
        batch=batch,
        quantity=terms.quantity,
        journal_entry=entry_id,
    )
    return HandedOver(
        batch=batch,
        first_serial=given.first_serial,
        last_serial=given.last_serial,
        quantity=terms.quantity,
        recipient=given.recipient,
        file_until=given.file_until,
        entry_id=entry_id,
    )
