"""What is owed for cards, from the cards themselves: the books are held to it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db.models import Count, Q, Sum

from warchest.cards import queries
from warchest.cards.contract import LiabilityOfBatch
from warchest.cards.models import Batch, Card
from warchest.kernel.currency import currency
from warchest.kernel.money import Money

ENDED = ("activated", "void", "expired")
"""Nothing is owed any more for cards in these states."""

Owed = tuple[int, int]
"""How many cards, and what is owed for them in minor units."""


def liability_by_batch() -> tuple[LiabilityOfBatch, ...]:
    owed = owed_by_batch()
    batches = Batch.objects.in_bulk({batch for batch, _ in owed})
    ended = {
        (batch, state): count
        for batch, state, count in Card.objects.filter(batch__in=batches, state__in=["activated", "expired"])
        .values_list("batch", "state")
        .annotate(count=Count("serial"))
    }
    return tuple(
        LiabilityOfBatch(
            batch=batch_id,
            series=str(batches[batch_id]),
            reseller=batches[batch_id].reseller,
            cards=count,
            owed=Money(minor, currency(unit)),
            activated=ended.get((batch_id, "activated"), 0),
            expired=ended.get((batch_id, "expired"), 0),
        )
        for (batch_id, unit), (count, minor) in sorted(
            owed.items(), key=lambda item: (str(batches[item[0][0]]), item[0][1])
        )
    )


def owed_by_batch() -> Mapping[tuple[UUID, str], Owed]:
    """Per batch and currency, also where it has come to nothing."""
    found: dict[tuple[UUID, str], Owed] = {}

    def add(batch: UUID, unit: str, count: int, minor: int) -> None:
        cards, before = found.get((batch, unit), (0, 0))
        found[batch, unit] = (cards + count, before + minor)

    # Of our own stock: each card from its payment on, by what was kept with it.
    paid = Card.objects.filter(paid_at__isnull=False).exclude(state="as_batch")
    for batch_id, unit, count, minor in (
        paid.values_list("batch", "owed_currency")
        .annotate(
            count=Count("serial", filter=~Q(state__in=ENDED)),
            minor=Sum("owed_minor", filter=~Q(state__in=ENDED)),
        )
        .order_by()
    ):
        add(batch_id, unit, count, int(minor or 0))
    for batch in Batch.objects.filter(face_minor__gt=0).exclude(reseller=""):
        if batch.virtual:
            # Issued to a store's buyers one by one.
            sold = Card.objects.filter(batch=batch, state="sold", paid_at=None).count()
            add(batch.id, batch.face_currency, sold, sold * batch.face_minor)
        elif batch.handed_over_at is not None:
            count = _of_whole(batch)
            add(batch.id, batch.face_currency, count, count * (batch.face_minor - batch.card_tax_minor))
    return found


def _of_whole(batch: Batch) -> int:
    """How many cards of a batch that was delivered whole are neither used nor over nor back with us. Only those that are
    apart from their batch are read, and what is beyond its quantity: spares in the place of spoiled cards."""
    over = Q(state__in=[*ENDED, "returned"]) | Q(paid_at__isnull=False)
    apart = Card.objects.filter(batch=batch).exclude(state="as_batch")
    gone = apart.filter(over, number__lte=batch.quantity).count()
    first, last = queries.serial_of(batch, batch.quantity + 1), _last_serial(batch)
    beyond = Card.objects.filter(batch=batch, number__gt=batch.quantity, serial__range=(first, last))
    return int(batch.quantity - gone + beyond.exclude(over).exclude(state="spare").count())


def _last_serial(batch: Batch) -> str:
    return queries.serial_of(batch, 10**batch.serial_digits - batch.first_number)
