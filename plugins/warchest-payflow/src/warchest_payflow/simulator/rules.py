"""The vendor's rules for tests: what becomes of a charge is said by its amount and by the card's number."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from warchest.sdk.masking import has_right_check_digit

TEST_CARDS: dict[str, tuple[str, str]] = {
    # number: CARDTYPE as an inquiry tells it, and the card's name
    "4111111111111111": ("0", "Visa"),
    "4012888888881881": ("0", "Visa"),
    "4222222222222": ("0", "Visa"),
    "5555555555554444": ("1", "Mastercard"),
    "5105105105105100": ("1", "Mastercard"),
    "6011111111111117": ("2", "Discover"),
    "6011000990139424": ("2", "Discover"),
    "378282246310005": ("3", "American Express"),
    "371449635398431": ("3", "American Express"),
    "38520000023237": ("4", "Diners Club"),
    "30569309025904": ("4", "Diners Club"),
    "3530111333300000": ("5", "JCB"),
    "3566002020360505": ("5", "JCB"),
}

BY_AMOUNT = frozenset({0, 3, 4, 5, 8, 12, 13, 23, 24, 26, 30, 50, 99, 100, 102, 104, 111, 114, 1000})
"""The results that an amount of 1000 more can bring about, at one processor or another."""

_APPROVED_UP_TO = 1000
_DECLINED = 12
_INVALID_ACCOUNT = 23
_INVALID_EXPIRY = 24


def result_of_amount(amount: Decimal) -> int:
    """1000 and less is approved, 1000 + n has the result n where there is one, all else is declined."""
    if amount <= _APPROVED_UP_TO:
        return 0
    beyond = amount - _APPROVED_UP_TO
    if beyond == beyond.to_integral_value() and int(beyond) in BY_AMOUNT:
        return int(beyond)
    return _DECLINED


def result_of_card(number: str, expiry: str, *, today: date) -> int:
    """Only the vendor's test cards are taken; ``expiry`` is written mmyy."""
    if number not in TEST_CARDS or not has_right_check_digit(number):
        return _INVALID_ACCOUNT
    if len(expiry) != 4 or not expiry.isdecimal() or not 1 <= int(expiry[:2]) <= 12:
        return _INVALID_EXPIRY
    if (2000 + int(expiry[2:]), int(expiry[:2])) < (today.year, today.month):
        return _INVALID_EXPIRY
    return 0
