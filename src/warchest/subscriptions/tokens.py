"""Signed entitlements: what a game server can keep and check without asking again."""

from __future__ import annotations

import base64
import functools
import json
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from warchest.runtime.secrets import secret
from warchest.runtime.services import services

TOKEN_LIFETIME = timedelta(minutes=15)
"""For how long a server may trust a token: so late it notices at most that a right was taken away."""

ALGORITHM = "EdDSA"


def issuer() -> str:
    """Who signs: this cluster."""
    return f"warchest:{services.cluster}"


def signed(*, player: UUID, online_service: UUID, until: datetime, at: datetime) -> str:
    """A token for a right that lasts until ``until``."""
    claims = {
        "iss": issuer(),
        "sub": str(player),
        "service": str(online_service),
        "until": int(until.timestamp()),
        "iat": int(at.timestamp()),
        "exp": int(min(until, at + TOKEN_LIFETIME).timestamp()),
    }
    key, public = _keys(secret("entitlements", length_bytes=32))
    return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": public["kid"]})


def jwks() -> dict[str, list[dict[str, str]]]:
    _, public = _keys(secret("entitlements", length_bytes=32))
    return {"keys": [dict(public)]}


@functools.lru_cache(maxsize=4)
def _keys(seed: bytes) -> tuple[Ed25519PrivateKey, dict[str, str]]:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public = {"crv": "Ed25519", "kty": "OKP", "x": _base64(key.public_key().public_bytes_raw())}
    # The key's name is its thumbprint (RFC 7638: its required members, sorted, without spaces).
    thumbprint = sha256(json.dumps(public, sort_keys=True, separators=(",", ":")).encode()).digest()
    return key, public | {"kid": _base64(thumbprint), "alg": ALGORITHM, "use": "sig"}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
