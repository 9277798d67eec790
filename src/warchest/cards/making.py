"""How codes and serials are made, many at once, with nothing but the standard library.

Work is done by columns: all first symbols, all second symbols, and so on, each a string of bytes. To map a column is
one ``translate``, to add two in the field of 32 elements is one exclusive-or of whole numbers; so the interpreter
counts columns, not codes.
"""

from __future__ import annotations

import secrets

from warchest.cards import rules
from warchest.kernel.codes import ALPHABET, check_character

_SYMBOLS = ALPHABET.encode()
_TO_SYMBOL = bytes(_SYMBOLS[value & 31] for value in range(256))
# check_character of one symbol is that symbol times the primitive element: the step of the polynomial.
_TIMES_PRIMITIVE = bytes(
    _SYMBOLS.index(check_character(ALPHABET[value & 31]).encode()) for value in range(256)
)


def codes(*, count: int, length: int) -> list[bytes]:
    """``count`` codes of ``length`` symbols, the last of them the check character, like ``kernel.codes.random_code``.

    Each symbol is five bits of a byte from the system's cryptographic source: 256 is a multiple of 32, so none is
    likelier than another.
    """
    written = bytearray(count * length)
    remainder = bytes(count)
    for place in range(length - 1):
        column = secrets.token_bytes(count)
        written[place::length] = column.translate(_TO_SYMBOL)
        remainder = _added(remainder.translate(_TIMES_PRIMITIVE), column)
    written[length - 1 :: length] = remainder.translate(_TIMES_PRIMITIVE).translate(_TO_SYMBOL)
    whole = bytes(written)
    return [whole[start : start + length] for start in range(0, len(whole), length)]


def _added(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def serials(*, prefix: str, series: int, first: int, count: int) -> list[bytes]:
    """The serials of ``count`` running numbers from ``first`` on, as ``rules.serial`` writes them."""
    head, begun = rules.serial_head(prefix, series)
    made: list[bytes] = []
    for thousand in range(first // 1000, (first + count - 1) // 1000 + 1):
        start = f"{head}{thousand:04}".encode()
        tails = _TAILS[rules.serial_state(f"{thousand:04}", begun=begun)]
        lowest, highest = max(first - thousand * 1000, 0), min(first + count - thousand * 1000, 1000)
        made += [start + tail for tail in tails[lowest:highest]]
    return made


# The last three digits of a running number and the check digit, for each state of the check before them.
_TAILS = [
    [f"{number:03}{rules.serial_state(f'{number:03}', begun=begun)}".encode() for number in range(1000)]
    for begun in range(10)
]
