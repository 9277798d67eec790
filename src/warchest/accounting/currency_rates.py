"""What currencies were worth, day by day. Rows are only ever added; of a day's, the last counts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from warchest.accounting.contract import CurrencyRate, UnableToConvert, UnableToSetRate
from warchest.accounting.exchange import RateTable
from warchest.accounting.models import CurrencyRate as Row
from warchest.kernel.currency import INNER, UnableToFindCurrency
from warchest.kernel.currency import currency as find_currency
from warchest.runtime.configuration import configuration

_DECIMALS = 10
_RATE_END = 10**12


def functional_currency() -> str:
    return find_currency(configuration().community.functional_currency).code


def set_currency_rate(
    *, base: str, quote: str, quote_per_base: Decimal, rate_date: date, source: str, at: datetime
) -> CurrencyRate:
    for code in (base, quote):
        # What a unit costs is the house's own price, not a rate of exchange.
        if find_currency(code) == INNER:
            raise UnableToFindCurrency("currency_unknown", currency=code)
    if base == quote:
        raise UnableToSetRate("currencies_alike")
    if not quote_per_base.is_finite():
        raise UnableToSetRate("rate_not_a_number")
    if quote_per_base <= 0:
        raise UnableToSetRate("rate_not_positive")
    if quote_per_base >= _RATE_END:
        raise UnableToSetRate("rate_too_large")
    if (Fraction(quote_per_base) * 10**_DECIMALS).denominator != 1:
        raise UnableToSetRate("rate_too_precise", decimals=_DECIMALS)
    if rate_date > at.astimezone(UTC).date():
        raise UnableToSetRate("rate_in_future")
    row = Row.objects.create(
        base=base, quote=quote, quote_per_base=quote_per_base, rate_date=rate_date, source=source
    )
    return _as_rate(row)


def currency_rates(*, at: datetime) -> tuple[CurrencyRate, ...]:
    return in_force(at.astimezone(UTC).date())


def exchange_rate(*, base: str, quote: str, at: datetime) -> Fraction:
    rate = RateTable(currency_rates(at=at)).rate(base, quote)
    if rate is None:
        raise UnableToConvert("exchange_rate_missing", currency=base, day=f"{at.astimezone(UTC):%Y-%m-%d}")
    return rate


def in_force(day: date) -> tuple[CurrencyRate, ...]:
    """The last rate of each pair up to a day, by pair."""
    rows = (
        Row.objects.filter(rate_date__lte=day)
        .order_by("base", "quote", "-rate_date", "-id")
        .distinct("base", "quote")
    )
    return tuple(map(_as_rate, rows))


def between(after: date, last: date) -> tuple[CurrencyRate, ...]:
    """All rates behind a day up to another, in the order of days and, within a day, of their recording."""
    rows = Row.objects.filter(rate_date__gt=after, rate_date__lte=last).order_by("rate_date", "id")
    return tuple(map(_as_rate, rows))


def _as_rate(row: Row) -> CurrencyRate:
    return CurrencyRate(
        base=row.base,
        quote=row.quote,
        quote_per_base=row.quote_per_base,
        rate_date=row.rate_date,
        source=row.source,
    )
