"""What the league sells, for what, and what money is worth there: plain figures, the same in every demo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from uuid import NAMESPACE_URL, UUID, uuid5

from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit

RATE_CHANGE_DAY = 190
"""On this day of the year that is filled in, the second rates take effect."""

# Units for one major unit: at first, and since the change. What is worth a euro is a hundred units throughout.
RATES = {
    "EUR": ("100", None),
    "USD": ("93", "91"),
    "GBP": ("117", "119"),
    "JPY": ("0.62", "0.60"),
    "CHF": ("104", "106"),
    "PLN": ("23", "23.5"),
}

# What one euro was at first; each month it moves by some thousandths of that.
CURRENCY_RATES = {"USD": "1.0753", "GBP": "0.8547", "JPY": "161.29", "CHF": "0.9615", "PLN": "4.3478"}
MOVES = (0, 4, 9, 6, 13, 11, 18, 22, 17, 25, 31, 28, 34)

# Standard rates of value added tax in hundredths of a per cent: Your Europe, "VAT rules and rates", as of January 2026;
# then the United Kingdom, Switzerland, Norway and Japan. The United States have none at this level.
TAX_BPS = {
    "AT": 2000, "BE": 2100, "BG": 2000, "CY": 1900, "CZ": 2100, "DE": 1900, "DK": 2500, "EE": 2400, "ES": 2100,
    "FI": 2550, "FR": 2000, "GR": 2400, "HR": 2500, "HU": 2700, "IE": 2300, "IT": 2200, "LT": 2100, "LU": 1700,
    "LV": 2100, "MT": 1800, "NL": 2100, "PL": 2300, "PT": 2300, "RO": 2100, "SE": 2500, "SI": 2200, "SK": 2300,
    "GB": 2000, "CH": 810, "NO": 2500, "JP": 1000, "US": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    code: str
    names: Mapping[str, str]
    texts: Mapping[str, str]

    @property
    def id(self) -> UUID:
        return _id(f"service/{self.code}")


@dataclass(frozen=True, slots=True)
class Plan:
    """``units``: the price of one term in whole units of the inner currency; ``share``: how many of ten choose it."""

    code: str
    service: str
    names: Mapping[str, str]
    term: Term
    units: int
    prices: tuple[str, ...]
    share: int

    @property
    def id(self) -> UUID:
        return _id(f"plan/{self.code}")

    @property
    def price(self) -> Money:
        return Money.units(self.units * INNER.minor_per_major)


SERVICES = (
    Service(
        "arena",
        {"en": "Ironhold Arena", "de": "Arena Ironhold"},
        {
            "en": "Ranked matches, seasons and leagues, with replays kept for a year.",
            "de": "Gewertete Spiele, Saisons und Ligen; Aufzeichnungen bleiben ein Jahr.",
        },
    ),
    Service(
        "war-council",
        {"en": "War Council", "de": "Kriegsrat"},
        {
            "en": "Voice rooms, tactics boards and a calendar for your guild.",
            "de": "Sprachräume, Taktiktafeln und ein Kalender für deine Gilde.",
        },
    ),
    Service(
        "academy",
        {"en": "Sword Academy", "de": "Schwertakademie"},
        {
            "en": "Lessons, drills and an hour with a coach each month.",
            "de": "Lektionen, Übungen und jeden Monat eine Stunde mit einem Trainer.",
        },
    ),
)

_MONTH, _QUARTER, _YEAR = Term(1, TermUnit.MONTH), Term(3, TermUnit.MONTH), Term(1, TermUnit.YEAR)
_TERM_NAMES = {
    _MONTH: {"en": "One month", "de": "Ein Monat"},
    _QUARTER: {"en": "Three months", "de": "Drei Monate"},
    _YEAR: {"en": "One year", "de": "Ein Jahr"},
}


def _plan(code: str, service: str, term: Term, units: int, share: int, *prices: str) -> Plan:
    return Plan(code, service, _TERM_NAMES[term], term, units, prices, share)


PLANS = (
    _plan("arena-month", "arena", _MONTH, 500, 40, "5.00 EUR", "5.50 USD", "4.30 GBP", "820 JPY"),
    _plan("arena-quarter", "arena", _QUARTER, 1350, 12, "13.50 EUR", "14.80 USD", "11.60 GBP", "2200 JPY"),
    _plan("arena-year", "arena", _YEAR, 4800, 4, "48.00 EUR", "52.80 USD", "41.30 GBP", "7900 JPY"),
    _plan("war-council-month", "war-council", _MONTH, 300, 22, "3.00 EUR", "3.30 USD", "2.60 GBP", "490 JPY"),
    _plan(
        "war-council-quarter", "war-council", _QUARTER, 800, 6, "8.00 EUR", "8.80 USD", "6.90 GBP", "1300 JPY"
    ),
    _plan(
        "war-council-year", "war-council", _YEAR, 2900, 2, "29.00 EUR", "31.90 USD", "25.00 GBP", "4800 JPY"
    ),
    _plan("academy-month", "academy", _MONTH, 900, 10, "9.00 EUR", "9.90 USD", "7.70 GBP", "1500 JPY"),
    _plan("academy-quarter", "academy", _QUARTER, 2450, 3, "24.50 EUR", "26.90 USD", "21.10 GBP", "4000 JPY"),
    _plan("academy-year", "academy", _YEAR, 8900, 1, "89.00 EUR", "97.90 USD", "76.60 GBP", "14600 JPY"),
)


def units_for(paid: Money, *, changed: bool) -> Money:
    """What a payment brings, before or after the change of rates: as ``Accounting.quote`` will say."""
    first, second = RATES[paid.currency.code]
    return paid.converted(Fraction(Decimal((second if changed else None) or first)), INNER)


def _id(path: str) -> UUID:
    # The same in every demo, so that a game server's configuration survives a new start from nothing.
    return uuid5(NAMESPACE_URL, f"https://ironhold.example/{path}")
