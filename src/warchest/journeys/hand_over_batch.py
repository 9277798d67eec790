"""A batch's codes leave the house, once, encrypted to the print house's key: one asks for it, another confirms.

With the confirmation what a reseller owes for the cards enters the books. The answers hold no code; the door that lets somebody
fetch the file takes it from ``Cards.print_file``, and only the print house can read it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Batch, Cards, HandOver
from warchest.journeys.steps.card_sales import tax_in
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Administrator, Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class HandedOver:
    """``entry_id`` is None where nobody owes for the cards yet."""

    hand_over: HandOver
    batch: Batch
    entry_id: UUID | None


@journey("cards.ask_hand_over")
def ask_hand_over(tx: Transaction, *, batch: UUID, printer: str) -> HandOver:
    """``printer`` is a print house by its name. Raises UnableToAdminister and UnableToHandOverBatch."""
    tx.about("batch", batch)
    clerk = _clerk(tx)
    asked = tx.get(Cards).ask_hand_over(batch_id=batch, printer=printer, asked_by=clerk.id, at=tx.command.at)
    tx.about("batch", batch, hand_over=str(asked.id), printer=printer, fingerprint=asked.fingerprint)
    return asked


@journey("cards.withdraw_hand_over")
def withdraw_hand_over(tx: Transaction, *, hand_over: UUID) -> HandOver:
    """Raises UnableToAdminister and UnableToHandOverBatch."""
    clerk = _clerk(tx)
    withdrawn = tx.get(Cards).withdraw_hand_over(
        hand_over_id=hand_over, withdrawn_by=clerk.id, at=tx.command.at
    )
    tx.about("batch", withdrawn.batch, hand_over=str(hand_over))
    return withdrawn


@journey("cards.hand_over_batch")
def confirm_hand_over(tx: Transaction, *, hand_over: UUID, fingerprint: str) -> HandedOver:
    """``fingerprint`` is that of the key which the confirming person was shown. Raises UnableToAdminister and
    UnableToHandOverBatch."""
    clerk = _clerk(tx)
    card_tax = _card_tax(tx, hand_over)
    given = tx.get(Cards).confirm_hand_over(
        hand_over_id=hand_over,
        fingerprint=fingerprint,
        confirmed_by=clerk.id,
        card_tax=card_tax,
        at=tx.command.at,
    )
    batch = tx.get(Cards).batch(batch_id=given.batch)
    entry_id = _book_delivery(tx, batch, card_tax)
    tx.about(
        "batch",
        batch.id,
        hand_over=str(hand_over),
        recipient=given.recipient,
        fingerprint=given.fingerprint,
        cards=given.cards,
        control_digest=given.control_digest,
        entry=str(entry_id or ""),
    )
    tx.announce(
        "cards.batch_handed_over",
        key=str(batch.id),
        batch=batch.id,
        quantity=batch.terms.quantity,
        journal_entry=entry_id,
    )
    return HandedOver(hand_over=given, batch=batch, entry_id=entry_id)


@journey("cards.fetch_print_file")
def open_print_file(tx: Transaction, *, batch: UUID) -> HandOver:
    """Somebody begins to fetch the encrypted file, which is recorded. Raises UnableToAdminister and UnableToFetchPrintFile."""
    tx.about("batch", batch)
    _clerk(tx)
    waiting = tx.get(Cards).open_print_file(batch_id=batch, actor=str(tx.command.actor), at=tx.command.at)
    tx.about("batch", batch, hand_over=str(waiting.id), file_bytes=waiting.file_bytes)
    return waiting


def _clerk(tx: Transaction) -> Administrator:
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "batch.hand_over")
    return clerk


def _card_tax(tx: Transaction, hand_over: UUID) -> Money | None:
    """The tax in one card's face, where the batch is delivered whole and what its cards give is known: due with the delivery
    (VAT Directive, article 30b (1)). None where no tax is due now."""
    asked = tx.get(Cards).hand_over(hand_over_id=hand_over)
    # What was ordered no longer changes once cards are made, so it may be read before it is locked.
    terms = tx.get(Cards).batch(batch_id=asked.batch).terms if asked else None
    if terms is None or not (terms.tax_country and terms.reseller and terms.face):
        return None
    return tax_in(tx, face=terms.face, tax_country=terms.tax_country)


def _book_delivery(tx: Transaction, batch: Batch, card_tax: Money | None) -> UUID | None:
    """A batch for one reseller is delivered with its codes; our own stock is booked card by card, when it is sold."""
    terms = batch.terms
    if not terms.reseller or not terms.face:
        return None
    entry = EntryDraft(
        id=new_id(),
        key=f"batch-delivered:{batch.id}",
        kind="batch_delivered",
        occurred_at=tx.command.at,
        legs=tx.get(Accounting).batch_delivered_legs(
            batch=batch.id,
            reseller=terms.reseller,
            face=terms.face_total,
            margin=terms.margin_total,
            tax=card_tax * terms.quantity if card_tax else None,
            tax_country=terms.tax_country,
        ),
        reference=str(batch.id),
        details={"quantity": terms.quantity},
    )
    return tx.get(Ledger).post(entry=entry).entry_id
