"""Heads of the chain: signed, and kept in files outside the database.

Whoever has all rights in the database can change an entry and compute the whole chain anew. Such a chain is consistent,
but its hashes are others than those that were signed, with a key that the database has never seen, and written where the
database cannot write. Each host appends to a file of its own, one line a head; nothing here ever changes a line.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from warchest.runtime.configuration import configuration
from warchest.runtime.secrets import home, secret
from warchest.runtime.services import services

_PURPOSE = b"warchest ledger head 1\n"
_TAIL_BYTES = 1 << 16


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed: the block ``number`` of ``cluster``, with which ``entries`` are sealed up to ``position``, has this
    ``hash``. ``before`` is the number of the head in the line before, 0 in the first. ``key`` is the fingerprint of the
    key that signed."""

    cluster: str
    number: int
    position: int
    entries: int
    hash: str
    sealed_at: datetime
    before: int
    signed_at: datetime
    key: str


class SignedHead(Head, frozen=True, forbid_unknown_fields=True):
    """A line of the file. The signature (Ed25519, hexadecimal) is over the line without it, after ``_PURPOSE``."""

    signature: str

    @property
    def head(self) -> Head:
        return Head(**{name: getattr(self, name) for name in Head.__struct_fields__})


class NotAHead(ValueError):
    """A line that no key of this house signed as it stands."""


def folder() -> Path:
    """Where the heads of this ledger's database lie, each host's in a file of its own."""
    outside = configuration().heads.folder
    database = services.database("ledger").settings_dict["NAME"]
    return (Path(outside) if outside else home() / "heads") / services.cluster / str(database)


def own_file() -> Path:
    """The file to which this host appends: a new one after each restore, so that the former stay what they were."""
    life = 1 + len(cut_files())
    name = configuration().heads.name or socket.gethostname()
    return folder() / (f"{name}.jsonl" if life == 1 else f"{name}.{life}.jsonl")


def cut_files() -> list[Path]:
    """The notes of restores, oldest first: see ``cuts``."""
    return sorted(folder().glob("cut-*.json"))


def publish_key() -> Path:
    """The key that checks our signatures, for anyone: a file beside the heads, named by its fingerprint."""
    file = folder() / f"{key_fingerprint()}.pem"
    if not file.exists():
        key = _signing_key().public_key()
        file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return file


def key_fingerprint() -> str:
    return _fingerprint(_signing_key().public_key().public_bytes_raw())


def public_key() -> str:
    """Hexadecimal: for who keeps our heads without our files."""
    return _signing_key().public_key().public_bytes_raw().hex()


def read_other(line: bytes, *, key: str, cluster: str) -> SignedHead:
    """The head of another cluster, signed by the key that it has shown. Raises NotAHead."""
    try:
        signed = msgspec.json.decode(line, type=SignedHead)
        known = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        known.verify(bytes.fromhex(signed.signature), _PURPOSE + msgspec.json.encode(signed.head))
    except (msgspec.MsgspecError, ValueError, InvalidSignature) as error:
        raise NotAHead("not a head that this key signed") from error
    if signed.cluster != cluster or signed.key != _fingerprint(bytes.fromhex(key)):
        raise NotAHead(f"of the cluster {signed.cluster}, by the key {signed.key}")
    return signed


def sign(head: Head) -> bytes:
    """The head's line, without its end."""
    fields = {name: getattr(head, name) for name in Head.__struct_fields__}
    return msgspec.json.encode(
        SignedHead(**fields, signature=signature(_PURPOSE + msgspec.json.encode(head)))
    )


def signature(content: bytes) -> str:
    return _signing_key().sign(content).hex()


def read(line: bytes) -> SignedHead:
    """The head of a line. Raises NotAHead where it is not, letter by letter, what one of the house's keys signed."""
    try:
        signed = msgspec.json.decode(line, type=SignedHead)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotAHead("not a head at all") from error
    if msgspec.json.encode(signed) != line:
        raise NotAHead("written otherwise than it was signed")
    check(
        _PURPOSE + msgspec.json.encode(signed.head), signed.signature, key=signed.key, cluster=signed.cluster
    )
    return signed


def check(content: bytes, signature: str, *, key: str, cluster: str) -> None:
    """Raises NotAHead where the key of this fingerprint, which is one of the house's, did not sign this content."""
    if cluster != services.cluster:
        raise NotAHead(f"of the cluster {cluster}")
    known = _trusted(configuration().heads.trusted).get(key)
    if known is None:
        raise NotAHead(f"signed by the key {key}, which is not ours")
    try:
        known.verify(bytes.fromhex(signature), content)
    except InvalidSignature:
        raise NotAHead("its signature is of something else") from None
    except ValueError as error:
        raise NotAHead("its signature is none") from error


def lines(file: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Each line that is not empty, with its number, and whether it is ended."""
    with file.open("rb") as source:
        for number, line in enumerate(source, start=1):
            if text := line.rstrip(b"\n"):
                yield number, text, line.endswith(b"\n")


@contextmanager
def to_append(file: Path) -> Iterator[BinaryIO | None]:
    """The file, opened so that it can only grow; None while another process of this host has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        yield opened


def last(file: BinaryIO) -> tuple[SignedHead, bytes] | None:
    """The last line that is a head. What a crash has left unfinished behind it is none."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - _TAIL_BYTES, 0))
    for line in reversed(file.read().split(b"\n")):
        try:
            return read(line), line
        except NotAHead:
            continue
    return None


def append(file: BinaryIO, line: bytes) -> None:
    """Add a line and see it on the disk. What a crash has left of a line is ended first, and stays."""
    if size := file.seek(0, os.SEEK_END):
        file.seek(size - 1)
        if file.read(1) != b"\n":
            line = b"\n" + line
    file.write(line + b"\n")
    file.flush()
    os.fsync(file.fileno())
    if not size:
        _sync_folder(Path(file.name).parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@cache
def _signing_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secret("ledger-heads"))


@cache
def _trusted(former: tuple[str, ...]) -> Mapping[str, Ed25519PublicKey]:
    """Our own key and those that signed before, by their fingerprints."""
    raw = [_signing_key().public_key().public_bytes_raw(), *map(bytes.fromhex, former)]
    return {_fingerprint(key): Ed25519PublicKey.from_public_bytes(key) for key in raw}


def _fingerprint(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:16]
