"""What must hold of cards on live books at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from django.db.models import Exists, OuterRef

from warchest.cards import (
    batch_invariants,
    bought_invariants,
    distribution_invariants,
    keeping,
    liability,
    queries,
    rules,
)
from warchest.cards.contract import LIABILITY_BOOK
from warchest.cards.models import Batch, Card, ExpiredPart, IssuedCode, ResellerLine
from warchest.ledger.contract import Difference, Entry, Kept, Ledger
from warchest.runtime.invariants import Invariant, in_portions
from warchest.runtime.services import services


def _liability_differs() -> Iterator[str]:
    booked = dict(services.get(Ledger).book_sums_by_owner(book=LIABILITY_BOOK))
    batches = {batch.id: batch for batch in Batch.objects.iterator()}
    for (batch_id, unit), (_, owed) in liability.owed_by_batch().items():
        found = booked.pop((str(batch_id), unit), 0)
        if found != owed:
            batch = batches[batch_id]
            yield (
                f"batch {batch}: {owed} {unit} minor are not activated, the books say {found};"
                f" {_first_difference(batch, str(batch_id), unit)}"
            )
    for (owner, unit), minor in booked.items():
        if minor:
            yield (
                f"the books hold {minor} {unit} minor of cards for {owner or 'nobody'}, for whom none are owed;"
                f" {_first_difference(None, owner, unit)}"
            )


def _first_difference(batch: Batch | None, owner: str, currency: str) -> Difference:
    return services.get(Ledger).first_difference(
        book=LIABILITY_BOOK, accounts={(owner, currency)}, kept=partial(_kept, batch)
    )


def _kept(batch: Batch | None, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    """What delivering a batch, or selling its cards, made us owe, and what each return and each activation took away."""
    if batch is None:
        return
    if batch.virtual and batch.reseller:
        yield from _kept_of_sales(batch, entries)
    elif batch.reseller and batch.handed_over_at is not None:
        yield Kept(
            entry=f"batch-delivered:{batch.id}",
            minor=(batch.face_minor - batch.card_tax_minor) * batch.quantity,
            record=f"the delivery of batch {batch}",
        )
    lines = ResellerLine.objects.filter(batch=batch, entry_id__isnull=False).order_by("id")
    cards = Card.objects.filter(batch=batch, state="activated").order_by("activated_at", "serial")
    if entries is not None:
        lines = lines.filter(entry_id__in=[entry.id for entry in entries])
        cards = cards.filter(serial__in=[entry.reference for entry in entries])
    by_entry: dict[UUID, int] = {}
    for entry_id, kind, face, tax in lines.values_list("entry_id", "kind", "face_minor", "tax_minor"):
        due = face - tax if kind in ("delivery", "sale") else tax - face
        by_entry[entry_id] = by_entry.get(entry_id, 0) + due
    for entry_id, minor in by_entry.items():
        yield Kept(entry=entry_id, minor=minor, record=f"what a reseller got or gave back of batch {batch}")
    parts = ExpiredPart.objects.filter(batch=batch, entry_id__isnull=False).order_by("id")
    if entries is not None:
        parts = parts.filter(entry_id__in=[entry.id for entry in entries])
    for part in parts:
        yield Kept(
            entry=part.entry_id,
            minor=-part.amount_minor,
            record=f"{part.cards} cards of batch {batch}, expired",
        )
    for card in cards.select_related("batch").iterator(chunk_size=2000):
        owed = queries.owed_of(card).minor
        yield Kept(entry=card.entry_id or "", minor=-owed, record=f"card {card.serial}")


def _kept_of_sales(batch: Batch, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    issued = IssuedCode.objects.filter(batch=batch).order_by("issued_at", "serial")
    if entries is not None:
        issued = issued.filter(serial__in=[entry.reference for entry in entries])
    for serial, taken_back_at in issued.values_list("serial", "taken_back_at").iterator():
        yield Kept(entry=f"card-sold:{serial}", minor=batch.face_minor, record=f"the sale of card {serial}")
        if taken_back_at is not None:
            yield Kept(
                entry=f"card-sale-reversed:{serial}",
                minor=-batch.face_minor,
                record=f"card {serial}, taken back",
            )


def _activated_without_entry() -> Iterator[str]:
    activated = Card.objects.filter(state="activated").select_related("batch").order_by("serial")
    for portion in in_portions(activated.iterator()):
        booked = [card.entry_id for card in portion if card.entry_id is not None]
        entries = services.get(Ledger).entries(entry_ids=booked)
        for card in portion:
            entry = entries.get(card.entry_id)
            if card.entry_id is None:
                if card.units_minor or (card.batch.reseller and card.batch.face_minor):
                    yield f"card {card.serial} is activated, and no entry was booked"
            elif entry is None or entry.reference != card.serial:
                yield f"card {card.serial} is activated, and entry {card.entry_id} does not say so"


def _orders_changed() -> Iterator[str]:
    for batch in Batch.objects.iterator():
        digest = rules.digest(
            batch_id=batch.id,
            terms=queries.terms_of(batch),
            ordered_by=batch.ordered_by,
            ordered_at=batch.ordered_at,
        )
        if digest != bytes(batch.digest):
            yield f"batch {batch} is no longer what was ordered"


def _issued_codes_differ() -> Iterator[str]:
    """Each issued code is that of its card, and of a void one nothing is kept."""
    issued = IssuedCode.objects.order_by("serial").iterator()
    for portion in in_portions(issued):
        cards = {
            card.serial: card for card in Card.objects.filter(serial__in=[row.serial for row in portion])
        }
        for row in portion:
            card = cards.get(row.serial)
            if card is None:
                yield f"card {row.serial} was issued, and there is no such card"
            elif (card.state == "void") != (row.taken_back_at is not None):
                yield f"card {row.serial} is {card.state}, and its sale says otherwise"
            elif row.sealed is not None:
                code = keeping.unseal_issued(bytes(row.sealed), serial=row.serial)
                if keeping.code_hasher()(code.encode()) != bytes(card.code_hash):
                    yield f"card {row.serial} has another code than the one that is kept for its buyer"


def _virtual_cards_not_issued() -> Iterator[str]:
    kept = IssuedCode.objects.filter(serial=OuterRef("serial"))
    for card in Card.objects.filter(~Exists(kept), batch__virtual=True):
        yield f"card {card.serial} of a virtual batch was sold to nobody"


INVARIANTS = (
    *distribution_invariants.INVARIANTS,
    Invariant(
        "issued_codes", "A virtual card's code is the one that is kept for its buyer", _issued_codes_differ
    ),
    Invariant("virtual_cards_sold", "Every virtual card was issued for an order", _virtual_cards_not_issued),
    Invariant(
        "cards_liability",
        "What the books owe for cards is what was paid for those not activated, batch by batch",
        _liability_differs,
    ),
    Invariant(
        "card_activations_booked", "Every activated card has its journal entry", _activated_without_entry
    ),
    Invariant("batch_orders_unchanged", "Every batch is what was ordered, by its digest", _orders_changed),
    *batch_invariants.INVARIANTS,
    *bought_invariants.INVARIANTS,
)
