"""Amounts that are offered and amounts that people type. Pure."""

from __future__ import annotations

import re
import unicodedata

from babel import Locale, UnknownLocaleError

from warchest.kernel.currency import Currency, currency
from warchest.kernel.money import Money, UnableToReadAmount

_USUAL_MAJOR = (5, 10, 20, 50)
_IN_BETWEEN = re.compile(r"[\s\u00a0\u202f'\u2019_\u066c]")


def usual_amounts(unit: Currency) -> tuple[Money, ...]:
    """The amounts on the buttons; hundreds of them where a currency has no cents."""
    times = unit.minor_per_major if unit.exponent else 100
    return tuple(Money(major * times, unit) for major in _USUAL_MAJOR)


def read_amount(typed: str, code: str, *, language: str) -> Money:
    """What somebody typed as an amount, in the digits and with the separators of any country.

    Where one separator could be either, the reader's language decides: "1,000" is a thousand in English and one in German.
    Raises UnableToReadAmount and UnableToFindCurrency.
    """
    unit = currency(code)
    text = "".join(_plain(character) for character in _IN_BETWEEN.sub("", typed.strip()))
    separators = [character for character in text if character in ",."]
    is_repeated = len(separators) > 1 and len(set(separators)) == 1
    is_grouping = len(separators) == 1 and _groups(text, separators[0], unit, language)
    decimal = "" if is_repeated or is_grouping or not separators else separators[-1]
    whole, _, cents = text.rpartition(decimal) if decimal else (text, "", "")
    plain = re.sub(r"[,.]", "", whole).lstrip("0") or "0"
    if not (whole or cents):
        raise UnableToReadAmount("amount_malformed")
    return Money.parse(f"{plain}.{cents}" if cents else plain, code)


def units_shown(minor: str) -> Money | None:
    """The units that a page had shown, as its form brings them back; None where it brings what no page of ours says."""
    return Money.units(int(minor)) if minor.isdecimal() and len(minor) < 16 else None


def _groups(text: str, separator: str, unit: Currency, language: str) -> bool:
    """Whether the only separator stands between thousands and not before cents."""
    return unit.exponent < 3 and len(text) - text.index(separator) == 4 and _grouping(language) == separator


def _grouping(language: str) -> str:
    try:
        return str(Locale.parse(language, sep="-").number_symbols["latn"]["group"])
    except (UnknownLocaleError, ValueError, KeyError):
        return ","


def _plain(character: str) -> str:
    if character in "\u066b":
        return "."
    digit = unicodedata.digit(character, None)
    return character if digit is None else str(digit)
