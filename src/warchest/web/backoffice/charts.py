"""Charts as plain numbers for a template to draw, each with its table; and how states of cards are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from warchest.cards.contract import ActivationsOfDay, CardState
from warchest.kernel.money import Money
from warchest.web.backoffice.templatetags.backoffice import plain_number
from warchest.web.portal.templatetags.portal import day as written_day

CARD_STATES = {
    CardState.GENERATED: gettext_lazy("made, not handed over"),
    CardState.HANDED_OVER: gettext_lazy("handed over"),
    CardState.SPARE: gettext_lazy("spare"),
    CardState.SHIPPED: gettext_lazy("shipped"),
    CardState.SOLD: gettext_lazy("sold"),
    CardState.RETURNED: gettext_lazy("returned"),
    CardState.ACTIVATED: gettext_lazy("activated"),
    CardState.BLOCKED: gettext_lazy("blocked"),
    CardState.EXPIRED: gettext_lazy("expired"),
    CardState.VOID: gettext_lazy("void"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One day. ``height`` is its share of the highest, in thousandths; ``place`` counts days from the left."""

    place: int
    height: int
    day: date
    count: int
    amounts: tuple[Money, ...] = ()
    link: str = ""

    @property
    def top(self) -> int:
        return 1000 - self.height


@dataclass(frozen=True, slots=True)
class Chart:
    """``title`` is a sentence that says what is to be seen."""

    title: str
    columns: tuple[Column, ...]
    highest: int
    note: str = ""

    @property
    def width(self) -> int:
        return len(self.columns)

    @property
    def newest_first(self) -> tuple[Column, ...]:
        return self.columns[::-1]

    @property
    def has_amounts(self) -> bool:
        return any(column.amounts for column in self.columns)


def chart(*, title: str, days: Sequence[Any], link: str = "", note: str = "") -> Chart:
    """Of rows with ``day``, ``count`` and ``amounts``. ``link`` is a list's address with ``{day}`` and ``{next}``."""
    highest = max((row.count for row in days), default=0)
    columns = tuple(
        Column(
            place=place,
            height=row.count * 1000 // highest if highest else 0,
            day=row.day,
            count=row.count,
            amounts=row.amounts,
            link=link.format(day=row.day, next=row.day + timedelta(days=1)) if link and row.count else "",
        )
        for place, row in enumerate(days)
    )
    return Chart(title=title, columns=columns, highest=highest, note=note)


@dataclass(frozen=True, slots=True)
class _Day:
    day: date
    count: int
    amounts: tuple[Money, ...] = ()


_CURVE_DAYS_MAX = 120


def curve_of_activations(activations: Sequence[ActivationsOfDay], *, quantity: int) -> Chart | None:
    """How many cards of a batch had been activated by the end of each day; None before the first."""
    if not activations:
        return None
    by_day: Counter[date] = Counter()
    for row in activations:
        by_day[row.day] += row.count
    first, last = min(by_day), max(by_day)
    total, days = 0, []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        total += by_day[day]
        days.append(_Day(day, total))
    title = _("%(activated)s of %(quantity)s cards were activated by %(day)s.") % {
        "activated": plain_number(total),
        "quantity": plain_number(quantity),
        "day": written_day(last),
    }
    return chart(title=title, days=days[-_CURVE_DAYS_MAX:])


def by_country(activations: Sequence[ActivationsOfDay]) -> list[tuple[str, int]]:
    found: Counter[str] = Counter()
    for row in activations:
        found[row.country or "–"] += row.count
    return found.most_common(20)


_HEAT_DAYS, _HEAT_COUNTRIES, _HEAT_STEPS = 21, 12, 4


@dataclass(frozen=True, slots=True)
class Heat:
    """How many cards players of each country activated on each of the last days. ``rows``: a day, and for each country the count
    and a step from 0 to 4, by its share of the highest."""

    countries: tuple[str, ...]
    rows: tuple[tuple[date, tuple[tuple[int, int], ...], int], ...]


def by_day_and_country(activations: Sequence[ActivationsOfDay]) -> Heat | None:
    """The newest days first, the busiest countries first; None before the first activation."""
    if not activations:
        return None
    last = max(row.day for row in activations)
    since = last - timedelta(days=_HEAT_DAYS - 1)
    recent = [row for row in activations if row.day >= since]
    busiest: Counter[str] = Counter()
    cells: Counter[tuple[date, str]] = Counter()
    for row in recent:
        busiest[row.country] += row.count
        cells[row.day, row.country] += row.count
    countries = tuple(code for code, _count in busiest.most_common(_HEAT_COUNTRIES))
    highest = max(cells.values())

    def step(count: int) -> int:
        return -(-count * _HEAT_STEPS // highest)

    first = min(row.day for row in recent)
    days = [last - timedelta(days=back) for back in range((last - first).days + 1)]
    return Heat(
        countries,
        tuple(
            (
                day,
                tuple((cells[day, code], step(cells[day, code])) for code in countries),
                sum(row.count for row in recent if row.day == day),
            )
            for day in days
        ),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """A curve of balances. ``points`` are those of an SVG polyline in a box of 1000 by 1000, zero at its foot."""

    title: str
    points: str
    highest: Money
    lowest: Money
    foot: int
    first: datetime
    last: datetime


def line(*, title: str, moments: Sequence[datetime], amounts: Sequence[Money]) -> Line:
    """Between the moments the curve is straight; each is placed by when it was."""
    least, most = min(0, *(one.minor for one in amounts)), max(0, *(one.minor for one in amounts))
    height, length = (most - least) or 1, (moments[-1] - moments[0]) / timedelta(seconds=1)

    def place(at: datetime, minor: int) -> str:
        across = round((at - moments[0]) / timedelta(seconds=1) * 1000 / length)
        return f"{across},{1000 - (minor - least) * 1000 // height}"

    return Line(
        title=title,
        points=" ".join(place(at, one.minor) for at, one in zip(moments, amounts, strict=True)),
        highest=Money(most, amounts[0].currency),
        lowest=Money(least, amounts[0].currency),
        foot=1000 + least * 1000 // height,
        first=moments[0],
        last=moments[-1],
    )
