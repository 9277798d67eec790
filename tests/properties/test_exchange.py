"""Money in other currencies: whatever is exchanged, whatever the rates, no cent is lost between realised and not."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from warchest.accounting.contract import CurrencyRate
from warchest.accounting.exchange import Pool, RateTable, exchange_legs, rate_text
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Side

CODES = ("EUR", "USD", "JPY", "KWD")
amounts = st.integers(1, 10**15)
# What moves a pool: a signed quantity, and the value of one minor unit of it.
moves = st.lists(
    st.tuples(
        st.integers(-(10**9), 10**9).filter(bool),
        st.fractions(Fraction(1, 1000), 1000, max_denominator=10**6),
    ),
    max_size=30,
)


@given(moves=moves, closing_rate=st.fractions(0, 1000, max_denominator=10**6))
def test_realised_and_unrealised_are_the_whole_difference(
    moves: list[tuple[int, Fraction]], closing_rate: Fraction
) -> None:
    pool, value = Pool(), 0
    for quantity, rate in moves:
        worth = round(quantity * rate)
        pool.move(quantity, worth)
        value += worth

    closing = round(pool.quantity_minor * closing_rate)
    assert pool.quantity_minor == sum(quantity for quantity, _rate in moves)
    assert pool.realised_minor + (closing - pool.cost_minor) == closing - value
    if pool.quantity_minor == 0:
        assert pool.cost_minor == 0
    # What is there cost something, what is owed is owed at something: never the other way round.
    assert pool.cost_minor * pool.quantity_minor >= 0


@given(moves=moves)
def test_a_rate_that_never_moves_realises_only_what_rounding_does(moves: list[tuple[int, Fraction]]) -> None:
    pool, rate = Pool(), Fraction(9, 10)
    for quantity, _rate in moves:
        pool.move(quantity, round(quantity * rate))

    assert abs(pool.realised_minor) <= 2 * len(moves)


@given(
    sold=amounts, bought=amounts, codes=st.lists(st.sampled_from(CODES), min_size=2, max_size=2, unique=True)
)
def test_an_exchange_balances_in_each_currency_at_its_exact_rate(
    sold: int, bought: int, codes: list[str]
) -> None:
    given_, got = (Money(minor, currency(code)) for minor, code in zip((sold, bought), codes, strict=True))
    legs = exchange_legs(
        source=AccountRef("bank", codes[0]), sold=given_, target=AccountRef("bank", codes[1], "2"), bought=got
    )

    sums: Counter[str] = Counter()
    for leg in legs:
        sums[leg.amount.currency.code] += leg.amount.minor if leg.side is Side.DEBIT else -leg.amount.minor
    assert not any(sums.values())
    rate = Fraction(rate_text(sold=given_, bought=got))
    assert rate == Fraction(got.major) / Fraction(given_.major)
    assert given_.converted(rate, got.currency) == got


quoted = st.builds(
    CurrencyRate,
    base=st.just("EUR"),
    quote=st.sampled_from(CODES[1:]),
    quote_per_base=st.decimals("0.0001", "10000", places=6),
    rate_date=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    source=st.just("test"),
)


@given(rates=st.lists(quoted, max_size=12))
@settings(max_examples=50)
def test_rates_agree_with_each_other_in_all_directions(rates: list[CurrencyRate]) -> None:
    table = RateTable(rates)

    last: dict[str, Decimal] = {}
    for rate in sorted(rates, key=lambda one: one.rate_date):
        last[rate.quote] = rate.quote_per_base
    for code, number in last.items():
        assert table.rate("EUR", code) == Fraction(number)
        for other in last:
            there, back = table.rate(code, other), table.rate(other, code)
            assert there is not None and back is not None and there * back == 1
            assert there == Fraction(last[other]) / Fraction(number)
