"""Money is exact: nothing is lost by splitting, nothing is guessed when reading."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.currency import Currency, UnableToFindCurrency, currency, currency_codes
from warchest.kernel.money import MINOR_MAX, CurrencyMismatch, Money, UnableToReadAmount

currencies = st.sampled_from([currency(code) for code in ("EUR", "JPY", "KWD", "XCR")])
amounts = st.builds(Money, st.integers(-(10**15), 10**15), currencies)
weights = st.lists(st.integers(0, 10_000), min_size=1, max_size=30).filter(any)


class TestSplit:
    @given(amounts, weights)
    def test_sums_to_the_whole(self, amount: Money, shares: list[int]) -> None:
        assert sum((part.minor for part in amount.split(shares)), 0) == amount.minor

    @given(amounts, weights)
    def test_gives_each_its_share_within_one_minor_unit(self, amount: Money, shares: list[int]) -> None:
        for part, share in zip(amount.split(shares), shares, strict=True):
            assert abs(part.minor - Fraction(amount.minor * share, sum(shares))) < 1

    @given(amounts, weights)
    def test_gives_nothing_for_no_share(self, amount: Money, shares: list[int]) -> None:
        parts = amount.split(shares)
        assert all(not part for part, share in zip(parts, shares, strict=True) if not share)

    @pytest.mark.parametrize("shares", [[], [0], [0, 0], [1, -1], [-1, 2]])
    def test_refuses_weights_that_divide_nothing(self, shares: list[int]) -> None:
        with pytest.raises(ValueError, match=r"weights|empty"):
            Money(100, currency("EUR")).split(shares)


class TestReading:
    @given(amounts)
    def test_reads_what_it_writes(self, amount: Money) -> None:
        assert Money.parse(amount.major, amount.currency.code) == amount

    @pytest.mark.parametrize(
        ("text", "code", "minor"),
        [("10.00", "EUR", 1000), ("10", "EUR", 1000), ("10.5", "EUR", 1050), ("820", "JPY", 820),
         ("820.00", "JPY", 820), ("1.234", "KWD", 1234), ("0.01", "XCR", 1), ("-1.50", "EUR", -150)],
    )  # fmt: skip
    def test_counts_in_the_decimals_of_the_currency(self, text: str, code: str, minor: int) -> None:
        assert Money.parse(text, code).minor == minor

    @pytest.mark.parametrize(
        ("text", "reason"),
        [("", "amount_malformed"), ("ten", "amount_malformed"), ("1e3", "amount_malformed"),
         ("1,5", "amount_malformed"), (" 1", "amount_malformed"), ("+1", "amount_malformed"),
         ("01", "amount_malformed"), ("\u0661", "amount_malformed"), ("NaN", "amount_malformed"),
         ("1.005", "amount_too_precise"), ("99999999999999999", "amount_malformed")],
    )  # fmt: skip
    def test_refuses_what_is_no_exact_amount(self, text: str, reason: str) -> None:
        with pytest.raises(UnableToReadAmount) as refusal:
            Money.parse(text, "EUR")
        assert refusal.value.reason == reason

    def test_never_holds_a_float(self) -> None:
        for wrong in (1.0, True, "1"):
            with pytest.raises(TypeError):
                Money(wrong, currency("EUR"))  # type: ignore[arg-type]

    def test_fits_the_columns_that_keep_it(self) -> None:
        assert Money.parse("9" * 16, "EUR").minor < MINOR_MAX


class TestArithmetic:
    @given(amounts, amounts)
    def test_mixes_no_currencies(self, one: Money, other: Money) -> None:
        if one.currency == other.currency:
            assert (one + other) - other == one
        else:
            with pytest.raises(CurrencyMismatch):
                one + other
            with pytest.raises(CurrencyMismatch):
                assert one < other

    @given(st.integers(0, 10**12), st.fractions(Fraction(1, 1000), 1000))
    def test_converts_within_half_a_minor_unit(self, minor: int, rate: Fraction) -> None:
        paid = Money(minor, currency("JPY"))
        units = paid.converted(rate, currency("XCR"))
        assert abs(units.minor - minor * rate * 100) <= Fraction(1, 2)


class TestCurrency:
    def test_knows_how_many_decimals_each_has(self) -> None:
        assert [currency(code).exponent for code in ("EUR", "JPY", "KWD", "XCR")] == [2, 0, 3, 2]
        assert len(set(currency_codes())) == len(currency_codes())

    @pytest.mark.parametrize("code", ["", "EURO", "eur", "XXX", None])
    def test_refuses_what_is_none(self, code: str) -> None:
        with pytest.raises(UnableToFindCurrency, match="currency_unknown"):
            currency(code)

    def test_says_how_many_minor_units_make_a_major_one(self) -> None:
        assert Currency("KWD", 3).minor_per_major == 1000
