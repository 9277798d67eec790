"""Small secrets at rest: encrypted under a key that lies outside the database, and readable only in their own place.

AES-256-GCM (NIST SP 800-38D). The label is bound in: what was sealed for one place opens nowhere else, so nobody who may
write to the database can move a secret to where it is shown.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from warchest.runtime.secrets import secret

_NONCE_LENGTH = 12


class UnableToUnseal(Exception):
    """It was sealed under another key or for another place, or it was changed."""


def seal(plain: bytes, *, purpose: str, label: str) -> bytes:
    """``purpose`` names the deployment's key, ``label`` the place: the table, column and row that it is for."""
    nonce = os.urandom(_NONCE_LENGTH)
    return nonce + AESGCM(_key(purpose)).encrypt(nonce, plain, label.encode())


def unseal(sealed: bytes, *, purpose: str, label: str) -> bytes:
    """Raises UnableToUnseal."""
    try:
        return AESGCM(_key(purpose)).decrypt(sealed[:_NONCE_LENGTH], sealed[_NONCE_LENGTH:], label.encode())
    except InvalidTag:
        raise UnableToUnseal(label) from None


def _key(purpose: str) -> bytes:
    return secret(f"sealing-{purpose}")
