"""How contract data are written down: as JSON, exactly, and read back into the same frozen dataclasses."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="deterministic")


def encode(value: Any) -> bytes:
    """Deterministic JSON of contract data: dataclasses, ids, moments, money, whole numbers and text."""
    return _encoder.encode(value)


def decode(data: bytes | str, into: type[T]) -> T:
    """Read what ``encode`` wrote. Raises ``msgspec.ValidationError`` where the shape is another."""
    return msgspec.json.decode(data, type=into)


def fingerprint(value: Any) -> bytes:
    """SHA-256 of the value's JSON: whether two requests under one key are the same request."""
    return sha256(encode(value)).digest()
