"""Codes of every alphabet: random symbols, all as likely, and a check character that finds what people mistype."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from warchest.cards import making
from warchest.cards.contract import ENTROPY_BITS_MIN, BatchTerms, Worth
from warchest.kernel.codes import ALPHABETS, check_character, is_whole, normalise, random_code
from warchest.kernel.money import Money

pytestmark = pytest.mark.use_case("CRD-05")
alphabets = some.sampled_from(sorted(ALPHABETS))


@given(alphabet=alphabets, length=some.integers(13, 32), count=some.integers(1, 40))
def test_every_code_is_whole_and_read_as_it_is_typed(alphabet: str, length: int, count: int) -> None:
    made = [code.decode() for code in making.codes(count=count, length=length, alphabet=alphabet)]
    assert len(made) == count
    for code in (*made, random_code(length=length, alphabet=alphabet)):
        assert is_whole(code, length=length, alphabet=alphabet)
        assert normalise(code.lower()) == code


@given(alphabet=alphabets, data=some.data())
def test_any_wrong_symbol_and_any_swap_of_neighbours_is_found(alphabet: str, data: some.DataObject) -> None:
    body = data.draw(some.text(alphabet=ALPHABETS[alphabet], min_size=12, max_size=31))
    code = body + check_character(body, alphabet=alphabet)
    for place, symbol in enumerate(code):
        other = data.draw(some.sampled_from([one for one in ALPHABETS[alphabet] if one != symbol]))
        wrong = code[:place] + other + code[place + 1 :]
        assert not is_whole(wrong, length=len(code), alphabet=alphabet)
    for place in range(len(code) - 1):
        swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
        assert (swapped == code) == is_whole(swapped, length=len(code), alphabet=alphabet)


@pytest.mark.parametrize("alphabet", sorted(ALPHABETS))
def test_every_symbol_is_as_likely_at_every_place(alphabet: str) -> None:
    symbols, count, length = ALPHABETS[alphabet], 64_000, 20
    made = making.codes(count=count, length=length, alphabet=alphabet)
    assert len(set(made)) == count
    expected = count / len(symbols)
    for place in range(length):
        seen = Counter(code[place : place + 1] for code in made)
        # Pearson's chi-squared with at most 31 degrees of freedom: above 80 about three times in a million fair columns.
        assert sum((seen[bytes([one])] - expected) ** 2 for one in symbols.encode()) / expected < 80


@pytest.mark.parametrize(("alphabet", "shortest"), [("crockford", 13), ("letters", 16), ("digits", 20)])
def test_entropy_counts_no_check_character(alphabet: str, shortest: int) -> None:
    euro = Money.parse("1.00", "EUR")
    for length, enough in ((shortest - 1, False), (shortest, True)):
        terms = BatchTerms(
            quantity=1, gives=(Worth.of_money(euro),), face=euro, alphabet=alphabet, code_length=length
        )
        assert (terms.entropy_bits >= ENTROPY_BITS_MIN) == enough


@given(digits=some.integers(4, 9), first=some.integers(1, 9_000), count=some.integers(1, 900))
def test_serials_count_on_in_each_length(digits: int, first: int, count: int) -> None:
    from warchest.cards import rules

    made = making.serials(prefix="AB1", series=7, first=first, count=count, digits=digits)
    assert made == [
        rules.serial(prefix="AB1", series=7, number=number, digits=digits).encode()
        for number in range(first, first + count)
    ]
