"""From the order of a batch to the hand-over of its codes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.db import IntegrityError, transaction
from django.db.models import Max
from psycopg.errors import UniqueViolation

from warchest.cards import keeping, making, queries, rules
from warchest.cards.contract import (
    Batch,
    BatchState,
    BatchTerms,
    UnableToDecideBatch,
    UnableToFetchPrintFile,
    UnableToGenerateBatch,
    UnableToHandOverBatch,
    UnableToOrderBatch,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import CardEvent, PrintFile
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

CARDS_PER_PART = 25000

log = structlog.get_logger(__name__)


def order(*, batch_id: UUID, terms: BatchTerms, ordered_by: UUID, at: datetime) -> Batch:
    rules.check_terms(terms, at=at)
    terms = replace(
        terms,
        regions=tuple(sorted(set(terms.regions))),
        series=terms.series or _next_series(terms.serial_prefix),
    )
    try:
        with transaction.atomic(using=services.alias("cards")):
            BatchRow.objects.create(
                id=batch_id,
                **columns_of(terms),
                ordered_by=ordered_by,
                ordered_at=at,
                digest=rules.digest(batch_id=batch_id, terms=terms, ordered_by=ordered_by, ordered_at=at),
            )
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name == "series_once":  # type: ignore[union-attr]
            raise UnableToOrderBatch("serial_series_taken") from None
        raise
    return queries.batch(batch_id=batch_id)


def columns_of(terms: BatchTerms) -> dict[str, Any]:
    """The columns of a batch that say what was ordered."""
    columns = {field.name: getattr(terms, field.name) for field in fields(terms)}
    face = columns.pop("face")
    return columns | {
        "gives": msgspec.to_builtins(terms.gives),
        "face_minor": face.minor,
        "face_currency": face.currency.code,
        "regions": list(terms.regions),
        "product": terms.product[:100],
    }


def _next_series(prefix: str) -> int:
    # One order of a prefix at a time chooses; the next sees what it chose, since the lock ends with the transaction.
    with services.database("cards").cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cards series ' || %s))", [prefix])
    last = BatchRow.objects.filter(serial_prefix=prefix).aggregate(last=Max("series"))["last"] or 0
    if last >= rules.SERIES_MAX:
        raise UnableToOrderBatch("serial_series_taken")
    return int(last) + 1


def approve(*, batch_id: UUID, digest: str, approved_by: UUID, at: datetime) -> Batch:
    row = _lock(batch_id, UnableToDecideBatch)
    if row.state != BatchState.ORDERED:
        raise UnableToDecideBatch("batch_already_decided", state=row.state)
    if row.ordered_by == approved_by:
        raise UnableToDecideBatch("own_request")
    # Compared with what the row says now, not only with the digest that it carries.
    if not digest == bytes(row.digest).hex() == _digest_now(row).hex():
        raise UnableToDecideBatch("digest_changed")
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.APPROVED,
        approved_by=approved_by,
        approved_at=at,
        approved_digest=bytes.fromhex(digest),
    )
    return queries.batch(batch_id=batch_id)


def refuse(*, batch_id: UUID, refused_by: UUID, reason: str, at: datetime) -> Batch:
    row = _lock(batch_id, UnableToDecideBatch)
    if row.state != BatchState.ORDERED:
        raise UnableToDecideBatch("batch_already_decided", state=row.state)
    if not reason.strip():
        raise UnableToDecideBatch("reason_missing")
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.REFUSED, refused_by=refused_by, refused_at=at, refusal=reason.strip()[:300]
    )
    return queries.batch(batch_id=batch_id)


def generate(*, batch_id: UUID, at: datetime) -> Batch:
    row = _lock(batch_id, UnableToGenerateBatch)
    if row.virtual:
        raise UnableToGenerateBatch("batch_is_virtual")
    if row.state in (BatchState.GENERATED, BatchState.HANDED_OVER, BatchState.CLOSED):
        raise UnableToGenerateBatch("batch_already_generated")
    if row.state != BatchState.APPROVED:
        raise UnableToGenerateBatch("batch_not_approved", state=row.state)
    if _digest_now(row) != bytes(row.approved_digest):
        raise UnableToGenerateBatch("digest_changed")
    try:
        sealed = _copy_in(row)
    except UniqueViolation:
        # With 60 bits and more this happens once in some thousand years; the whole batch is made anew then.
        log.warning("code_exists_already", batch=str(batch_id))
        raise TryAgain("busy") from None
    for part, lines in enumerate(sealed):
        PrintFile.objects.create(batch=row, part=part, sealed=lines)
    BatchRow.objects.filter(id=batch_id).update(state=BatchState.GENERATED, generated_at=at)
    return queries.batch(batch_id=batch_id)


def _copy_in(row: BatchRow) -> list[bytes]:
    """Make all cards of a batch; answers the sealed parts of its file.

    In one COPY, so that the server stores one part while the next is made here.
    """
    sealed = []
    with (
        services.database("cards").cursor() as cursor,
        cursor.copy("COPY cards_card (serial, batch_id, number, code_hash, last_four) FROM STDIN") as copy,
    ):
        for part, first in enumerate(range(1, row.quantity + 1, CARDS_PER_PART)):
            count = min(CARDS_PER_PART, row.quantity + 1 - first)
            codes = making.codes(count=count, length=row.code_length)
            serials = making.serials(prefix=row.serial_prefix, series=row.series, first=first, count=count)
            copy.write(_rows(row.id, first, serials, codes))
            lines = _lines(str(row), serials, codes)
            sealed.append(keeping.seal(lines, key=keeping.storage_key(), batch=row.id, part=part))
    return sealed


def _rows(batch_id: UUID, first: int, serials: list[bytes], codes: list[bytes]) -> bytes:
    """Cards in COPY's text format: tabs between columns, and ``\\\\x`` before a byte string in hexadecimal."""
    code_hash = keeping.code_hasher()
    batch = str(batch_id).encode()
    return b"".join(
        [
            b"%b\t%b\t%d\t\\\\x%b\t%b\n" % (serial, batch, number, code_hash(code).hex().encode(), code[-4:])
            for number, (serial, code) in enumerate(zip(serials, codes, strict=True), first)
        ]
    )


