"""CRD-16: cards that an older system made are taken in, once their order is approved: all of the file, or none."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Batch, Cards
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Imported:
    """``entry_id`` is None where nobody owes for the cards yet."""

    batch: Batch
    entry_id: UUID | None


@journey("cards.import_cards")
def import_cards(tx: Transaction, *, batch: UUID, file: bytes) -> Imported:
    """``file`` is the one whose digest was approved. Raises UnableToAdminister and UnableToImportCards."""
    tx.about("batch", batch)
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.generate")
    taken = tx.get(Cards).import_cards(batch_id=batch, file=file, imported_by=clerk.id, at=tx.command.at)
    entry_id = _book(tx, taken)
    tx.about(
        "batch",
        batch,
        scheme=taken.terms.import_scheme,
        file=taken.terms.import_digest,
        cards=taken.terms.quantity,
        first_serial=taken.first_serial,
        last_serial=taken.last_serial,
        entry=str(entry_id or ""),
    )
    tx.announce(
        "cards.batch_handed_over",
        key=str(batch),
        batch=batch,
        quantity=taken.terms.quantity,
        journal_entry=entry_id,
    )
    return Imported(batch=taken, entry_id=entry_id)


def _book(tx: Transaction, batch: Batch) -> UUID | None:
    """What a reseller of the whole batch owes for it from now on; or, where the older system sold it, only what we owe for the
    cards, taken from where it stands. Cards of our own stock are booked when they are sold."""
    terms, accounting = batch.terms, tx.get(Accounting)
    if not terms.reseller or not terms.face:
        return None
    if terms.owed_from:
        kind, legs = (
            "opening",
            accounting.opening_cards_legs(batch=batch.id, face=terms.face_total, taken_from=terms.owed_from),
        )
    else:
        kind, legs = (
            "batch_delivered",
            accounting.batch_delivered_legs(
                batch=batch.id, reseller=terms.reseller, face=terms.face_total, margin=terms.margin_total
            ),
        )
    entry = EntryDraft(
        id=new_id(),
        key=f"batch-delivered:{batch.id}",
        kind=kind,
        occurred_at=tx.command.at,
        legs=legs,
        reference=str(batch.id),
        details={"quantity": terms.quantity, "import": terms.import_digest},
    )
    return tx.get(Ledger).post(entry=entry).entry_id
