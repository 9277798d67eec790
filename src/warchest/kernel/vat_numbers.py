"""Numbers under which businesses are registered for value added tax in the European Union: their form and check digits.

Written from what the member states publish (Directive 2006/112/EC, articles 214 and 215; the forms are listed by the
Commission beside its own look-up, VIES). A number that passes is well formed: whether somebody holds it only the member
state knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warchest.kernel.errors import UnableTo


class UnableToReadVatNumber(UnableTo):
    """The text is no number of a member state, or a digit of it is wrong."""

    reasons = frozenset({"vat_country_unknown", "vat_number_malformed", "vat_number_mistyped"})


@dataclass(frozen=True, slots=True)
class VatNumber:
    """``prefix`` is the state's (``EL`` for Greece, ``XI`` for Northern Ireland), ``number`` all behind it."""

    prefix: str
    number: str

    @property
    def country(self) -> str:
        """As ISO 3166-1 writes the state."""
        return {"EL": "GR", "XI": "GB"}.get(self.prefix, self.prefix)

    def __str__(self) -> str:
        return self.prefix + self.number


def read(text: str) -> VatNumber:
    """A number as people type it, with spaces, dots and dashes. Raises UnableToReadVatNumber."""
    plain = re.sub(r"[\s.\-/]", "", text).upper()
    prefix = {"GR": "EL"}.get(plain[:2], plain[:2])
    if prefix not in _STATES:
        raise UnableToReadVatNumber("vat_country_unknown")
    form, is_right = _STATES[prefix]
    number = plain[2:]
    # Belgium's older numbers are today's without the zero in front.
    if prefix == "BE" and re.fullmatch(r"[0-9]{9}", number):
        number = f"0{number}"
    if not re.fullmatch(form, number):
        raise UnableToReadVatNumber("vat_number_malformed", country=prefix)
    if not is_right(number):
        raise UnableToReadVatNumber("vat_number_mistyped", country=prefix)
    return VatNumber(prefix, number)


def prefixes() -> tuple[str, ...]:
    """The states whose numbers can be read."""
    return tuple(sorted(_STATES))


# The arithmetic that states share.


