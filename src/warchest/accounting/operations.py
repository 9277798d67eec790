"""Rates in force, and how they change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from warchest.accounting import rules
from warchest.accounting.chart import CHART
from warchest.accounting.contract import Quote, Rate, Taxed, UnableToQuote, UnableToSetRate
from warchest.accounting.models import TaxRate, UnitRate
from warchest.kernel.currency import INNER, UnableToFindCurrency
from warchest.kernel.currency import currency as find_currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.runtime.facts import Facts
from warchest.runtime.services import services

_RATE_DECIMALS = 8
_RATE_END = 10**12


def define_chart() -> None:
    services.get(Ledger).define_books(books=CHART)


def quote(*, paid: Money, at: datetime) -> Quote:
    row = (
        UnitRate.objects.filter(currency=paid.currency.code, valid_from__lte=at)
        .order_by("-valid_from")
        .first()
    )
    if row is None:
        raise UnableToQuote("currency_not_accepted", currency=paid.currency.code)
    units = paid.converted(Fraction(row.units_per_major), INNER)
    if paid.minor <= 0 or units.minor <= 0:
        raise UnableToQuote("amount_not_positive")
    return Quote(paid=paid, units=units, rate=_as_rate(row))


def rates(*, at: datetime) -> tuple[Rate, ...]:
    rows = (
        UnitRate.objects.filter(valid_from__lte=at).order_by("currency", "-valid_from").distinct("currency")
    )
    return tuple(map(_as_rate, rows))


def accepted_currencies(*, at: datetime) -> tuple[str, ...]:
    return tuple(rate.currency for rate in rates(at=at))


def set_rate(*, currency: str, units_per_major: Decimal, valid_from: datetime, at: datetime) -> Rate:
    # Units are not paid for in units.
    if find_currency(currency) == INNER:
        raise UnableToFindCurrency("currency_unknown", currency=currency)
    if not units_per_major.is_finite():
        raise UnableToSetRate("rate_not_a_number")
    if units_per_major <= 0:
        raise UnableToSetRate("rate_not_positive")
    if units_per_major >= _RATE_END:
        raise UnableToSetRate("rate_too_large")
    # What a column would round is another rate than the one that was meant.
    if (Fraction(units_per_major) * 10**_RATE_DECIMALS).denominator != 1:
        raise UnableToSetRate("rate_too_precise", decimals=_RATE_DECIMALS)
    if valid_from < at:
        raise UnableToSetRate("rate_in_past")
    row, _ = UnitRate.objects.get_or_create(
        currency=currency, valid_from=valid_from, defaults={"units_per_major": units_per_major}
    )
    if row.units_per_major != units_per_major:
        raise UnableToSetRate("rate_exists", currency=currency)
    return _as_rate(row)


def set_tax_rates(*, rates_bps: Mapping[str, int], valid_from: datetime) -> None:
    TaxRate.objects.bulk_create(
        (TaxRate(country=country, rate_bps=bps, valid_from=valid_from) for country, bps in rates_bps.items()),
        ignore_conflicts=True,
    )


def tax_rates_of(*, country: str) -> list[tuple[datetime, int]]:
    """A country's tax rates with the moment from which each is in force, the earliest first."""
    return _tax_rates.now().get(country, [])


def tax_within(*, gross: Money, country: str, at: datetime) -> Taxed:
    in_force = [rate_bps for valid_from, rate_bps in tax_rates_of(country=country) if valid_from <= at]
    return _taxed(gross.minor, gross.currency.code, country, in_force[-1] if in_force else 0)


@lru_cache(maxsize=4096)
def _taxed(gross_minor: int, code: str, country: str, rate_bps: int) -> Taxed:
    """A house has few prices, and sells at each of them many times."""
    return rules.tax_within(gross=Money(gross_minor, find_currency(code)), country=country, rate_bps=rate_bps)


def _all_tax_rates() -> dict[str, list[tuple[datetime, int]]]:
    """By country, the earliest first."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for row in TaxRate.objects.order_by("valid_from"):
        found.setdefault(row.country, []).append((row.valid_from, row.rate_bps))
    return found


_tax_rates = Facts(service="accounting", read=_all_tax_rates)


def _as_rate(row: UnitRate) -> Rate:
    return Rate(currency=row.currency, units_per_major=row.units_per_major, valid_from=row.valid_from)
