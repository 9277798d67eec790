"""What must hold of cards on live books at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Count, Exists, F, OuterRef, Q

from warchest.cards import batch_invariants, keeping, queries, rules
from warchest.cards.contract import LIABILITY_BOOK
from warchest.cards.models import Batch, Card, IssuedCode
from warchest.ledger.contract import Difference, Entry, Kept, Ledger
from warchest.runtime.invariants import Invariant, in_portions
from warchest.runtime.services import services


def _liability_differs() -> Iterator[str]:
    booked = dict(services.get(Ledger).book_sums_by_owner(book=LIABILITY_BOOK))
    activated = dict(
        Card.objects.filter(state__in=["activated", "void"], number__lte=F("batch__quantity"))
        .values_list("batch_id")
        .annotate(count=Count("serial"))
    )
    sold = dict(
        Card.objects.filter(state="sold", batch__virtual=True)
        .values_list("batch_id")
        .annotate(count=Count("serial"))
    )
    delivered = Q(handed_over_at__isnull=False) | Q(virtual=True)
    for batch in Batch.objects.filter(delivered, face_minor__gt=0).exclude(reseller=""):
        # Of printed cards all are sold with their delivery, of virtual ones each by itself.
        outstanding = sold.get(batch.id, 0) if batch.virtual else batch.quantity - activated.get(batch.id, 0)
        owed = batch.face_minor * outstanding
        found = booked.pop((str(batch.id), batch.face_currency), 0)
        if found != owed:
            yield (
                f"batch {batch}: {owed} {batch.face_currency} minor are not activated, the books say {found};"
                f" {_first_difference(batch, str(batch.id), batch.face_currency)}"
            )
    for (owner, currency), minor in booked.items():
        if minor:
            yield (
                f"the books hold {minor} {currency} minor of cards for {owner or 'nobody'}, which delivered none;"
                f" {_first_difference(None, owner, currency)}"
            )


def _first_difference(batch: Batch | None, owner: str, currency: str) -> Difference:
    return services.get(Ledger).first_difference(
        book=LIABILITY_BOOK, accounts={(owner, currency)}, kept=partial(_kept, batch)
    )


def _kept(batch: Batch | None, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    """What delivering a batch, or selling each virtual card, made us owe, and what each activation took away."""
    if batch is None:
        return
    if batch.virtual:
        yield from _kept_of_sales(batch, entries)
    else:
        yield Kept(
            entry=f"batch-delivered:{batch.id}",
            minor=batch.face_minor * batch.quantity,
            record=f"the delivery of batch {batch}",
        )
    cards = Card.objects.filter(batch=batch, state="activated").order_by("activated_at", "serial")
    if entries is not None:
        cards = cards.filter(serial__in=[entry.reference for entry in entries])
    for serial, entry_id in cards.values_list("serial", "entry_id").iterator():
        yield Kept(entry=entry_id or "", minor=-batch.face_minor, record=f"card {serial}")


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
    Invariant(
        "issued_codes", "A virtual card's code is the one that is kept for its buyer", _issued_codes_differ
    ),
    Invariant("virtual_cards_sold", "Every virtual card was issued for an order", _virtual_cards_not_issued),
    Invariant(
        "cards_liability",
        "What the books owe for cards is the face value of those sold and not activated, batch by batch",
        _liability_differs,
    ),
    Invariant(
        "card_activations_booked", "Every activated card has its journal entry", _activated_without_entry
    ),
    Invariant("batch_orders_unchanged", "Every batch is what was ordered, by its digest", _orders_changed),
    *batch_invariants.INVARIANTS,
)
