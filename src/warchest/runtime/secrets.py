"""Secrets of the deployment: files in its home, readable by the one who runs it, never in the database."""

from __future__ import annotations

import contextlib
import os
import secrets as source
import tempfile
from functools import cache
from pathlib import Path


def home() -> Path:
    """The folder of this deployment's data, ``WARCHEST_HOME`` or ``var`` below the current folder; made when missing."""
    folder = Path(os.environ.get("WARCHEST_HOME") or "var").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def secret(name: str, *, length_bytes: int = 32) -> bytes:
    """The secret of this name; made at its first use, by one of many processes that may ask at once."""
    return _kept(os.environ.get("WARCHEST_HOME"), name, length_bytes)


@cache
def _kept(_home: str | None, name: str, length_bytes: int) -> bytes:
    path = home() / "secrets" / name
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, exist_ok=True)
    # Written aside and linked into place: nobody reads half a secret, and the first one wins.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{name}-") as aside:
        aside.write(source.token_bytes(length_bytes))
        aside.flush()
        os.fsync(aside.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(aside.name, path)
    return path.read_bytes()


def text_secret(name: str) -> str:
    """A secret of 256 bits as hexadecimal text, for passwords and keys that travel in text."""
    return secret(name).hex()
