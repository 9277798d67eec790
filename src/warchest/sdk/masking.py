"""What could be a card number is masked before anything is kept (PCI DSS 3.4: at most the first six digits and the last four)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_DIGITS_IN_GROUPS = re.compile(r"[0-9](?:[ -]?[0-9]){12,}", re.ASCII)
_UUID = re.compile(
    r"((?<![0-9A-Za-z])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9A-Za-z]))",
    re.ASCII | re.IGNORECASE,
)
_FIRST_DIGITS = "23456"
"""What the numbers of payment cards begin with; the other digits belong to airlines, petrol and states."""
_SECRET_CHARACTERS_MIN = 6


def has_right_check_digit(number: str) -> bool:
    """Luhn's sum over a number of 13 to 19 digits (ISO/IEC 7812-1, annex B)."""
    if not (number.isascii() and number.isdecimal() and 13 <= len(number) <= 19):
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def masked(number: str) -> str:
    """The first six digits and the last four."""
    return number[:6] + "*" * (len(number) - 10) + number[-4:]


def mask_card_numbers(text: str) -> str:
    """The text with everything in it masked that could be a card number.

    Wherever 13 to 19 digits in a row, or in groups, add up as a card's do, their middle is masked: rather an
    innocent number too many. Only ids (RFC 9562) are left as they are: among thousands some add up, and they name things.
    """
    # Split at a group, ids stand at every other place.
    parts = _UUID.split(text)
    return "".join(
        part if place % 2 else _DIGITS_IN_GROUPS.sub(lambda found: _mask_within(found.group()), part)
        for place, part in enumerate(parts)
    )


def mask_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets and tokens that a careless answer repeats; those shorter than six characters stay."""
    for secret in sorted(
        {secret for secret in secrets if len(secret) >= _SECRET_CHARACTERS_MIN}, key=len, reverse=True
    ):
        text = text.replace(secret, "***")
    return text


def _mask_within(grouped: str) -> str:
    places = [place for place, symbol in enumerate(grouped) if symbol.isdecimal()]
    digits = "".join(grouped[place] for place in places)
    symbols = list(grouped)
    for start, first in enumerate(digits):
        if first not in _FIRST_DIGITS:
            continue
        for end in range(start + 13, min(start + 19, len(digits)) + 1):
            if has_right_check_digit(digits[start:end]):
                for place in places[start + 6 : end - 4]:
                    symbols[place] = "*"
    return "".join(symbols)
