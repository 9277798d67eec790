"""Codes and serials: what chance makes of them, and which typing errors they find."""

from __future__ import annotations

import hmac
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from warchest.cards import keeping, making, rules
from warchest.kernel.codes import ALPHABET, check_character, grouped, is_whole, normalise, random_code
from warchest.runtime.secrets import secret

lengths = some.integers(min_value=13, max_value=32)
bodies = some.text(alphabet=ALPHABET, min_size=12, max_size=31)


@given(length=lengths, count=some.integers(min_value=1, max_value=50))
def test_every_code_is_whole(length: int, count: int) -> None:
    made = making.codes(count=count, length=length)
    assert len(made) == count
    assert all(is_whole(code.decode(), length=length) for code in made)


@given(body=bodies, data=some.data())
def test_any_single_wrong_symbol_is_found(body: str, data: some.DataObject) -> None:
    code = body + check_character(body)
    place = data.draw(some.integers(0, len(code) - 1))
    wrong = data.draw(some.sampled_from([symbol for symbol in ALPHABET if symbol != code[place]]))
    assert not is_whole(code[:place] + wrong + code[place + 1 :], length=len(code))


@given(body=bodies)
def test_any_swap_of_neighbours_is_found(body: str) -> None:
    code = body + check_character(body)
    for place in range(len(code) - 1):
        one, other = code[place], code[place + 1]
        if one != other:
            assert not is_whole(code[:place] + other + one + code[place + 2 :], length=len(code))


@given(length=lengths, lower=some.booleans(), size=some.integers(min_value=1, max_value=8))
def test_a_code_survives_how_people_type_it(length: int, lower: bool, size: int) -> None:
    code = random_code(length=length)
    typed = grouped(code, size=size).replace("0", "O").replace("1", "l")
    assert normalise(typed.lower() if lower else typed) == code


@given(code=some.text(alphabet=ALPHABET, min_size=1, max_size=32))
def test_the_keyed_hash_is_hmac_sha_256(code: str) -> None:
    expected = hmac.digest(secret("card-codes"), code.encode(), "sha256")
    assert keeping.code_hasher()(code.encode()) == keeping.hashes_of_typed(code)[0] == expected


def test_codes_are_unlike_and_every_symbol_is_as_likely_at_every_place() -> None:
    count = 64_000
    made = making.codes(count=count, length=16)
    assert len(set(made)) == count
    for place in range(16):
        seen = Counter(code[place : place + 1] for code in made)
        assert len(seen) == 32
        # Pearson's chi-squared with 31 degrees of freedom: above 80 about three times in a million fair columns.
        assert sum((seen[bytes([symbol])] - 2000) ** 2 for symbol in ALPHABET.encode()) / 2000 < 80


def test_neighbouring_symbols_and_neighbouring_codes_do_not_tell_of_each_other() -> None:
    made = making.codes(count=64_000, length=16)
    columns = [bytes(code[place] for code in made) for place in range(16)]
    for one, other in [*pairwise(columns[:-1]), (columns[0][:-1], columns[0][1:])]:
        pairs = Counter(zip(one, other, strict=False))
        expected = len(one) / 1024
        # 1023 degrees of freedom: mean 1023, deviation 45; above 1300 is six deviations.
        assert sum((pairs[pair] - expected) ** 2 for pair in pairs) / expected < 1300


prefixes = some.from_regex(r"\A(?:[A-Z][A-Z0-9]{0,5})?\Z")
series = some.integers(min_value=1, max_value=9999)
numbers = some.integers(min_value=1, max_value=5_000_000)


@settings(max_examples=50)
@given(prefix=prefixes, series=series, first=numbers, count=some.integers(min_value=1, max_value=2500))
def test_serials_made_at_once_are_those_made_one_by_one(
    prefix: str, series: int, first: int, count: int
) -> None:
    made = making.serials(prefix=prefix, series=series, first=first, count=count)
    assert len(made) == count
    for place in {0, count // 2, count - 1}:
        assert made[place].decode() == rules.serial(prefix=prefix, series=series, number=first + place)


@given(one=some.tuples(prefixes, series, numbers), other=some.tuples(prefixes, series, numbers))
def test_serials_are_one_only_where_all_parts_are(
    one: tuple[str, int, int], other: tuple[str, int, int]
) -> None:
    serials = [rules.serial(prefix=parts[0], series=parts[1], number=parts[2]) for parts in (one, other)]
    assert (serials[0] == serials[1]) == (one == other)


@given(series=series, number=numbers, data=some.data())
def test_any_single_wrong_digit_and_any_swap_in_a_serial_is_found(
    series: int, number: int, data: some.DataObject
) -> None:
    serial = rules.serial(prefix="", series=series, number=number)
    assert rules.serial_state(serial) == 0
    place = data.draw(some.integers(0, len(serial) - 1))
    digit = data.draw(some.sampled_from([digit for digit in "0123456789" if digit != serial[place]]))
    assert rules.serial_state(serial[:place] + digit + serial[place + 1 :]) != 0
    for place in range(len(serial) - 1):
        if serial[place] != serial[place + 1]:
            swapped = serial[:place] + serial[place + 1] + serial[place] + serial[place + 2 :]
            assert rules.serial_state(swapped) != 0


@pytest.mark.parametrize(
    ("guesses", "minutes"),
    [
        (1, None),
        (4, None),
        (5, 15),
        (6, None),
        (10, 30),
        (15, 60),
        (20, 1440),
        (24, None),
        (25, 1440),
        (100, 1440),
    ],
)
def test_the_ladder_of_locks(guesses: int, minutes: int | None) -> None:
    lock = rules.lock_after(guesses, rung=5)
    assert (lock and lock.total_seconds() / 60) == minutes


@pytest.mark.parametrize(
    ("typed", "household", "network"),
    [
        ("203.0.113.7", "203.0.113.7", "203.0.113.0/24"),
        (" 203.0.113.7 ", "203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("", "", ""),
        ("x" * 60, "x" * 45, ""),
    ],
)
def test_what_guesses_from_an_address_count_under(typed: str, household: str, network: str) -> None:
    address = rules.address_of(typed)
    assert (rules.household_of(address), rules.network_of(address)) == (household, network)


@pytest.mark.parametrize(
    ("live", "bits"),
    [(1, 60), (1_000_000, 60), (1_152_921, 60), (1_152_922, 61), (50_000_000, 66), (10**9, 70)],
)
def test_codes_need_more_bits_the_more_of_them_a_guess_may_hit(live: int, bits: int) -> None:
    assert rules.entropy_bits_needed(live=live) == bits
    assert live * 10**6 / 2**bits <= 10**-6
