"""Cuts: notes of restores to the past, beside the heads that bear witness to what was cut off.

A restore takes the books back, while heads of later blocks stand in files outside the database and never leave them. So the
restore writes a note: up to which block the books are the same, and with which head each file of heads ended then.
It is signed by the key that signs heads, which no database has seen. From then on heads are written to new files; of the former
ones, those behind the cut are what was left behind, and all others still have to agree. Without the note a
database that was taken back is one that somebody has cut off; with it, ``prove`` tells of the restore every time.

A copy that is only looked at has a note that counts in no other home: it says so itself.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from warchest.ledger import heads
from warchest.ledger.contract import HeadsCut, UnableToSignHead
from warchest.ledger.models import SealHead
from warchest.runtime import set_aside
from warchest.runtime.backup.folder import write_down
from warchest.runtime.configuration import path
from warchest.runtime.configuration import read as read_configuration
from warchest.runtime.secrets import home
from warchest.runtime.services import services

_PURPOSE = b"warchest ledger cut 1\n"


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed: the ``number``-th restore of ``cluster`` left the books as they were up to block ``block``, whose hash
    is this (0 and nothing: before the first block). ``left`` says with which block's head each file ended.
    ``before`` is the SHA-256 of the note before, nothing in the first."""

    cluster: str
    number: int
    restore: datetime
    restored_to: datetime | None
    backup: str
    block: int
    position: int
    hash: str
    left: dict[str, int]
    in_service: bool
    signed_at: datetime
    before: str
    key: str


class SignedCut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. The signature (Ed25519, hexadecimal) is over ``_PURPOSE`` and ``cut``."""

    cut: Cut
    signature: str


def sign_cut(
    *, restore: datetime, restored_to: datetime | None, backup: str, in_service: bool, at: datetime
) -> HeadsCut:
    found, _ = read()
    if found and found[-1].restore == restore and found[-1].in_service:
        return as_row(found[-1])  # repeated
    heads.folder().mkdir(parents=True, exist_ok=True)
    if in_service:
        _bring_out()
        found = _put_away_copies(found)
    else:
        _bring_in()
        _complete()
    block, position, digest = _newest_block()
    files = heads.cut_files()
    cut = Cut(
        cluster=services.cluster,
        number=len(files) + 1,
        restore=restore,
        restored_to=restored_to,
        backup=backup,
        block=block,
        position=position,
        hash=digest,
        left={file.name: _ends_at(file) for file in sorted(heads.folder().glob("*.jsonl"))},
        in_service=in_service,
        signed_at=at,
        before=hashlib.sha256(files[-1].read_bytes()).hexdigest() if files else "",
        key=heads.key_fingerprint(),
    )
    signature = heads.signature(_PURPOSE + msgspec.json.encode(cut))
    written = msgspec.json.encode(SignedCut(cut, signature))
    write_down(heads.folder() / f"cut-{cut.number:03}.json", written)
    heads.publish_key()
    return as_row(cut)


def read() -> tuple[list[Cut], list[str]]:
    """The notes that count here, oldest first; and what is wrong with others that lie there."""
    found, wrong = list[Cut](), list[str]()
    before = ""
    for number, file in enumerate(heads.cut_files(), start=1):
        content = file.read_bytes()
        try:
            signed = msgspec.json.decode(content, type=SignedCut)
            if msgspec.json.encode(signed) != content:
                raise heads.NotAHead("written otherwise than it was signed")
            cut = signed.cut
            heads.check(
                _PURPOSE + msgspec.json.encode(cut), signed.signature, key=cut.key, cluster=cut.cluster
            )
            if cut.before != before or cut.number != number:
                raise heads.NotAHead("it does not follow the note before it")
            if not cut.in_service and set_aside.note() is None:
                raise heads.NotAHead("it is of a copy that was not put into service")
            found.append(cut)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            wrong.append(f"{file}: not a note of a restore")
        except heads.NotAHead as error:
            wrong.append(f"{file}: not a note of a restore that was signed here: {error}")
        before = hashlib.sha256(content).hexdigest()
    return found, wrong


def cuts() -> tuple[HeadsCut, ...]:
    return tuple(as_row(cut) for cut in read()[0])


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a file of heads: those up to block ``until`` have to agree with the books, and it ends with block ``ends_at``."""

    until: int
    ends_at: int


