"""Reads of the facts. All answer frozen rows, and whole ranges: what nothing happened in is there with zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from datetime import date, timedelta
from typing import TypeVar

from django.db.models import F, QuerySet, Sum

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime import feed
from warchest.statistics.contract import DayFigure, Dimension, Figure, Measure, Total
from warchest.statistics.models import DayFact
from warchest.statistics.operations import CONSUMER
from warchest.statistics.rules import check_days

K = TypeVar("K", bound=Hashable)
_Sums = dict[K, tuple[int, tuple[Money, ...]]]


def figures(*, from_day: date, to_day: date) -> tuple[Figure, ...]:
    found: _Sums[str] = _summed(_facts(from_day, to_day), by="measure")
    return tuple(Figure(measure, *found[measure]) for measure in Measure)


def series(*, measure: Measure, from_day: date, to_day: date) -> tuple[DayFigure, ...]:
    found: _Sums[date] = _summed(_facts(from_day, to_day).filter(measure=measure), by="day")
    days = (from_day + timedelta(days=number) for number in range((to_day - from_day).days))
    return tuple(DayFigure(day, *found[day]) for day in days)


def totals(*, measure: Measure, by: Dimension, from_day: date, to_day: date) -> tuple[Total, ...]:
    found: _Sums[str] = _summed(_facts(from_day, to_day).filter(measure=measure), by=by.value)
    most_frequent = sorted(found, key=lambda value: (-found[value][0], value))
    return tuple(Total(value, *found[value]) for value in most_frequent)


def behind() -> int:
    return feed.standing(CONSUMER).behind


def paid_minor() -> dict[tuple[str, str], int]:
    """What all top-ups of all days brought, by provider and currency, in minor units."""
    rows = DayFact.objects.filter(measure=Measure.TOP_UPS).exclude(currency="")
    sums = rows.values_list("provider", "currency").annotate(total=Sum("amount_minor")).order_by()
    return {(provider, code): int(total) for provider, code, total in sums}


def _facts(from_day: date, to_day: date) -> QuerySet[DayFact]:
    check_days(from_day=from_day, to_day=to_day)
    return DayFact.objects.filter(day__gte=from_day, day__lt=to_day)


def _summed(facts: QuerySet[DayFact], *, by: str) -> _Sums[K]:
    """Count and amounts for each value of a column. Asking for a value that is not there answers nothing counted."""
    rows: Iterable[tuple[K, str, int, int]] = (
        facts.annotate(in_currency=F("currency"))
        .values_list(by, "in_currency")
        .annotate(counted=Sum("count"), total=Sum("amount_minor"))
        .order_by(by, "in_currency")
    )
    found: _Sums[K] = defaultdict(lambda: (0, ()))
    for value, code, counted, total in rows:
        count, amounts = found[value]
        more = (Money(int(total), currency(code)),) if total else ()
        found[value] = count + int(counted), amounts + more
    return found
