"""Which facts an event makes. Pure.

Published events may lack a field, or gain one: what is missing is empty, what is unknown is passed over. After a
change of these rules ``rebuild`` counts the past by the new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.statistics.contract import DAYS_MAX, Measure, UnableToReport


@dataclass(frozen=True, slots=True)
class Cell:
    """Where in the cube of facts something is counted: the columns that tell one row from another."""

    day: date
    measure: Measure
    country: str = ""
    provider: str = ""
    service: str = ""
    source: str = ""
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """``count`` is 1, or 0 for the second currency of one event: two currencies are still one sale."""

    cell: Cell
    count: int
    amount_minor: int


def facts_of(topic: str, payload: Mapping[str, Any], occurred_at: datetime) -> Iterator[Fact]:
    """The facts of one event; none where its topic counts nothing."""
    day = occurred_at.astimezone(UTC).date()
    common = {
        "country": _text(payload, "country", length_max=2),
        "provider": _text(payload, "provider"),
        "service": _text(payload, "online_service", "service"),
        "source": _text(payload, "source"),
    }

    def counted(measure: Measure, amounts: Iterable[Money] = ()) -> Iterator[Fact]:
        found = list(amounts)
        if not found:
            yield Fact(Cell(day, measure, **common), 1, 0)
        for number, amount in enumerate(found):
            cell = Cell(day, measure, **common, currency=amount.currency.code)
            yield Fact(cell, 0 if number else 1, amount.minor)

    match topic:
        case "players.registered":
            yield from counted(Measure.REGISTRATIONS)
        case "payments.succeeded":
            yield from counted(Measure.TOP_UPS, _amounts(payload, "paid", "amount"))
            if units := _amounts(payload, "units", "credits"):
                yield from counted(Measure.UNITS_BOUGHT, units)
        case "cards.activated":
            yield from counted(Measure.CARDS_ACTIVATED, _amounts(payload, "face"))
        case "subscriptions.prolonged":
            charged = _amounts(payload, "charged", "units", "price")
            yield from counted(Measure.SUBSCRIPTIONS_SOLD, charged)
            if any(charged):
                yield from counted(Measure.UNITS_SPENT, charged)
            if commission := _amounts(payload, "commission_cost", "commissions", "commission"):
                yield from counted(Measure.COMMISSION_COST, commission)


def check_days(*, from_day: date, to_day: date) -> None:
    """Raises UnableToReport unless the range is half-open, forward and not too long."""
    if to_day < from_day:
        raise UnableToReport("days_malformed")
    if (to_day - from_day).days > DAYS_MAX:
        raise UnableToReport("days_too_many", days_max=DAYS_MAX)


def _text(payload: Mapping[str, Any], *names: str, length_max: int = 40) -> str:
    for name in names:
        value = payload.get(name)
        if value not in (None, ""):
            return str(value)[:length_max]
    return ""


def _amounts(payload: Mapping[str, Any], *names: str) -> list[Money]:
    """The amounts under the first of these names that the event has; those of one currency added up."""
    value = next((payload[name] for name in names if payload.get(name)), None)
    sums: dict[str, Money] = {}
    for one in value if isinstance(value, list) else [value]:
        if (amount := _money(one)) is not None:
            before = sums.get(amount.currency.code, Money.zero(amount.currency))
            sums[amount.currency.code] = before + amount
    return [sums[code] for code in sorted(sums)]


def _money(value: Any) -> Money | None:
    """Money as journeys publish it: ``{"minor", "currency": {"code", …}}``, or as the API writes it."""
    match value:
        case {"minor": int(minor), "currency": {"code": str(code)} | str(code)}:
            return Money(minor, currency(code))
        case {"amount": str(amount), "currency": str(code)}:
            return Money.parse(amount, code)
        case {"amount": inner}:
            return _money(inner)
    return None
