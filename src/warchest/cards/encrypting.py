"""Encryption to a print house's public key, in the format of age (age-encryption.org/v1), a part at a time.

Whoever has the private key opens the file with ``age --decrypt``; here nobody can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

import pyrage

PART_BYTES = 4 * 2**20


def public_key(typed: str) -> str | None:
    """A public key of age (X25519) as it is usually written; None where it is something else, such as a secret key."""
    try:
        return str(pyrage.x25519.Recipient.from_str(typed.strip()))
    except pyrage.RecipientError:
        return None


def fingerprint(key: str) -> str:
    """What two people compare with what the print house tells them: SHA-256 of the key as it is written."""
    return sha256(key.encode()).hexdigest()


def encrypt(parts: Iterator[bytes], *, key: str, keep: Callable[[bytes], None]) -> None:
    """Encrypt what ``parts`` are together, and have it kept in portions of some megabytes."""
    kept = _Writer(keep)
    pyrage.encrypt_io(_Reader(parts), kept, [pyrage.x25519.Recipient.from_str(key)])
    kept.end()


class _Reader:
    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._left = memoryview(b"")

    def read(self, count: int) -> bytes:
        while not self._left:
            part = next(self._parts, None)
            if part is None:
                return b""
            self._left = memoryview(part)
        taken, self._left = self._left[:count], self._left[count:]
        return bytes(taken)


class _Writer:
    def __init__(self, keep: Callable[[bytes], None]) -> None:
        self._keep = keep
        self._held = bytearray()

    def write(self, what: bytes) -> int:
        self._held += what
        if len(self._held) >= PART_BYTES:
            self.end()
        return len(what)

    def flush(self) -> None:
        """Portions are kept when they are full."""

    def end(self) -> None:
        if self._held:
            self._keep(bytes(self._held))
            self._held.clear()
