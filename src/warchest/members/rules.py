"""What a nickname, an e-mail address, a country, an API key and an invoice's address look like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

import pycountry

from warchest.kernel import vat_numbers
from warchest.members.contract import (
    ADDRESS_LINE_LENGTH_MAX,
    ADDRESS_LINES_MAX,
    InvoiceDetails,
    UnableToKeepInvoiceDetails,
    VatCheck,
)

_NICKNAME = re.compile(r"[^\W_][\w-]{2,23}")
# RFC 5321's own grammar allows much that no mail system does; the mail that confirms the address is the real check.
_EMAIL = re.compile(r"[^@\s<>()\[\],;:\"\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,63}")
_COUNTRIES = frozenset(country.alpha_2 for country in pycountry.countries)


def is_nickname(text: str) -> bool:
    """3 to 24 letters (of any alphabet), digits, ``_`` or ``-``, beginning with a letter or digit."""
    return bool(_NICKNAME.fullmatch(text))


def is_email(text: str) -> bool:
    return len(text) <= 254 and bool(_EMAIL.fullmatch(text))


def is_country(code: str) -> bool:
    """An ISO 3166-1 alpha-2 code, in capitals."""
    return code in _COUNTRIES


def key_hash(key: str) -> bytes:
    """API keys have 256 random bits, so one round of SHA-256 is enough; a slow hash is for what people choose."""
    return sha256(key.encode()).digest()


def invoice_details(*, name: str, address: Sequence[str], country: str, vat_number: str) -> InvoiceDetails:
    """What was typed, tidied. Raises UnableToKeepInvoiceDetails."""
    name, lines = _tidy(name), tuple(filter(None, map(_tidy, address)))
    if not name:
        raise UnableToKeepInvoiceDetails("invoice_name_missing")
    if len(lines) > ADDRESS_LINES_MAX or any(len(line) > ADDRESS_LINE_LENGTH_MAX for line in (name, *lines)):
        raise UnableToKeepInvoiceDetails(
            "invoice_address_too_long", lines_max=ADDRESS_LINES_MAX, length_max=ADDRESS_LINE_LENGTH_MAX
        )
    if not is_country(country):
        raise UnableToKeepInvoiceDetails("country_unknown")
    if not vat_number.strip():
        return InvoiceDetails(name=name, address=lines, country=country)
    try:
        number = vat_numbers.read(vat_number)
    except vat_numbers.UnableToReadVatNumber as refusal:
        raise UnableToKeepInvoiceDetails(refusal.reason, **refusal.details) from None
    if number.country != country:
        raise UnableToKeepInvoiceDetails("vat_country_differs", country=number.country)
    if not lines:
        # An invoice names the business and its address (VAT Directive, article 226, number 5).
        raise UnableToKeepInvoiceDetails("invoice_address_missing")
    return InvoiceDetails(
        name=name,
        address=lines,
        country=country,
        vat_number=str(number),
        vat_check=VatCheck.UNCHECKED,
    )


def _tidy(text: str) -> str:
    """One line, without what cannot be printed."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
