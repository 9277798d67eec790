"""What a nickname, an e-mail address, a country and an API key look like."""

from __future__ import annotations

import re
from hashlib import sha256

import pycountry

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
