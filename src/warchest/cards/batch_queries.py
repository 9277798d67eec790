"""Reads of what belongs to batches as wholes: versions, progress, print houses, hand-overs."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F, Sum

from warchest.cards import queries
from warchest.cards.contract import (
    Batch,
    BatchProgress,
    BatchState,
    BatchVersion,
    HandOver,
    Printer,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BatchProgress as ProgressRow
from warchest.cards.models import BatchVersion as VersionRow
from warchest.cards.models import HandOver as HandOverRow
from warchest.cards.models import Printer as PrinterRow


def versions(*, batch_id: UUID) -> tuple[BatchVersion, ...]:
    rows = VersionRow.objects.filter(batch_id=batch_id).order_by("version")
    return tuple(version_of(row.row) for row in rows)


def version_of(row: dict[str, Any]) -> BatchVersion:
    """A batch as ``to_jsonb`` wrote it."""
    known = {field.attname for field in BatchRow._meta.concrete_fields}
    before = BatchRow(**{name: value for name, value in row.items() if name in known})
    # What JSON knows no type for.
    for field in BatchRow._meta.concrete_fields:
        value = getattr(before, field.attname)
        if isinstance(value, str) and field.get_internal_type() == "BinaryField":
            setattr(before, field.attname, bytes.fromhex(value.removeprefix("\\x")))
        elif value is not None:
            setattr(before, field.attname, field.to_python(value))
    return BatchVersion(
        version=before.version,
        terms=queries.terms_of(before),
        digest=before.digest.hex(),
        ordered_by=before.ordered_by,
        ordered_at=before.ordered_at,
        approved_by=before.approved_by,
        approved_at=before.approved_at,
    )


def live_cards(*, at: datetime, beside: UUID | None = None) -> int:
    """How many cards of other batches can be activated, or could be once they are approved, made or sold. Those that were used
    count too: to be too many by them costs a character at the most."""
    over = (BatchState.REFUSED, BatchState.CANCELLED, BatchState.CLOSED)
    rows = BatchRow.objects.exclude(state__in=over).exclude(expires_at__lte=at)
    if beside is not None:
        rows = rows.exclude(id=beside)
    return int(rows.aggregate(cards=Sum(F("quantity") + F("spares")))["cards"] or 0)


def progress(*, batch_id: UUID) -> BatchProgress | None:
    row = ProgressRow.objects.filter(batch_id=batch_id).first()
    return row and _progress(row)


def generations_asked() -> tuple[BatchProgress, ...]:
    rows = ProgressRow.objects.filter(
        batch__state=BatchState.APPROVED, problem__in=("", "failed"), version=F("batch__version")
    )
    return tuple(map(_progress, rows.order_by("started_at", "batch_id")))


def _progress(row: ProgressRow) -> BatchProgress:
    return BatchProgress(
        batch=row.batch_id,
        version=row.version,
        asked_by=row.asked_by,
        done=row.done,
        total=row.total,
        started_at=row.started_at,
        updated_at=row.updated_at,
        problem=row.problem,
    )


def printers() -> tuple[Printer, ...]:
    rows = PrinterRow.objects.order_by(F("retired_at").asc(nulls_first=True), "name")
    return tuple(map(printer_of, rows))


def printer_of(row: PrinterRow) -> Printer:
    return msgspec.convert(row, Printer, from_attributes=True)


def hand_overs(*, batch_id: UUID) -> tuple[HandOver, ...]:
    return tuple(map(hand_over_of, HandOverRow.objects.filter(batch_id=batch_id).order_by("-id")))


def hand_over(*, hand_over_id: UUID) -> HandOver | None:
    row = HandOverRow.objects.filter(id=hand_over_id).first()
    return row and hand_over_of(row)


def hand_overs_awaiting() -> tuple[tuple[HandOver, Batch], ...]:
    rows = HandOverRow.objects.filter(withdrawn_at=None, confirmed_at=None, batch__state=BatchState.GENERATED)
    return tuple(
        (hand_over_of(row), queries.batch(batch_id=row.batch_id)) for row in rows.order_by("asked_at", "id")
    )


def hand_over_of(row: HandOverRow) -> HandOver:
    return HandOver(
        id=row.id,
        batch=row.batch_id,
        recipient=row.recipient,
        kind=row.kind,
        key=row.key,
        fingerprint=row.fingerprint,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        withdrawn_by=row.withdrawn_by,
        withdrawn_at=row.withdrawn_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        cards=row.cards,
        file_bytes=row.file_bytes,
        control_digest=row.control_digest,
        fetched_by=row.fetched_by,
        fetched_at=row.fetched_at,
    )


def was_never_fetched(row: BatchRow) -> bool:
    """Whether no code of a batch that was handed over ever left the house."""
    return HandOverRow.objects.filter(batch=row, confirmed_at__isnull=False, fetched_at=None).exists()
