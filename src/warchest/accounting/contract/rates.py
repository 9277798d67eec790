"""What money is worth: in units, and in other currencies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToQuote(UnableTo):
    """There is no rate for this currency at this moment, or the amount is worth nothing."""

    reasons = frozenset({"currency_not_accepted", "amount_not_positive"})


class UnableToSetRate(UnableTo):
    reasons = frozenset(
        {
            "rate_not_a_number",  # not finite
            "rate_not_positive",
            "rate_too_large",
            "rate_too_precise",  # more decimals than are kept
            "rate_in_past",
            "rate_in_future",  # a day's rate is known when the day has come
            "rate_exists",
            "currencies_alike",
        }
    )


class UnableToConvert(UnableTo):
    """Nothing says what a currency was worth on a day."""

    reasons = frozenset({"exchange_rate_missing", "days_malformed", "days_too_many"})


class UnableToExchange(UnableTo):
    """This is no exchange of one currency for another."""

    reasons = frozenset(
        {
            "currencies_alike",
            "amount_not_positive",
            "exchange_in_future",
            "book_not_exchanged",  # no money lies there
        }
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """``units_per_major``: units of the inner currency (major) for one major unit of ``currency``."""

    currency: str
    units_per_major: Decimal
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class CurrencyRate:
    """One ``base`` was ``quote_per_base`` ``quote`` from the day ``rate_date`` (UTC) on, as ``source`` tells it."""

    base: str
    quote: str
    quote_per_base: Decimal
    rate_date: date
    source: str


@dataclass(frozen=True, slots=True)
class ExchangePosition:
    """What stands on the exchange account of a pair since the first exchange: what was given, and (negative) what was got
    for it. ``value`` is what it all is worth in the functional currency at the closing rate, and ``result`` what the
    exchanges have brought (positive) against making them at that rate."""

    pair: str
    balances: tuple[Money, ...]
    value: Money

    @property
    def result(self) -> Money:
        return -self.value


@dataclass(frozen=True, slots=True)
class MonetaryItem:
    """A book's money in a foreign currency over a period. ``opening`` and ``closing`` are in that currency, what is owed
    by us negative; all else in the functional one. Gains are positive.

    ``opening_value`` and ``closing_value`` are at the closing rates of the periods; ``moved_value`` is what came less what
    went, each at the rate of its day or of its exchange.
    """

    book: str
    opening: Money
    closing: Money
    opening_value: Money
    moved_value: Money
    closing_value: Money
    realised: Money

    @property
    def difference(self) -> Money:
        return self.closing_value - self.opening_value - self.moved_value

    @property
    def unrealised(self) -> Money:
        return self.difference - self.realised


@dataclass(frozen=True, slots=True)
class ExchangeDifferences:
    """Gains and losses of a half-open period, of monetary items only."""

    since: datetime
    until: datetime
    items: tuple[MonetaryItem, ...]
    positions: tuple[ExchangePosition, ...]
    realised: Money
    unrealised: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What a payment brings: ``units`` for ``paid`` at ``rate``."""

    paid: Money
    units: Money
    rate: Rate


class Rates(Protocol):
    def quote(self, *, paid: Money, at: datetime) -> Quote:
        """Raises UnableToQuote."""
        ...

    def accepted_currencies(self, *, at: datetime) -> tuple[str, ...]:
        """Currencies that have a rate at this moment, in alphabetical order."""
        ...

    def rates(self, *, at: datetime) -> tuple[Rate, ...]:
        """The rate in force of each accepted currency."""
        ...

    def set_rate(
        self, *, currency: str, units_per_major: Decimal, valid_from: datetime, at: datetime
    ) -> Rate:
        """Put a rate in force from a moment on. Raises UnableToSetRate."""
        ...

    def functional_currency(self) -> str:
        """The currency of the legal entity's books (IAS 21.8), as the configuration says."""
        ...

    def set_currency_rate(
        self, *, base: str, quote: str, quote_per_base: Decimal, rate_date: date, source: str, at: datetime
    ) -> CurrencyRate:
        """Keep what a currency was worth on a day. Said again for the same day, the last word counts and the first is kept.

        Raises UnableToSetRate, UnableToFindCurrency.
        """
        ...

    def currency_rates(self, *, at: datetime) -> tuple[CurrencyRate, ...]:
        """The last rate of each pair up to the day of this moment."""
        ...

    def exchange_rate(self, *, base: str, quote: str, at: datetime) -> Fraction:
        """``quote`` for one ``base``, exactly: as kept, or its inverse, or through a currency that has rates for both.

        Raises UnableToConvert.
        """
        ...

    def exchange_differences(self, *, since: datetime, until: datetime) -> ExchangeDifferences:
        """Realised and unrealised gains and losses on monetary items in other currencies (IAS 21.23 (a) and 21.28).

        What came is taken in at the rate of its day or, where it was exchanged, at what was given for it; what went takes
        the average of what was there with it. The difference to what was got for it is realised, the difference between
        what is left and its worth at the closing rate is not. At ``since`` all stands at the closing rate of the period
        before. Raises UnableToConvert.
        """
        ...