def bounds(cuts: Sequence[Cut], file: str) -> Bounds | None:
    """None for a file that no restore has ended."""
    of_file = [cut for cut in cuts if file in cut.left]
    if not of_file:
        return None
    return Bounds(until=min(cut.block for cut in of_file), ends_at=of_file[0].left[file])


def differs(cuts: Sequence[Cut]) -> Iterator[str]:
    """Where the books are not what a restore left them to be."""
    for number, cut in enumerate(cuts):
        if cut.block == 0 or any(later.block < cut.block for later in cuts[number + 1 :]):
            continue
        with services.database("ledger").cursor() as cursor:
            cursor.execute("SELECT encode(hash, 'hex') FROM ledger_seal WHERE number = %s", [cut.block])
            row = cursor.fetchone()
        if row is None or row[0] != cut.hash:
            yield f"block {cut.block} is not the one that the restore of {cut.signed_at:%Y-%m-%d %H:%M:%S} UTC left behind"


def as_row(cut: Cut) -> HeadsCut:
    return HeadsCut(
        block=cut.block,
        position=cut.position,
        restored_to=cut.restored_to,
        backup=cut.backup,
        in_service=cut.in_service,
        signed_at=cut.signed_at,
        left_behind=max([0, *(last for last in cut.left.values() if last > cut.block)]),
    )


def _newest_block() -> tuple[int, int, str]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            "SELECT number, last_position, encode(hash, 'hex') FROM ledger_seal ORDER BY number DESC LIMIT 1"
        )
        return cursor.fetchone() or (0, 0, "")


def _ends_at(file: Path) -> int:
    with file.open("rb") as opened:
        found = heads.last(opened)
    return found[0].number if found else 0


def _complete() -> None:
    """Give a copy's files the heads that they had at the moment of the restore, where the backup's are older.

    The database keeps a copy of each line. Nobody could have made it there: the signature is the key's.
    """
    for name in SealHead.objects.order_by("file").values_list("file", flat=True).distinct():
        with heads.to_append(heads.folder() / name) as opened:
            assert opened is not None
            found = heads.last(opened)
            ended = found[0].number if found else 0
            for line in (
                SealHead.objects.filter(file=name, number__gt=ended)
                .order_by("number")
                .values_list("line", flat=True)
            ):
                try:
                    head = heads.read(line.encode())
                except heads.NotAHead:
                    break
                if head.before != ended:
                    break  # a gap is for prove to find
                heads.append(opened, line.encode())
                ended = head.number


def _bring_in() -> None:
    """Where the house writes its heads to a folder outside that is there, take the files as they are now: they know more than
    the backup's."""
    outside = read_configuration(path()).heads.folder
    inside = heads.folder()
    there = Path(outside) / inside.relative_to(inside.parents[1])
    if outside and there.exists():
        for file in sorted(there.iterdir()):
            shutil.copyfile(file, inside / file.name)


def _bring_out() -> None:
    """Where heads are written to another folder than the copy's own, have in it what it lacks."""
    inside = home() / "heads" / heads.folder().relative_to(heads.folder().parents[1])
    if inside == heads.folder() or not inside.exists():
        return
    for file in sorted(inside.iterdir()):
        target = heads.folder() / file.name
        if not target.exists() and not _is_copys(file):
            shutil.copyfile(file, target)


def _is_copys(file: Path) -> bool:
    """A note of a copy that was only looked at."""
    try:
        return not msgspec.json.decode(file.read_bytes(), type=SignedCut).cut.in_service
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False


def _put_away_copies(found: list[Cut]) -> list[Cut]:
    """The note of the copy gives way to the one of the house. Raises UnableToSignHead where others came meanwhile."""
    for file in heads.cut_files():
        if _is_copys(file):
            if file != heads.cut_files()[-1]:
                raise UnableToSignHead("cut_not_last", file=str(file))
            file.unlink()
    return [cut for cut in found if cut.in_service]