def _weighed(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _mod_11_10(digits: str) -> bool:
    """ISO/IEC 7064, MOD 11,10."""
    check = 5
    for digit in digits:
        check = ((check or 10) * 2 % 11 + int(digit)) % 10
    return check == 1


def _falling(first: int, last: int) -> range:
    return range(first, last - 1, -1)


# State by state.


def _austria(number: str) -> bool:
    digits = [int(digit) for digit in number[1:8]]
    total = sum(sum(divmod(digit * (2 if place % 2 else 1), 10)) for place, digit in enumerate(digits))
    return (10 - (total + 4) % 10) % 10 == int(number[8])


def _belgium(number: str) -> bool:
    return 97 - int(number[:8]) % 97 == int(number[8:])


def _bulgaria(number: str) -> bool:
    if len(number) == 9:
        check = _weighed(number[:8], range(1, 9)) % 11
        if check == 10:
            check = _weighed(number[:8], range(3, 11)) % 11 % 10
        return check == int(number[8])
    first, last = number[:9], int(number[9])
    citizen = _weighed(first, (2, 4, 8, 5, 10, 9, 7, 3, 6)) % 11 % 10 == last
    foreigner = _weighed(first, (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10 == last
    other = (11 - _weighed(first, (4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11) % 11 == last
    return citizen or foreigner or other


def _cyprus(number: str) -> bool:
    worth = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
    total = sum(worth[int(digit)] for digit in number[:8:2]) + sum(int(digit) for digit in number[1:8:2])
    return not number.startswith("12") and chr(ord("A") + total % 26) == number[8]


def _czechia(number: str) -> bool:
    if len(number) == 8:
        check = (11 - _weighed(number[:7], _falling(8, 2)) % 11) % 11
        return (check or 1) % 10 == int(number[7])
    if len(number) == 9 and number[0] == "6":
        return 8 - (10 - _weighed(number[1:8], _falling(8, 2)) % 11) % 11 == int(number[8])
    if len(number) == 9:
        # People born before 1954 have a number without a check digit: of it only the month and the day can be read.
        return _is_czech_birthday(number) and int(number[:2]) < 54
    rest = int(number[:9]) % 11 % 10
    return _is_czech_birthday(number) and rest == int(number[9])


def _is_czech_birthday(number: str) -> bool:
    month, day = int(number[2:4]) % 50 % 20, int(number[4:6])
    return 1 <= month <= 12 and 1 <= day <= 31


def _spain(number: str) -> bool:
    letters = "TRWAGMYFPDXBNJZSQVHLCKE"
    if number[0].isdigit():
        return letters[int(number[:8]) % 23] == number[8]
    if number[0] in "XYZ":
        return letters[int(str("XYZ".index(number[0])) + number[1:8]) % 23] == number[8]
    if number[0] in "KLM":
        return letters[int(number[1:8]) % 23] == number[8]
    total = sum(int(digit) for digit in number[2:8:2])
    total += sum(sum(divmod(int(digit) * 2, 10)) for digit in number[1:8:2])
    check = (10 - total % 10) % 10
    as_digit, as_letter = number[8] == str(check), number[8] == "JABCDEFGHI"[check]
    if number[0] in "ABEH":
        return as_digit
    if number[0] in "NPQRSW":
        return as_letter
    return as_digit or as_letter


def _france(number: str) -> bool:
    key, siren = number[:2], number[2:]
    # Companies of Monaco have three zeros in front, and no digit that checks the rest.
    if not siren.isdigit() or not (siren.startswith("000") or _luhn(siren)):
        return False
    if key.isdigit():
        return int(siren + "12") % 97 == int(key)
    places = [_FRENCH.index(sign) for sign in key]
    value = places[0] * 24 + places[1] - 10 if key[0].isdigit() else places[0] * 34 + places[1] - 100
    return (int(siren) + 1 + value // 11) % 11 == value % 11


_FRENCH = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def _greece(number: str) -> bool:
    return _weighed(number[:8], [2**place for place in _falling(8, 1)]) % 11 % 10 == int(number[8])


def _ireland(number: str) -> bool:
    if not number[1].isdigit():
        # The older form: a sign in the second place; the first digit is counted last.
        number = f"0{number[2:7]}{number[0]}{number[7]}"
    letters = "WABCDEFGHIJKLMNOPQRSTUV"
    total = _weighed(number[:7], _falling(8, 2))
    if len(number) == 9:
        total += 9 * letters.index(number[8])
    return letters[total % 23] == number[7]


def _italy(number: str) -> bool:
    office = int(number[7:10])
    known = 1 <= office <= 100 or office in (120, 121, 888, 999)
    return number[:7] != "0000000" and known and _luhn(number)


def _latvia(number: str) -> bool:
    if number[0] > "3":
        return _weighed(number, (9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)) % 11 == 3
    if number.startswith("32"):
        # Given out since 2017: nothing in it checks the rest.
        return True
    return (1 + _weighed(number[:10], (10, 5, 8, 4, 2, 1, 6, 3, 7, 9))) % 11 % 10 == int(number[10])


def _lithuania(number: str) -> bool:
    body = number[:-1]
    check = _weighed(body, [1 + place % 9 for place in range(len(body))]) % 11
    if check == 10:
        check = _weighed(body, [1 + (place + 2) % 9 for place in range(len(body))]) % 11 % 10
    return number[-2] == "1" and check == int(number[-1])


def _netherlands(number: str) -> bool:
    body = number[:9]
    of_company = (_weighed(body[:8], _falling(9, 2)) - int(body[8])) % 11 == 0
    # Since 2020 of people in business: ISO 7064, MOD 97-10, over the whole, letters as two digits.
    whole = "".join(str(int(sign, 36)) for sign in f"NL{number}")
    return of_company or int(whole) % 97 == 1


def _romania(number: str) -> bool:
    body = number[:-1].rjust(9, "0")
    return _weighed(body, (7, 5, 3, 2, 1, 7, 5, 3, 2)) * 10 % 11 % 10 == int(number[-1])


def _slovenia(number: str) -> bool:
    check = 11 - _weighed(number[:7], _falling(8, 2)) % 11
    return (0 if check == 10 else check) == int(number[7])


def _northern_ireland(number: str) -> bool:
    if number[:2] == "GD":
        return int(number[2:]) < 500
    if number[:2] == "HA":
        return int(number[2:]) >= 500
    rest = (_weighed(number[:7], _falling(8, 2)) + int(number[7:9])) % 97
    return rest in (0, 42)


_STATES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "AT": (r"U[0-9]{8}", _austria),
    "BE": (r"[01][0-9]{9}", _belgium),
    "BG": (r"[0-9]{9,10}", _bulgaria),
    "CY": (r"[0-9]{8}[A-Z]", _cyprus),
    "CZ": (r"[0-8][0-9]{7}|[0-9]{9,10}", _czechia),
    "DE": (r"[1-9][0-9]{8}", _mod_11_10),
    "DK": (r"[1-9][0-9]{7}", lambda number: _weighed(number, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0),
    "EE": (r"[0-9]{9}", lambda number: _weighed(number, (3, 7, 1) * 3) % 10 == 0),
    "EL": (r"[0-9]{9}", _greece),
    "ES": (r"[0-9]{8}[A-Z]|[A-HJ-NP-SUVWXYZ][0-9]{7}[0-9A-Z]", _spain),
    "FI": (r"[0-9]{8}", lambda number: _weighed(number, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0),
    "FR": (r"[0-9A-HJ-NP-Z]{2}[0-9]{9}", _france),
    "HR": (r"[0-9]{11}", _mod_11_10),
    "HU": (r"[0-9]{8}", lambda number: _weighed(number, (9, 7, 3, 1) * 2) % 10 == 0),
    "IE": (r"[0-9][0-9A-Z+*][0-9]{5}[A-W][A-IW]?", _ireland),
    "IT": (r"[0-9]{11}", _italy),
    "LT": (r"[0-9]{9}|[0-9]{12}", _lithuania),
    "LU": (r"[0-9]{8}", lambda number: int(number[:6]) % 89 == int(number[6:])),
    "LV": (r"[0-9]{11}", _latvia),
    "MT": (r"[1-9][0-9]{7}", lambda number: _weighed(number, (3, 4, 6, 7, 8, 9, 10, 1)) % 37 == 0),
    "NL": (r"[0-9]{9}B[0-9]{2}", _netherlands),
    "PL": (
        r"[0-9]{10}",
        lambda number: _weighed(number[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9]),
    ),
    "PT": (
        r"[1-9][0-9]{8}",
        lambda number: (11 - _weighed(number[:8], _falling(9, 2)) % 11) % 11 % 10 == int(number[8]),
    ),
    "RO": (r"[1-9][0-9]{1,9}", _romania),
    "SE": (r"[0-9]{10}(0[1-9]|[1-8][0-9]|9[0-4])", lambda number: _luhn(number[:10])),
    "SI": (r"[1-9][0-9]{7}", _slovenia),
    "SK": (r"[1-9][0-9][2-47-9][0-9]{7}", lambda number: int(number) % 11 == 0),
    "XI": (r"[0-9]{9}|[0-9]{12}|(GD|HA)[0-9]{3}", _northern_ireland),
}
