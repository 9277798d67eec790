"""All cards of a batch are made, in one transaction; how far it is can be seen from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import DatabaseError, connections
from psycopg.errors import UniqueViolation

from warchest.cards import keeping, making, queries
from warchest.cards.contract import Batch, BatchState, UnableToGenerateBatch
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BatchProgress, PrintFile
from warchest.cards.operations.batches import digest_now, lock
from warchest.kernel.errors import TryAgain
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

CARDS_PER_PART = 25_000
PARTS_PER_COPY = 10
TELL_EVERY_S = 0.5

log = structlog.get_logger(__name__)


def ask_generation(*, batch_id: UUID, asked_by: UUID, at: datetime) -> Batch:
    row = _approved(batch_id)
    asked = BatchProgress.objects.filter(batch=row).first()
    if asked is None or asked.problem:
        BatchProgress.objects.update_or_create(
            batch=row,
            defaults={
                "version": row.version,
                "asked_by": asked_by,
                "done": 0,
                "total": row.quantity + row.spares,
                "problem": "",
                "started_at": at,
                "updated_at": at,
            },
        )
    return queries.batch(batch_id=batch_id)


def note_generation_problem(*, batch_id: UUID, problem: str, at: datetime) -> None:
    with technical_transaction("cards"):
        BatchProgress.objects.filter(batch_id=batch_id).update(problem=problem[:40], done=0, updated_at=at)


def generate(*, batch_id: UUID, at: datetime) -> Batch:
    row = _approved(batch_id)
    try:
        with _told(batch_id, at) as told:
            _make(row, told)
    except UniqueViolation as error:
        if error.diag.constraint_name != "code_once":
            raise UnableToGenerateBatch("serials_taken") from None
        # With 60 bits and more this happens once in some thousand years; the whole batch is made anew then.
        log.warning("code_exists_already", batch=str(batch_id))
        raise TryAgain("busy") from None
    BatchRow.objects.filter(id=batch_id).update(state=BatchState.GENERATED, generated_at=at)
    return queries.batch(batch_id=batch_id)


def _approved(batch_id: UUID) -> BatchRow:
    row = lock(batch_id, UnableToGenerateBatch)
    if row.virtual:
        raise UnableToGenerateBatch("batch_is_virtual")
    if row.import_digest:
        raise UnableToGenerateBatch("batch_is_imported")
    if row.generated_at is not None:
        raise UnableToGenerateBatch("batch_already_generated")
    if row.state != BatchState.APPROVED:
        raise UnableToGenerateBatch("batch_not_approved", state=row.state)
    if digest_now(row) != bytes(row.approved_digest):
        raise UnableToGenerateBatch("digest_changed")
    return row


def _make(row: BatchRow, told: _Told) -> None:
    part = 0
    for state, first, last in (
        ("as_batch", 1, row.quantity),
        ("spare", row.quantity + 1, row.quantity + row.spares),
    ):
        per_copy = CARDS_PER_PART * PARTS_PER_COPY
        for begun in range(first, last + 1, per_copy):
            ended = min(begun + per_copy - 1, last)
            parts = _copy_in(row, state, begun, ended, told)
            PrintFile.objects.bulk_create(
                PrintFile(
                    batch=row,
                    part=part + place,
                    sealed=keeping.seal(lines, key=keeping.storage_key(), batch=row.id, part=part + place),
                )
                for place, lines in enumerate(parts)
            )
            part += len(parts)


def _copy_in(row: BatchRow, state: str, begun: int, ended: int, told: _Told) -> list[bytes]:
    """Make the cards of these numbers; answers their lines, in parts.

    In one COPY, so that the server stores one part while the next is made here.
    """
    parts = []
    with (
        services.database("cards").cursor() as cursor,
        cursor.copy(
            "COPY cards_card (serial, batch_id, number, code_hash, last_four, state) FROM STDIN"
        ) as copy,
    ):
        for first in range(begun, ended + 1, CARDS_PER_PART):
            count = min(CARDS_PER_PART, ended + 1 - first)
            codes = making.codes(count=count, length=row.code_length, alphabet=row.alphabet)
            serials = making.serials(
                prefix=row.serial_prefix,
                series=row.series,
                first=row.first_number + first - 1,
                count=count,
                digits=row.serial_digits,
            )
            copy.write(_rows(row.id, first, state, serials, codes))
            parts.append(_lines(str(row), serials, codes))
            told.done += count
    return parts


def _rows(batch_id: UUID, first: int, state: str, serials: list[bytes], codes: list[bytes]) -> bytes:
    """Cards in COPY's text format: tabs between columns, and ``\\\\x`` before a byte string in hexadecimal."""
    code_hash = keeping.code_hasher()
    head, tail = str(batch_id).encode(), state.encode()
    return b"".join(
        [
            b"%b\t%b\t%d\t\\\\x%b\t%b\t%b\n"
            % (serial, head, number, code_hash(code).hex().encode(), code[-4:], tail)
            for number, (serial, code) in enumerate(zip(serials, codes, strict=True), first)
        ]
    )


def _lines(batch: str, serials: list[bytes], codes: list[bytes]) -> bytes:
    """A part of the printer's file."""
    series = batch.encode()
    return b"".join([b"%b,%b,%b\n" % (series, *pair) for pair in zip(serials, codes, strict=True)])


class _Told:
    """How many cards are made so far."""

    done = 0


@contextmanager
def _told(batch_id: UUID, at: datetime) -> Iterator[_Told]:
    """Tell those who asked for the batch how far it is. By a thread with a connection of its own: what the transaction that
    makes the cards writes, nobody sees before its end."""
    told, over = _Told(), threading.Event()
    if not BatchProgress.objects.filter(batch_id=batch_id).exists():
        yield told
        return
    begun = time.monotonic()

    def tell() -> None:
        said = -1
        while not over.wait(TELL_EVERY_S if said >= 0 else 0) or said != told.done:
            said = told.done
            try:
                _tell(batch_id, said, at + timedelta(seconds=time.monotonic() - begun))
            except DatabaseError:
                # Whoever looks sees an older number; the cards are made all the same.
                log.warning("progress_not_told", batch=str(batch_id), exc_info=True)
                if over.is_set():
                    break
        connections.close_all()

    teller = threading.Thread(target=tell, name="progress-of-batch", daemon=True)
    teller.start()
    try:
        yield told
    finally:
        over.set()
        teller.join()


def _tell(batch_id: UUID, done: int, at: datetime) -> None:
    with technical_transaction("cards"):
        BatchProgress.objects.filter(batch_id=batch_id).update(done=done, problem="", updated_at=at)