def _lines(batch: str, serials: list[bytes], codes: list[bytes]) -> bytes:
    """A part of the printer's file."""
    series = batch.encode()
    return b"".join([b"%b,%b,%b\n" % (series, *pair) for pair in zip(serials, codes, strict=True)])


def hand_over(
    *, batch_id: UUID, recipient: str, one_time_key: bytes, handed_over_by: UUID, at: datetime
) -> Batch:
    row = _lock(batch_id, UnableToHandOverBatch)
    if row.state in (BatchState.HANDED_OVER, BatchState.CLOSED):
        raise UnableToHandOverBatch("already_handed_over")
    if row.state != BatchState.GENERATED:
        raise UnableToHandOverBatch("batch_not_generated", state=row.state)
    if not recipient.strip():
        raise UnableToHandOverBatch("recipient_missing")
    if len(one_time_key) != keeping.KEY_LENGTH:
        raise UnableToHandOverBatch("one_time_key_malformed")
    # Written anew rather than changed, so that nothing under the deployment's key outlives this transaction.
    for kept in PrintFile.objects.filter(batch=row).order_by("part").iterator(chunk_size=4):
        lines = keeping.unseal(bytes(kept.sealed), key=keeping.storage_key(), batch=batch_id, part=kept.part)
        if lines is None:
            raise RuntimeError(f"the codes of batch {batch_id} do not open under this deployment's key")
        sealed = keeping.seal(lines, key=one_time_key, batch=batch_id, part=kept.part)
        PrintFile.objects.filter(id=kept.id).update(sealed=sealed)
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.HANDED_OVER,
        handed_over_by=handed_over_by,
        handed_over_at=at,
        recipient=recipient.strip()[:120],
        file_until=at + rules.PRINT_FILE_LIFETIME,
    )
    return queries.batch(batch_id=batch_id)


def fetch_print_file(*, batch_id: UUID, one_time_key: bytes, actor: str, at: datetime) -> bytes:
    if len(one_time_key) != keeping.KEY_LENGTH:
        raise UnableToFetchPrintFile("print_file_gone")
    with technical_transaction("cards"):
        row = BatchRow.objects.select_for_update().filter(id=batch_id).first()
        if row is None or row.file_until is None or row.file_until <= at:
            raise UnableToFetchPrintFile("print_file_gone")
        lines = [b"Batch,Serial,Pin\n"]
        for kept in PrintFile.objects.filter(batch=row).order_by("part").iterator(chunk_size=4):
            part = keeping.unseal(bytes(kept.sealed), key=one_time_key, batch=batch_id, part=kept.part)
            if part is None:
                raise UnableToFetchPrintFile("print_file_gone")
            lines.append(part)
        _forget(row)
        CardEvent.objects.create(
            batch=row,
            first_number=1,
            last_number=row.quantity,
            what="print_file_fetched",
            actor=actor,
            occurred_at=at,
        )
    return b"".join(lines)


def forget_print_files(*, at: datetime) -> int:
    with technical_transaction("cards"):
        late = list(BatchRow.objects.select_for_update(skip_locked=True).filter(file_until__lte=at))
        for row in late:
            _forget(row)
    return len(late)


def _forget(row: BatchRow) -> None:
    PrintFile.objects.filter(batch=row).delete()
    BatchRow.objects.filter(id=row.id).update(file_until=None)


def _lock(batch_id: UUID, refusal: type[UnableTo]) -> BatchRow:
    row = BatchRow.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise refusal("batch_unknown")
    return row


def _digest_now(row: BatchRow) -> bytes:
    return rules.digest(
        batch_id=row.id, terms=queries.terms_of(row), ordered_by=row.ordered_by, ordered_at=row.ordered_at
    )
