"""A file that only the holder of the recovery key can open.

The running house knows the public half alone, so it can lock a backup every night and open none. The recovery key is
shown once, to be kept on paper or in a safe of the operator's; it is in no file of ours.

A box: ``_MAGIC``, the public half of a key made for this box alone (X25519), and the content in pieces of 64 KiB, each
sealed by ChaCha20-Poly1305 under its number and whether it is the last. So a changed, moved, missing or cut-off piece is seen.
"""

from __future__ import annotations

import base64
import hashlib
import io
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from warchest.kernel.errors import UnableTo

_MAGIC = b"warchest strongbox 1\n"
_PIECE = 1 << 16
_TAG = 16
_CHECK = 2


class UnableToOpen(UnableTo):
    """``key_malformed``: that is no recovery key, or was mistyped; ``other_key``: the box was locked for another, or
    was changed; ``not_a_box``: the file is something else."""

    reasons = frozenset({"key_malformed", "other_key", "not_a_box"})

    def __str__(self) -> str:
        return {
            "key_malformed": "This is no recovery key, or it was mistyped.",
            "other_key": "The backup was locked for another recovery key, or has been changed since.",
            "not_a_box": "The locked file is not one that Warchest made.",
        }[self.reason]


def new_key() -> tuple[str, bytes]:
    """A recovery key as text, and its public half."""
    private = X25519PrivateKey.generate()
    raw = private.private_bytes_raw()
    text = base64.b32encode(raw + hashlib.sha256(raw).digest()[:_CHECK]).decode().rstrip("=")
    return "-".join(
        text[at : at + 5] for at in range(0, len(text), 5)
    ), private.public_key().public_bytes_raw()


class Locking(io.RawIOBase):
    """Write into it; what is written goes locked into ``target``. Only closing ends the box, so a torn one does not open."""

    def __init__(self, target: BinaryIO, *, public: bytes) -> None:
        ours = X25519PrivateKey.generate()
        mine = ours.public_key().public_bytes_raw()
        self._cipher = _cipher(ours.exchange(X25519PublicKey.from_public_bytes(public)), mine + public)
        self._target = target
        self._left = bytearray()
        self._number = 0
        target.write(_MAGIC + mine)

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        view = memoryview(content)  # type: ignore[arg-type]
        self._left += view
        while len(self._left) > _PIECE:
            self._lock(bytes(self._left[:_PIECE]), last=False)
            del self._left[:_PIECE]
        return view.nbytes

    def finish(self) -> None:
        """End the box. Without it, as after an error, the box cannot be opened."""
        self._lock(bytes(self._left), last=True)

    def _lock(self, piece: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, None))
        self._number += 1


class Opened(io.RawIOBase):
    """The content of a box, to be read once from its beginning. Raises UnableToOpen, also while it is read."""

    def __init__(self, source: BinaryIO, *, key: str) -> None:
        private = _private(key)
        head = source.read(len(_MAGIC) + 32)
        if len(head) != len(_MAGIC) + 32 or not head.startswith(_MAGIC):
            raise UnableToOpen("not_a_box")
        theirs = head[len(_MAGIC) :]
        shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
        self._cipher = _cipher(shared, theirs + private.public_key().public_bytes_raw())
        self._source = source
        self._next = source.read(_PIECE + _TAG)
        self._number = 0
        self._piece = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        if not self._piece and self._next:
            self._open()
        taken = self._piece[: view.nbytes]
        view[: len(taken)] = taken
        self._piece = self._piece[len(taken) :]
        return len(taken)

    def _open(self) -> None:
        locked, self._next = self._next, self._source.read(_PIECE + _TAG)
        try:
            self._piece = self._cipher.decrypt(_nonce(self._number, last=not self._next), locked, None)
        except InvalidTag:
            raise UnableToOpen("other_key") from None
        self._number += 1


def _private(key: str) -> X25519PrivateKey:
    try:
        text = "".join(key.split()).replace("-", "").upper()
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
        if len(raw) != 32 + _CHECK or hashlib.sha256(raw[:32]).digest()[:_CHECK] != raw[32:]:
            raise ValueError
    except ValueError:
        raise UnableToOpen("key_malformed") from None
    return X25519PrivateKey.from_private_bytes(raw[:32])


def _cipher(shared: bytes, between: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(HKDF(SHA256(), 32, salt=between, info=_MAGIC).derive(shared))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
