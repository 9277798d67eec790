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

_VALUES = {
    name: {symbol: value for value, symbol in enumerate(symbols)} for name, symbols in ALPHABETS.items()
}
# By the size of the field: its primitive polynomial, x^5 + x^2 + 1 or x^4 + x + 1.
_POLYNOMIALS = {32: 0b100101, 16: 0b10011}
_FORGIVEN = str.maketrans({"I": "1", "L": "1", "O": "0"})
_SEPARATORS = str.maketrans("", "", " -\u2010\u2011\u2012\u2013\u2014\u00a0_.\t\r\n")


def normalise(typed: str) -> str:
    """What was typed, as the alphabet writes it: separators gone, capitals, look-alikes replaced.

    Characters that stand for nothing stay, so that the check refuses them.
    """
    return typed.translate(_SEPARATORS).upper().translate(_FORGIVEN)


def check_character(body: str, *, alphabet: str = "crockford") -> str:
    """The character that makes ``body`` a whole code.

    The symbols are read as a polynomial over the field of 32 or 16 elements and evaluated at a primitive element, so neighbours
    have different weights: every single wrong symbol and every swap of two unlike neighbours is found (the Reed-Solomon code with
    one check symbol). There is no field of ten elements, so digits are checked by Damm's quasigroup, which finds the same.
    """
    symbols, values = ALPHABETS[alphabet], _VALUES[alphabet]
    if alphabet == "digits":
        return str(damm(body))
    remainder = 0
    for symbol in body:
        remainder = _times_primitive(remainder, len(symbols)) ^ values[symbol]
    return symbols[_times_primitive(remainder, len(symbols))]


def _times_primitive(element: int, elements: int) -> int:
    doubled = element << 1
    return doubled ^ _POLYNOMIALS[elements] if doubled & elements else doubled


# Damm's quasigroup of order ten: its check digit finds every wrong digit and every swap of unlike neighbours
# (H. M. Damm, "Total anti-symmetrische Quasigruppen", 2004).
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def damm(digits: str, *, begun: int = 0) -> int:
    """How far Damm's check has come after these digits; at the end of a number it is the check digit."""
    for digit in digits:
        begun = _DAMM[begun][int(digit)]
    return begun


def is_whole(code: str, *, length: int, alphabet: str = "crockford") -> bool:
    """Whether a normalised code has this length, knows only the alphabet and ends in its right check character."""
    return (
        len(code) == length
        and all(symbol in _VALUES[alphabet] for symbol in code)
        and check_character(code[:-1], alphabet=alphabet) == code[-1]
    )


def random_code(*, length: int, alphabet: str = "crockford") -> str:
    """A code of ``length`` symbols, the last of them the check character, from the system's cryptographic source."""
    symbols = ALPHABETS[alphabet]
    body = "".join(secrets.choice(symbols) for _ in range(length - 1))
    return body + check_character(body, alphabet=alphabet)


def grouped(code: str, *, size: int = 4) -> str:
    """The code as it is printed, in groups: ``ABCD-EFGH-…``."""
    return "-".join(code[start : start + size] for start in range(0, len(code), size))
