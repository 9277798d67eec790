"""What a statement says of people is kept encrypted, under a key outside of the database."""

from __future__ import annotations

import hmac
from uuid import UUID

from warchest.runtime import sealing, wire
from warchest.runtime.secrets import secret

_PURPOSE = "bank-entries"


def seal(about: UUID, **texts: str) -> bytes:
    """The texts, readable again only as those of this row."""
    return sealing.seal(wire.encode(texts), purpose=_PURPOSE, label=str(about))


def unseal(about: UUID, sealed: bytes) -> dict[str, str]:
    return wire.decode(sealing.unseal(sealed, purpose=_PURPOSE, label=str(about)), dict[str, str])


def digest(told: object) -> bytes:
    """Whether two statements say the same. Keyed: from the database alone nobody can try names against it."""
    return hmac.digest(secret("bank-digests"), wire.encode(told), "sha256")
