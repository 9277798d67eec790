"""How codes of an older system are found: it kept hashes of them, and what somebody types is hashed as it would have done.

Only what can be looked up serves: one hash for one code, made fast. A hash that is salted card by card, or made slow on purpose,
would have to be tried on every card for every code that somebody types.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

from warchest.kernel import codes
from warchest.runtime.configuration import CodeScheme, configuration

HASH_LENGTHS = {"md5": 16, "sha1": 20, "sha256": 32, "sha512": 64, "hmac-sha1": 20, "hmac-sha256": 32}
"""Of each algorithm's hashes, in bytes."""


def schemes() -> Mapping[str, CodeScheme]:
    """The older systems whose codes this house knows, in the order of their names: always the same."""
    return dict(sorted(configuration().cards.schemes.items()))


def older_hash(scheme: CodeScheme, typed: str) -> bytes:
    """What the older system would have kept of this code."""
    text = f"{scheme.prefix}{_grouped(_FORMS[scheme.form](typed), scheme.group)}{scheme.suffix}"
    plain = text.encode(errors="replace")
    if scheme.algorithm.startswith("hmac-"):
        return hmac.digest(scheme.secret.encode(), plain, scheme.algorithm.removeprefix("hmac-"))
    # The older system chose it; what is kept here is hashed again under a key of our own.
    return hashlib.new(scheme.algorithm, plain, usedforsecurity=False).digest()


def under(name: str, hashed: bytes) -> bytes:
    """What our own keyed hash is made of: so that a hash says by which scheme it was made, and two never meet.

    Schemes' names begin with a small letter, and what is typed is read in capitals: no code of ours looks like this.
    """
    return name.encode() + b"\0" + hashed


def _digits(typed: str) -> str:
    return re.sub(r"[^0-9]", "", typed, flags=re.ASCII)


def _closed_up(typed: str) -> str:
    return re.sub(r"[\s\-\u2010-\u2014_.]", "", typed)


_FORMS: dict[str, Callable[[str], str]] = {
    "ours": codes.normalise,
    "digits": _digits,
    "upper": lambda typed: _closed_up(typed).upper(),
    "lower": lambda typed: _closed_up(typed).lower(),
    "as_printed": _closed_up,
}


def _grouped(code: str, size: int) -> str:
    return codes.grouped(code, size=size) if size else code
