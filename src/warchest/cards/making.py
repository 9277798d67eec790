"""How codes and serials are made, many at once, with nothing but the standard library.

Work is done by columns: all first symbols, all second symbols, and so on, each a string of bytes. To map a column is
one ``translate``, to add two in a field of 2^n elements is one exclusive-or of whole numbers; so the interpreter
counts columns, not codes.
"""

from __future__ import annotations

import secrets

from warchest.cards import rules
from warchest.kernel.codes import ALPHABETS, check_character


def codes(*, count: int, length: int, alphabet: str = "crockford") -> list[bytes]:
    """``count`` codes of ``length`` symbols, the last of them the check character, like ``kernel.codes.random_code``.

    Each symbol comes from the system's cryptographic source, and none is likelier than another.
    """
    symbols = ALPHABETS[alphabet].encode()
    to_symbol = bytes(symbols[value % len(symbols)] for value in range(256))
    # The check character of one symbol, as its place in the alphabet: for the fields that is the step of the polynomial.
    step = bytes(
        symbols.index(check_character(chr(symbols[value % len(symbols)]), alphabet=alphabet).encode())
        for value in range(256)
    )
    written = bytearray(count * length)
    checked = bytes(count)
    for place in range(length - 1):
        column = _random_column(count, len(symbols))
        written[place::length] = column.translate(to_symbol)
        checked = _damm(checked, column) if alphabet == "digits" else _added(checked.translate(step), column)
    written[length - 1 :: length] = (checked if alphabet == "digits" else checked.translate(step)).translate(
        to_symbol
    )
    whole = bytes(written)
    return [whole[start : start + length] for start in range(0, len(whole), length)]


def _random_column(count: int, symbols: int) -> bytes:
    """``count`` random bytes of which each stands for a symbol by its remainder, all symbols equally often.

    256 is a multiple of 16 and of 32; where it is none, the bytes above the greatest multiple are thrown away.
    """
    if not 256 % symbols:
        return secrets.token_bytes(count)
    beyond = bytes(range(256 - 256 % symbols, 256))
    column = b""
    while len(column) < count:
        column += secrets.token_bytes(count - len(column) + 64).translate(None, beyond)
    return column[:count].translate(bytes(value % symbols for value in range(256)))


def _added(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _damm(states: bytes, digits: bytes) -> bytes:
    """Each state of the check, one digit further: both in one byte, which a table of all pairs maps."""
    both = (int.from_bytes(states, "big") << 4) | int.from_bytes(digits, "big")
    return both.to_bytes(len(states) + 1, "big")[1:].translate(_DAMM_STEP)


_DAMM_STEP = bytes(
    rules.serial_state(str(value & 15), begun=value >> 4) if value & 15 < 10 and value >> 4 < 10 else 0
    for value in range(256)
)


def serials(*, prefix: str, series: int, first: int, count: int, digits: int = 7) -> list[bytes]:
    """The serials of ``count`` running numbers from ``first`` on, as ``rules.serial`` writes them."""
    head, begun = rules.serial_head(prefix, series)
    made: list[bytes] = []
    for thousand in range(first // 1000, (first + count - 1) // 1000 + 1):
        leading = f"{thousand:0{digits - 3}}"
        start = f"{head}{leading}".encode()
        tails = _TAILS[rules.serial_state(leading, begun=begun)]
        lowest, highest = max(first - thousand * 1000, 0), min(first + count - thousand * 1000, 1000)
        made += [start + tail for tail in tails[lowest:highest]]
    return made


# The last three digits of a running number and the check digit, for each state of the check before them.
_TAILS = [
    [f"{number:03}{rules.serial_state(f'{number:03}', begun=begun)}".encode() for number in range(1000)]
    for begun in range(10)
]
