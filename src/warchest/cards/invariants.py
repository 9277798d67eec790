"""What must hold of cards on live books at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from django.db.models import Count, Exists, F, OuterRef, Q

from warchest.cards import queries, rules
from warchest.cards.contract import LIABILITY_BOOK
from warchest.cards.models import Batch, Card, PrintFile
from warchest.ledger.contract import Difference, Entry, Kept, Ledger
from warchest.runtime.invariants import Invariant, in_portions
from warchest.runtime.services import services


def _liability_differs() -> Iterator[str]:
    booked = dict(services.get(Ledger).book_sums_by_owner(book=LIABILITY_BOOK))
    activated = dict(
        Card.objects.filter(state="activated").values_list("batch_id").annotate(count=Count("serial"))
    )
    for batch in Batch.objects.filter(handed_over_at__isnull=False, face_minor__gt=0).exclude(reseller=""):
        owed = batch.face_minor * (batch.quantity - activated.get(batch.id, 0))
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
    """What delivering a batch made us owe, and what each activation took away."""
    if batch is None:
        return
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


def _batches_not_whole() -> Iterator[str]:
    counted = Batch.objects.annotate(cards=Count("card"))
    too_early = Q(generated_at=None, cards__gt=0)
    not_all = Q(generated_at__isnull=False) & ~Q(cards=F("quantity"))
    for batch in counted.filter(too_early | not_all):
        yield f"batch {batch} of {batch.quantity} has {batch.cards} cards"


def _codes_left_lying() -> Iterator[str]:
    kept = Exists(PrintFile.objects.filter(batch=OuterRef("pk")))
    for batch in Batch.objects.filter(kept, handed_over_at__isnull=False, file_until=None):
        yield f"batch {batch} was handed over, and its sealed codes are still kept"


INVARIANTS = (
    Invariant(
        "cards_liability",
        "What the books owe for cards is the face value of those sold and not activated, batch by batch",
        _liability_differs,
    ),
    Invariant(
        "card_activations_booked", "Every activated card has its journal entry", _activated_without_entry
    ),
    Invariant("batch_orders_unchanged", "Every batch is what was ordered, by its digest", _orders_changed),
    Invariant("batches_whole", "A batch has all of its cards or none", _batches_not_whole),
    Invariant("codes_not_kept", "No sealed code outlives its hand-over", _codes_left_lying),
)
