"""Which facts an event makes. Pure.

Published events may lack a field, or gain one: what is missing is empty, what is unknown is passed over. After a
change of these rules ``rebuild`` counts the past by the new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from warchest.kernel.currency import INNER, currency
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

    def counted(measure: Measure, amounts: Iterable[Money] = (), *, source: str = "") -> Iterator[Fact]:
        where = Cell(
            day=day,
            measure=measure,
            country=_text(payload, "country", length_max=2),
            provider=_text(payload, "provider"),
            service=_text(payload, "online_service"),
            source=source or _text(payload, "source"),
        )
        found: list[Money | None] = [*amounts] or [None]
        for number, amount in enumerate(found):
            cell = replace(where, currency=amount.currency.code) if amount else where
            yield Fact(cell, 0 if number else 1, amount.minor if amount else 0)

    match topic:
        case "players.registered":
            yield from counted(Measure.REGISTRATIONS)
        case "payments.succeeded":
            yield from counted(Measure.TOP_UPS, _amounts(payload, "amount"))
            yield from counted(
                Measure.UNITS_RECEIVED, _amounts(payload, "units", INNER.code), source="top_up"
            )
        case "cards.activated":
            yield from counted(Measure.CARDS_ACTIVATED, _amounts(payload, "paid"))
            if units := _amounts(payload, "units", INNER.code):
                yield from counted(Measure.UNITS_RECEIVED, units, source="card")
        case "subscriptions.prolonged":
            charged = _amounts(payload, "charged", INNER.code)
            yield from counted(Measure.SUBSCRIPTIONS_SOLD, charged)
            if charged:
                yield from counted(Measure.UNITS_SPENT, charged, source="subscription")
            if commission := _amounts(payload, "commission"):
                yield from counted(Measure.COMMISSION_COST, commission)
        case "holds.captured":
            yield from counted(Measure.UNITS_SPENT, _amounts(payload, "units", INNER.code), source="hold")


def check_days(*, from_day: date, to_day: date) -> None:
    """Raises UnableToReport unless the range is half-open, forward and not too long."""
    if to_day < from_day:
        raise UnableToReport("days_malformed")
    if (to_day - from_day).days > DAYS_MAX:
        raise UnableToReport("days_too_many", days_max=DAYS_MAX)


def _text(payload: Mapping[str, Any], name: str, *, length_max: int = 40) -> str:
    value = payload.get(name)
    return "" if value is None else str(value)[:length_max]


def _amounts(payload: Mapping[str, Any], name: str, code: str = "") -> list[Money]:
    """What an event says of an amount, without zeros and those of one currency added up.

    It stands in ``<name>_minor``, in the currency ``code`` or else that of the event, or as money or a list of
    such under ``<name>``.
    """
    if isinstance(minor := payload.get(f"{name}_minor"), int):
        unit = code or payload.get("currency")
        found = [Money(minor, currency(unit))] if unit else []
    else:
        value = payload.get(name)
        found = [_money(one) for one in (value if isinstance(value, list) else [value]) if one]
    sums: dict[str, Money] = {}
    for amount in found:
        sums[amount.currency.code] = amount + sums.get(amount.currency.code, Money.zero(amount.currency))
    return [sums[each] for each in sorted(sums) if sums[each]]


def _money(value: Any) -> Money:
    """Money as ``runtime.wire`` writes it. Anything else is a mistake: the event is set aside, as ``prove`` says."""
    match value:
        case {"minor": int(minor), "currency": {"code": str(code)}}:
            return Money(minor, currency(code))
    raise ValueError(f"no amount: {value!r}")
