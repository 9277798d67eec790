"""Money in other currencies: legs of an exchange, rates between currencies, gains and losses. Pure.

Whatever is rounded is rounded half to even to a minor unit of the functional currency, once, and taken away whole: what is
left of an average cost keeps the rest, so that all realised and unrealised parts sum to the difference, to the last cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from warchest.accounting.chart import EXCHANGED_BOOKS
from warchest.accounting.contract import CurrencyRate, UnableToExchange
from warchest.kernel.currency import Currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Leg, Side, credit, debit

EXCHANGE_BOOK = "exchange"


def exchange_legs(*, source: AccountRef, sold: Money, target: AccountRef, bought: Money) -> tuple[Leg, ...]:
    if source.currency == target.currency:
        raise UnableToExchange("currencies_alike")
    if sold.minor <= 0 or bought.minor <= 0:
        raise UnableToExchange("amount_not_positive")
    if not {source.book, target.book} <= EXCHANGED_BOOKS:
        raise UnableToExchange("book_not_exchanged")
    if (sold.currency.code, bought.currency.code) != (source.currency, target.currency):
        raise ValueError("the amounts are in other currencies than their accounts")
    pair = pair_of(source.currency, target.currency)
    return (
        debit(EXCHANGE_BOOK, sold, owner=pair),
        credit(source.book, sold, owner=source.owner),
        debit(target.book, bought, owner=target.owner),
        credit(EXCHANGE_BOOK, bought, owner=pair),
    )


def pair_of(one: str, other: str) -> str:
    """Whose exchange account it is: the same whichever of the two was sold."""
    return "-".join(sorted((one, other)))


class RateTable:
    """The rates in force on one day, each pair once."""

    def __init__(self, rates: Iterable[CurrencyRate]) -> None:
        self._kept: dict[tuple[str, str], tuple[CurrencyRate, Fraction]] = {}
        for rate in rates:
            self.put(rate)

    def put(self, rate: CurrencyRate) -> None:
        """A later rate replaces an earlier one of its pair, whichever of the two is quoted."""
        exact = Fraction(rate.quote_per_base)
        for pair, value in (((rate.base, rate.quote), exact), ((rate.quote, rate.base), 1 / exact)):
            known = self._kept.get(pair)
            if known is None or known[0].rate_date <= rate.rate_date:
                self._kept[pair] = rate, value

    def rate(self, base: str, quote: str) -> Fraction | None:
        """``quote`` for one ``base``; through a third currency, the first in the alphabet that has both, where need be."""
        if base == quote:
            return Fraction(1)
        if found := self._kept.get((base, quote)):
            return found[1]
        for third in sorted({one for one, _ in self._kept}):
            first, second = self._kept.get((base, third)), self._kept.get((third, quote))
            if first and second:
                return first[1] * second[1]
        return None


@dataclass(slots=True)
class Pool:
    """The money of a book in a foreign currency at average cost. ``quantity_minor`` is in that currency, ``cost_minor`` and
    ``realised_minor`` in the functional one; both of the first are negative where we owe."""

    quantity_minor: int = 0
    cost_minor: int = 0
    realised_minor: int = 0

    def move(self, quantity_minor: int, value_minor: int) -> None:
        """What came (positive) or went (negative), and what it was worth then; both of one sign.

        What turns a claim into a debt, or the other way round, closes the one and opens the other at its own value.
        """
        held = self.quantity_minor
        closed = min(abs(quantity_minor), abs(held)) if held * quantity_minor < 0 else 0
        if closed:
            of_value = round(Fraction(value_minor * closed, abs(quantity_minor)))
            of_cost = round(Fraction(self.cost_minor * closed, abs(held)))
            self.realised_minor -= of_value + of_cost
            self.cost_minor -= of_cost
            value_minor -= of_value
        self.quantity_minor += quantity_minor
        self.cost_minor += value_minor


def value_of(amount: Money, rate: Fraction, functional: Currency) -> int:
    """In minor units of the functional currency."""
    return amount.converted(rate, functional).minor


def exchange_value(legs: Sequence[Leg], *, table: RateTable, functional: Currency) -> Money | None:
    """What an exchange moved, in the functional currency: what was given or got of it; between two others, what was given
    at the rate of the day (IAS 21.21). None where there is no rate."""
    moved = [leg for leg in legs if leg.book == EXCHANGE_BOOK]
    for leg in moved:
        if leg.amount.currency == functional:
            return leg.amount
    given = next(leg.amount for leg in moved if leg.side is Side.DEBIT)
    rate = table.rate(given.currency.code, functional.code)
    return None if rate is None else given.converted(rate, functional)


def moves(
    legs: Iterable[Leg], value: Money, *, functional: Currency
) -> Mapping[tuple[str, str], list[tuple[int, int]]]:
    """How an exchange of this value moves the pools of other currencies: signed quantities and values by book and currency."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for leg in legs:
        if leg.book != EXCHANGE_BOOK and leg.amount.currency != functional:
            sign = 1 if leg.side is Side.DEBIT else -1
            found.setdefault((leg.book, leg.amount.currency.code), []).append(
                (sign * leg.amount.minor, sign * value.minor)
            )
    return found


def rate_text(*, sold: Money, bought: Money) -> str:
    """What one unit of what was sold brought, exactly: a decimal number where it ends, else a fraction."""
    rate = Fraction(bought.minor, bought.currency.minor_per_major) / Fraction(
        sold.minor, sold.currency.minor_per_major
    )
    for decimals in range(13):
        scaled = rate * 10**decimals
        if scaled.denominator == 1:
            digits = str(scaled.numerator).rjust(decimals + 1, "0")
            return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return str(rate)
