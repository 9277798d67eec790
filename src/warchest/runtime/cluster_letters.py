"""Letters: what the operators of two clusters tell each other before they are merged, and what comes of it.

Each operator sends the other one letter. It holds nothing that opens this house by itself, but for the password of its
gateways: it is for that operator's eyes. From both letters each side computes the same forty digits, which the two compare
by voice; whoever changed a letter on its way would change them. And from one side's private key and the other's public one
each computes the same key, with which all is sealed that goes over the line: whoever else is merged with both, or has got
into a broker on the way, reads nothing and says nothing in another's name.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime
from hashlib import sha256
from secrets import token_bytes

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding

from warchest.kernel.errors import UnableTo
from warchest.runtime.secrets import secret

VERSION = 1
_LETTER_BYTES_MAX = 64 * 1024
_NONCE_BYTES = 12
_GROUPS, _DIGITS = 8, 5

_CODE = re.compile(r"[A-Za-z0-9_-]{1,20}")
_PLACE = re.compile(r"[A-Za-z0-9.:\[\]_-]{3,260}")
_URL = re.compile(r"https?://[^\s\"'<>]{1,200}")


class UnableToReadLetter(UnableTo):
    """It is no letter of a cluster's that we could be merged with."""

    reasons = frozenset(
        {
            "letter_malformed",
            "letter_is_ours",
            "letter_for_another",  # it was written to a cluster of another code
            "letter_of_another_version",
        }
    )


class UnableToUnseal(UnableTo):
    """Nobody who shares our key has sealed this, or it is too old."""

    reasons = frozenset({"seal_broken", "seal_stale"})


class Letter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cluster tells of itself. ``to``: the code of the cluster it is written to.

    ``gateways`` are where its servers are reached, ``host:port``; ``authority`` (PEM) signs their certificates; ``line_key``
    is its public key of the line, hexadecimal.
    """

    version: int
    cluster: str
    to: str
    name: str
    entity: str
    functional_currency: str
    gateways: tuple[str, ...]
    authority: str
    line_key: str
    portal: str
    backoffice: str
    written_at: datetime

    @property
    def fingerprint(self) -> bytes:
        """Of what others must not be able to change: who it is, and by what it is known."""
        told = (self.cluster, self.line_key, _authority_fingerprint(self.authority))
        return sha256("\n".join(told).encode()).digest()


class _Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    warchest_letter: Letter
    password: str


def written(letter: Letter, *, password: str) -> str:
    """The letter as it is sent: text that a page, a mail or a file takes."""
    return msgspec.json.format(msgspec.json.encode(_Sent(letter, password)), indent=1).decode()


def read(text: str, *, ours: str) -> tuple[Letter, str]:
    """A letter and the password in it. ``ours`` is this cluster's code. Raises UnableToReadLetter."""
    if len(text) > _LETTER_BYTES_MAX:
        raise UnableToReadLetter("letter_malformed", explanation="too long")
    try:
        sent = msgspec.json.decode(text.strip(), type=_Sent)
        checked(sent.warchest_letter)
        if not re.fullmatch(r"[\w.~-]{8,200}", sent.password):
            raise ValueError("password")
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnableToReadLetter("letter_malformed", explanation=str(error)[:120]) from None
    letter = sent.warchest_letter
    if letter.version != VERSION:
        raise UnableToReadLetter("letter_of_another_version", version=letter.version)
    if letter.cluster == ours:
        raise UnableToReadLetter("letter_is_ours", cluster=ours)
    if letter.to != ours:
        raise UnableToReadLetter("letter_for_another", cluster=letter.to[:40])
    return letter, sent.password


def checked(letter: Letter) -> Letter:
    """Raises ValueError where it holds what would not be itself in a configuration, on a page or in a key."""
    if not _CODE.fullmatch(letter.cluster):
        raise ValueError("cluster")
    if not letter.gateways or not all(_PLACE.fullmatch(place) for place in letter.gateways):
        raise ValueError("gateways")
    if len(letter.name) > 80 or len(letter.entity) > 120 or len(letter.functional_currency) != 3:
        raise ValueError("name")
    if any(url and not _URL.fullmatch(url) for url in (letter.portal, letter.backoffice)):
        raise ValueError("portal")
    _authority_fingerprint(letter.authority)
    X25519PublicKey.from_public_bytes(bytes.fromhex(letter.line_key))
    return letter


def fingerprint(one: Letter, other: Letter) -> str:
    """Forty digits in eight groups, the same on both sides: what the two operators compare by voice."""
    both = sha256(b"warchest clusters 1" + b"".join(sorted((one.fingerprint, other.fingerprint)))).digest()
    digits = str(int.from_bytes(both) % 10 ** (_GROUPS * _DIGITS)).zfill(_GROUPS * _DIGITS)
    return " ".join(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS))


def _authority_fingerprint(pem: str) -> str:
    return sha256(
        b"".join(
            found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(pem.encode("ascii"))
        )
    ).hexdigest()


# The key that two clusters share, and what is sealed with it.


def public_line_key() -> str:
    return _line_key().public_key().public_bytes_raw().hex()


def _line_key() -> X25519PrivateKey:
    # By this name it is copied to further hosts along with the passwords of the broker.
    return X25519PrivateKey.from_private_bytes(secret("broker-cluster-key"))


class SharedKey:
    """What this cluster and another one know, and nobody else."""

    def __init__(self, *, ours: str, theirs: str, their_line_key: str) -> None:
        agreed = _line_key().exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(their_line_key)))
        self._between = "\n".join(sorted((ours, theirs)))
        self._sealing = AESGCM(self._derived(agreed, "line"))
        self.digests = self._derived(agreed, "digests")
        """With this names are hashed that both may hold against each other, and nobody may read."""

    def _derived(self, agreed: bytes, purpose: str) -> bytes:
        told = f"warchest {purpose} 1\n{self._between}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=told).derive(agreed)

    def seal(self, data: bytes, *, purpose: str, at: datetime) -> bytes:
        """Only the other cluster reads it, and only for this purpose."""
        nonce = token_bytes(_NONCE_BYTES)
        stamped = struct.pack(">q", int(at.timestamp() * 1000)) + data
        return nonce + self._sealing.encrypt(nonce, stamped, purpose.encode())

    def unseal(self, sealed: bytes, *, purpose: str, at: datetime, age_s_max: float) -> bytes:
        """Raises UnableToUnseal."""
        try:
            stamped = self._sealing.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):
            raise UnableToUnseal("seal_broken") from None
        (sealed_ms,) = struct.unpack(">q", stamped[:8])
        if abs(at.timestamp() - sealed_ms / 1000) > age_s_max:
            raise UnableToUnseal("seal_stale")
        return stamped[8:]


def kept_password(password: str) -> bytes:
    """As it stands in the database, which alone opens nothing."""
    nonce = token_bytes(_NONCE_BYTES)
    return nonce + _keeping().encrypt(nonce, password.encode(), None)


def read_password(kept: bytes) -> str:
    """Raises UnableToUnseal where another house's key kept it."""
    try:
        return _keeping().decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], None).decode()
    except InvalidTag:
        raise UnableToUnseal("seal_broken") from None


def _keeping() -> AESGCM:
    return AESGCM(
        HKDF(algorithm=SHA256(), length=32, salt=None, info=b"warchest gateway passwords 1").derive(
            secret("broker-cluster-key")
        )
    )
