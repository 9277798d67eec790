"""What was paid for a bundle is shared among its parts exactly, in proportion to what each costs by itself."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from warchest.journeys.steps.prices import in_proportion
from warchest.kernel.currency import currency
from warchest.kernel.money import MINOR_MAX, Money

EURO = currency("EUR")
paid = st.integers(0, MINOR_MAX).map(lambda minor: Money(minor, EURO))
prices = st.fractions(min_value=0, max_value=10**12, max_denominator=10**9)
some_prices = st.lists(prices, min_size=1, max_size=8).filter(any)


@given(paid, some_prices)
def test_parts_sum_to_what_was_paid(paid: Money, prices: list[Fraction]) -> None:
    parts = in_proportion(paid, prices)
    assert sum((part.minor for part in parts), 0) == paid.minor
    assert all(part.minor >= 0 for part in parts)


@given(paid, some_prices)
def test_each_part_is_within_one_minor_unit_of_its_exact_share(paid: Money, prices: list[Fraction]) -> None:
    whole = sum(prices)
    for part, price in zip(in_proportion(paid, prices), prices, strict=True):
        assert abs(part.minor - paid.minor * price / whole) < 1


@given(paid, some_prices, st.fractions(min_value=Fraction(1, 10**6), max_value=10**6))
def test_only_the_proportion_counts_not_the_currency_of_the_prices(
    paid: Money, prices: list[Fraction], rate: Fraction
) -> None:
    assert in_proportion(paid, prices) == in_proportion(paid, [price * rate for price in prices])


@given(paid, prices.filter(bool))
def test_one_thing_alone_gets_all(paid: Money, price: Fraction) -> None:
    assert in_proportion(paid, [price]) == (paid,)
