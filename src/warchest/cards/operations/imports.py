"""Cards of an older system are taken in, all of a file or none.

The file is brought twice: to be ordered, and when the owner has approved its digest. Between the two nothing of it lies here:
hashes of short codes are as good as the codes to whoever has the time to try them all.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from psycopg.errors import DeadlockDetected, UniqueViolation

from warchest.cards import keeping, queries, schemes
from warchest.cards.contract import (
    IMPORT_BYTES_MAX,
    Batch,
    BatchState,
    ImportSummary,
    UnableToImportCards,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import CardEvent, ImportMark
from warchest.cards.operations.batches import digest_now, lock
from warchest.kernel import codes
from warchest.kernel.errors import TryAgain
from warchest.runtime.services import services

MARK_EVERY = 1000
_PER_COPY = 10_000
_SERIAL_MAX = 20
_HEADINGS = (["serial", "hash"], ["serial", "hash", "lastfour"])


@dataclass(frozen=True, slots=True)
class _Old:
    """A card as the file has it: ``code_hash`` is ours already."""

    serial: str
    code_hash: bytes
    last_four: str


def code_schemes() -> Mapping[str, str]:
    return {name: scheme.algorithm for name, scheme in schemes.schemes().items()}


def check_import(*, scheme: str, file: bytes, code: str = "") -> ImportSummary:
    cards = _read(scheme, file)
    for begun in range(0, len(cards), _PER_COPY):
        _check_free(cards[begun : begun + _PER_COPY])
    return ImportSummary(
        digest=sha256(file).hexdigest(),
        scheme=scheme,
        cards=len(cards),
        first_serial=cards[0].serial,
        last_serial=cards[-1].serial,
        with_last_four=sum(1 for card in cards if card.last_four),
        tried=_tried(scheme, cards, code),
    )


def _tried(scheme: str, cards: list[_Old], code: str) -> str:
    if not code.strip():
        return ""
    wanted = keeping.code_hasher()(schemes.under(scheme, schemes.older_hash(schemes.schemes()[scheme], code)))
    return next((card.serial for card in cards if card.code_hash == wanted), "")


def import_cards(*, batch_id: UUID, file: bytes, imported_by: UUID, at: datetime) -> Batch:
    row = _approved(batch_id)
    if sha256(file).hexdigest() != row.import_digest:
        raise UnableToImportCards("import_file_differs")
    cards = _read(row.import_scheme, file)
    if len(cards) != row.quantity:
        raise UnableToImportCards("import_file_differs")
    # What may once be given to a card that is issued in the place of one of these stays free.
    for card in cards:
        if card.serial.startswith(str(row)):
            raise UnableToImportCards("import_serial_taken", serial=card.serial)
    try:
        for begun in range(0, len(cards), _PER_COPY):
            _copy_in(row.id, begun + 1, cards[begun : begun + _PER_COPY])
    except UniqueViolation as error:
        raise _taken(error) from None
    except DeadlockDetected:
        raise TryAgain("busy") from None
    marked = sorted({*range(1, len(cards) + 1, MARK_EVERY), len(cards)})
    ImportMark.objects.bulk_create(
        [ImportMark(batch=row, number=number, serial=cards[number - 1].serial) for number in marked],
        batch_size=MARK_EVERY,
    )
    BatchRow.objects.filter(id=row.id).update(state=BatchState.GENERATED, generated_at=at)
    BatchRow.objects.filter(id=row.id).update(
        state=BatchState.HANDED_OVER,
        handed_over_by=imported_by,
        handed_over_at=at,
        recipient=row.reseller,
    )
    CardEvent.objects.create(
        batch=row,
        first_number=1,
        last_number=row.quantity,
        what="imported",
        actor=f"administrator:{imported_by}",
        reason=f"{row.import_scheme}: SHA-256 {row.import_digest}",
        occurred_at=at,
    )
    return queries.batch(batch_id=batch_id)


def _approved(batch_id: UUID) -> BatchRow:
    row = lock(batch_id, UnableToImportCards)
    if not row.import_digest:
        raise UnableToImportCards("batch_is_ours")
    if row.generated_at is not None:
        raise UnableToImportCards("already_imported")
    if row.state != BatchState.APPROVED:
        raise UnableToImportCards("batch_not_approved", state=row.state)
    if digest_now(row) != bytes(row.approved_digest):
        raise UnableToImportCards("digest_changed")
    return row


def _read(name: str, file: bytes) -> list[_Old]:
    """The cards of a file, in the order of their serials."""
    scheme = schemes.schemes().get(name)
    if scheme is None:
        raise UnableToImportCards("import_scheme_unknown", scheme=name[:30])
    if len(file) > IMPORT_BYTES_MAX:
        raise UnableToImportCards("import_file_too_long", bytes_max=IMPORT_BYTES_MAX)
    length, code_hash = schemes.HASH_LENGTHS[scheme.algorithm], keeping.code_hasher()
    cards: dict[str, _Old] = {}
    hashes: set[bytes] = set()
    for line, fields in _rows(file):
        serial = re.sub(r"[\s\-_./]", "", fields[0]).upper()
        if not re.fullmatch(rf"[A-Z0-9]{{1,{_SERIAL_MAX}}}", serial, re.ASCII):
            raise UnableToImportCards("import_serial_malformed", line=line)
        if serial in cards:
            raise UnableToImportCards("import_serial_twice", line=line, serial=serial)
        hashed = _hash(fields[1].strip(), length)
        if hashed is None:
            raise UnableToImportCards("import_hash_malformed", line=line)
        last_four = codes.normalise(fields[2]) if len(fields) > 2 else ""
        if len(last_four) not in (0, 4) or not last_four.isascii():
            raise UnableToImportCards("import_file_malformed", line=line)
        ours = code_hash(schemes.under(name, hashed))
        if ours in hashes:
            raise UnableToImportCards("import_hash_twice", line=line, serial=serial)
        hashes.add(ours)
        cards[serial] = _Old(serial, ours, last_four)
    if not cards:
        raise UnableToImportCards("import_file_malformed", line=1)
    return [cards[serial] for serial in sorted(cards)]


def _rows(file: bytes) -> Iterator[tuple[int, list[str]]]:
    """The lines of the table with their numbers. No field of it has a comma or quotation marks in it."""
    try:
        lines = file.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UnableToImportCards("import_file_malformed", line=1) from None
    heading = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    if heading not in _HEADINGS:
        raise UnableToImportCards("import_file_malformed", line=1)
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        fields = line.split(",")
        if len(fields) != len(heading):
            raise UnableToImportCards("import_file_malformed", line=number)
        yield number, fields


def _hash(text: str, length: int) -> bytes | None:
    try:
        found = bytes.fromhex(text) if len(text) == 2 * length else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    return found if len(found) == length else None


def _check_free(cards: list[_Old]) -> None:
    """Only a help: what is taken until then is found when they are taken in."""
    by_hash = {card.code_hash: card.serial for card in cards}
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            "SELECT min(serial) FROM cards_card WHERE serial = ANY(%s)", [[card.serial for card in cards]]
        )
        ((serial,),) = cursor.fetchall()
        if serial is not None:
            raise UnableToImportCards("import_serial_taken", serial=serial)
        cursor.execute("SELECT code_hash FROM cards_card WHERE code_hash = ANY(%s) LIMIT 1", [list(by_hash)])
        for (taken,) in cursor.fetchall():
            raise UnableToImportCards("import_code_taken", serial=by_hash[bytes(taken)])


def _copy_in(batch_id: UUID, first: int, cards: list[_Old]) -> None:
    """In COPY's text format: tabs between columns, and ``\\\\x`` before a byte string in hexadecimal."""
    with (
        services.database("cards").cursor() as cursor,
        cursor.copy("COPY cards_card (serial, batch_id, number, code_hash, last_four) FROM STDIN") as copy,
    ):
        copy.write(
            "".join(
                f"{card.serial}\t{batch_id}\t{number}\t\\\\x{card.code_hash.hex()}\t{_escaped(card.last_four)}\n"
                for number, card in enumerate(cards, first)
            )
        )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\")


def _taken(error: UniqueViolation) -> UnableToImportCards:
    if error.diag.constraint_name == "code_once":
        return UnableToImportCards("import_code_taken", serial="")
    # The server says which: "Key (serial)=(A1) already exists."
    found = re.search(r"=\(([A-Z0-9]+)\)", error.diag.message_detail or "")
    return UnableToImportCards("import_serial_taken", serial=found[1] if found else "")
