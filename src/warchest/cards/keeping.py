"""How codes are kept: never as they are.

To find a card, a keyed hash of its code is stored (HMAC-SHA-256, RFC 2104) whose key lies outside the database: whoever
reads the tables can't even try codes. Until the hand-over the codes themselves wait encrypted (AES-256-GCM).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warchest.cards import schemes
from warchest.kernel import codes
from warchest.runtime import sealing
from warchest.runtime.secrets import secret

KEY_LENGTH = 32
_BLOCK = 64
_TYPED_MAX = 100
_NONCE_LENGTH = 12
_ISSUED = "issued-codes"


def code_hasher() -> Callable[[bytes], bytes]:
    """A function from a normalised code to its keyed hash.

    Both pads of the HMAC are hashed once, which makes each code three times as fast as ``hmac.digest``.
    """
    key = secret("card-codes", length_bytes=KEY_LENGTH).ljust(_BLOCK, b"\0")
    inner, outer = sha256(bytes(byte ^ 0x36 for byte in key)), sha256(bytes(byte ^ 0x5C for byte in key))

    def code_hash(code: bytes) -> bytes:
        within, around = inner.copy(), outer.copy()
        within.update(code)
        around.update(within.digest())
        return around.digest()

    return code_hash


def hashes_of_typed(typed: str) -> tuple[bytes, ...]:
    """The keyed hashes of what somebody typed as a code, in whatever way; also of what can be no code.

    The first is for a code of ours, then comes one for each older system: always all, so that the time tells nothing.
    """
    code_hash, typed = code_hasher(), typed[:_TYPED_MAX]
    return (
        code_hash(codes.normalise(typed).encode(errors="replace")),
        *(
            code_hash(schemes.under(name, schemes.older_hash(scheme, typed)))
            for name, scheme in schemes.schemes().items()
        ),
    )


def fingerprint(code_hash: bytes) -> str:
    """The short reference to a code in billing and in the books: 40 bits of its keyed hash."""
    return code_hash[:5].hex()


def storage_key() -> bytes:
    """The deployment's own key to codes that wait for their hand-over."""
    return secret("card-print-files", length_bytes=KEY_LENGTH)


def seal(plain: bytes, *, key: bytes, batch: UUID, part: int) -> bytes:
    """Encrypt a part of a batch's file; it opens only as this part of this batch."""
    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(key).encrypt(nonce, plain, _label(batch, part))


def unseal(sealed: bytes, *, key: bytes, batch: UUID, part: int) -> bytes | None:
    """What was sealed; None under another key or for another part."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], _label(batch, part))
    except InvalidTag:
        return None


def _label(batch: UUID, part: int) -> bytes:
    return f"warchest card codes {batch} {part}".encode()


def seal_issued(code: str, *, serial: str) -> bytes:
    """The code of a card that was issued singly, for as long as its order is open."""
    return sealing.seal(code.encode(), purpose=_ISSUED, label=f"issued code {serial}")


def unseal_issued(sealed: bytes, *, serial: str) -> str:
    return sealing.unseal(sealed, purpose=_ISSUED, label=f"issued code {serial}").decode()
