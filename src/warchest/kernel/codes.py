"""Codes that people read and type: an alphabet without look-alikes and a check character.

Crockford's base 32 (digits and letters without I, L, O and U). What people confuse is forgiven: I and L read as 1, O
as 0, letters of either case, spaces and dashes anywhere.
"""

from __future__ import annotations

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's symbols; every other alphabet is a part of them, so that what is typed is read the same way for all."""

ALPHABETS = {"crockford": ALPHABET, "letters": "BCDFGHJKMNPQRTVW", "digits": "0123456789"}
"""The alphabets that codes may be written in: Crockford's, sixteen consonants that make no words, and digits for keypads."""

_VALUES = {symbol: value for value, symbol in enumerate(ALPHABET)}
_FORGIVEN = str.maketrans({"I": "1", "L": "1", "O": "0"})
_SEPARATORS = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u00a0_.\t\r\n")


def normalise(typed: str) -> str:
    """What was typed, as the alphabet writes it: separators gone, capitals, look-alikes replaced.

    Characters that stand for nothing stay, so that the check refuses them.
    """
    return typed.translate(_SEPARATORS).upper().translate(_FORGIVEN)


def check_character(body: str) -> str:
    """The character that makes ``body`` a whole code.

    The symbols are read as a polynomial over the field of 32 elements (x^5 + x^2 + 1) and evaluated at a primitive
    element, so neighbours have different weights: every single wrong symbol and every swap of two unlike neighbours is
    found (the Reed-Solomon code with one check symbol).
    """
    remainder = 0
    for symbol in body:
        remainder = _times_primitive(remainder) ^ _VALUES[symbol]
    return ALPHABET[_times_primitive(remainder)]


def _times_primitive(element: int) -> int:
    doubled = element << 1
    return doubled ^ 0b100101 if doubled & 0b100000 else doubled


def is_whole(code: str, *, length: int) -> bool:
    """Whether a normalised code has this length, knows only the alphabet and ends in its right check character."""
    return (
        len(code) == length
        and all(symbol in _VALUES for symbol in code)
        and check_character(code[:-1]) == code[-1]
    )


def random_code(*, length: int) -> str:
    """A code of ``length`` symbols, the last of them the check character, from the system's cryptographic source.

    It has 5 × (length − 1) random bits.
    """
    bits = secrets.randbits(5 * (length - 1))
    body = "".join(ALPHABET[(bits >> (5 * place)) & 31] for place in range(length - 1))
    return body + check_character(body)


def grouped(code: str, *, size: int = 4) -> str:
    """The code as it is printed, in groups: ``ABCD-EFGH-…``."""
    return "-".join(code[start : start + size] for start in range(0, len(code), size))
