"""Reads of cards that nobody uses: how many end when, and what the books owe for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from warchest.cards.contract import BatchState, EndedBatch, EndingBatch, EndingCard, EndingStock, ExpiryWarned
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BoughtCard, ExpiryWalk, ExpiryWarning, Reseller
from warchest.cards.models import Card as CardRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.configuration import configuration

UNUSED = ("as_batch", "shipped", "sold", "returned")
"""The own states of cards that may still be activated some day."""

_IN_THE_WORLD = Q(state__in=[BatchState.HANDED_OVER, BatchState.CLOSED]) | Q(
    state=BatchState.APPROVED, virtual=True
)


def ended_batches(*, at: datetime) -> tuple[EndedBatch, ...]:
    return tuple(EndedBatch(batch=row.id, recognised=_is_recognised(row)) for row in _ending(at))


def _ending(until: datetime) -> QuerySet[BatchRow]:
    """Batches with cards that end by then and were not gone through."""
    gone_through = ExpiryWalk.objects.filter(batch=OuterRef("pk"), done_at__isnull=False)
    with_own_end = CardRow.objects.filter(expires_at__lte=until, state__in=UNUSED)
    ended = Q(expires_at__lte=until) & ~Exists(gone_through)
    by_themselves = Q(id__in=with_own_end.order_by().values("batch").distinct())
    return BatchRow.objects.filter(_IN_THE_WORLD).filter(ended | by_themselves).order_by("expires_at", "id")


def _is_recognised(row: BatchRow) -> bool:
    """Whether the countries that its cards are for let what was paid for unused ones become revenue."""
    house = configuration()
    policies = house.cards.breakage
    countries = row.regions or [row.tax_country or house.entity.country or house.community.default_country]
    usual = policies.get("*", "recognise")
    return all(policies.get(country, usual) == "recognise" for country in countries)


def highest_number(batch: BatchRow) -> int:
    """That of the last card of a batch, those included that were issued in the place of damaged ones."""
    later = CardRow.objects.filter(~Q(state="as_batch"), batch=batch, replaces__isnull=False)
    made: int = batch.quantity + batch.spares
    return max(made, later.aggregate(last=Max("number"))["last"] or 0)


def past_own_end(batch: BatchRow, *, at: datetime) -> QuerySet[CardRow]:
    return CardRow.objects.filter(batch=batch, expires_at__lte=at, state__in=UNUSED)


def ending(*, within_days: int, at: datetime) -> tuple[EndingBatch, ...]:
    until = at + timedelta(days=within_days)
    found = [one for row in _ending(until) for one in _ends_of(row) if one.ends_at <= until]
    return tuple(sorted(found, key=lambda one: (one.ends_at, one.batch)))


def _ends_of(row: BatchRow) -> Iterator[EndingBatch]:
    """The unused cards of a batch by their ends. Few differ from their batch at first: only those are read, one by one."""
    counts: dict[datetime, int] = defaultdict(int)
    owed: dict[datetime, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    each = row.face_minor - row.card_tax_minor if row.reseller else 0

    def add(end: datetime, cards: int, unpaid: int, code: str, minor: int) -> None:
        counts[end] += cards
        owed[end][row.face_currency] += unpaid * each
        owed[end][code or row.face_currency] += minor

    apart = CardRow.objects.filter(~Q(state="as_batch") | Q(blocked_at__isnull=False), batch=row)
    own = CardRow.objects.filter(batch=row, expires_at__isnull=False, state__in=UNUSED)
    sums = {
        "cards": Count("serial"),
        "unpaid": Count("serial", Q(owed_minor=None)),
        "minor": Sum("owed_minor"),
    }
    for group in own.values("expires_at", "owed_currency").annotate(**sums).order_by():
        add(group["expires_at"], group["cards"], group["unpaid"], group["owed_currency"], group["minor"] or 0)
    if row.expires_at is not None:
        with_state = apart.filter(state__in=UNUSED[1:], expires_at=None)
        for group in with_state.values("owed_currency").annotate(**sums).order_by():
            add(row.expires_at, group["cards"], group["unpaid"], group["owed_currency"], group["minor"] or 0)
        if not row.virtual:
            changed = apart.filter(~Q(state="as_batch"), replaces=None).count()
            later = own.filter(state="as_batch").count()
            left = row.quantity + row.spares - changed - later
            add(row.expires_at, left, left, "", 0)
    for end, count in counts.items():
        if count:
            yield EndingBatch(
                batch=row.id,
                series=str(row),
                reseller=row.reseller,
                ends_at=end,
                cards=count,
                amounts=tuple(
                    Money(minor, currency(code)) for code, minor in sorted(owed[end].items()) if minor
                ),
            )


def is_warning_due(*, days: int, at: datetime) -> bool:
    due = untold(days=days, at=at, limit=1)
    return bool(due.batches or due.cards)


def untold(*, days: int, at: datetime, limit: int) -> ExpiryWarned:
    """What ends within so many days and was told nobody as many days ahead, or fewer."""
    batches = [
        one
        for one in ending(within_days=days, at=at)
        if one.ends_at > at
        and not ExpiryWarning.objects.filter(
            batch=one.batch, serial="", ends_at=one.ends_at, days__lte=days
        ).exists()
    ]
    bought = _bought_ending(days, at=at, until=at + timedelta(days=days))[:limit]
    cards = [EndingCard(row.serial, row.batch_id, row.buyer_id, row.end) for row in bought]
    told = tuple(batches[:limit])
    stocks = tuple(stock for one in told for stock in _stocks(one))
    return ExpiryWarned(days=days, batches=told, stocks=stocks, cards=tuple(cards))


def _stocks(ending: EndingBatch) -> Iterator[EndingStock]:
    """Who has cards of a batch that end then: by shipments, or all of it by one delivery."""
    held = (
        CardRow.objects.filter(batch=ending.batch, holder_id__isnull=False, state__in=UNUSED[1:])
        .alias(end=Coalesce("expires_at", "batch__expires_at"))
        .filter(end=ending.ends_at)
        .values_list("holder_id")
        .annotate(count=Count("serial"))
        .order_by("holder_id")
    )
    for holder, count in held:
        yield EndingStock(ending.batch, ending.series, holder, ending.ends_at, count)
    whole = Reseller.objects.filter(name=ending.reseller).first() if ending.reseller else None
    if whole is not None:
        yield EndingStock(ending.batch, ending.series, whole.id, ending.ends_at, ending.cards)


def _bought_ending(days: int, *, at: datetime, until: datetime) -> QuerySet[BoughtCard]:
    """Unused cards that players bought, for themselves or as gifts."""
    cards = CardRow.objects.filter(serial=OuterRef("serial"), state__in=UNUSED)
    end = Subquery(cards.annotate(end=Coalesce("expires_at", "batch__expires_at")).values("end"))
    told = ExpiryWarning.objects.filter(serial=OuterRef("serial"), ends_at=OuterRef("end"), days__lte=days)
    return (
        BoughtCard.objects.filter(cancelled_at=None)
        .annotate(end=end)
        .filter(Q(end__gt=at, end__lte=until) & ~Exists(told))
        .order_by("end", "serial")
    )
