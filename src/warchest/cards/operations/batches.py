"""A batch as its order goes: changed, approved, refused, cancelled, closed. What is made of it stands in ``generation``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Max

from warchest.cards import batch_queries, queries, rules, schemes
from warchest.cards.contract import (
    Batch,
    BatchState,
    BatchTerms,
    ClosedBatch,
    UnableToAmendBatch,
    UnableToDecideBatch,
    UnableToEndBatch,
    UnableToOrderBatch,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import (
    BatchProgress,
    BatchVersion,
    CardEvent,
    HandOver,
    IssuedCode,
    PrintFile,
)
from warchest.kernel.currency import currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.runtime.services import services

MOVED_AT_ONCE = 100_000
_OVER = (BatchState.REFUSED, BatchState.CANCELLED, BatchState.CLOSED)


def order(*, batch_id: UUID, terms: BatchTerms, ordered_by: UUID, at: datetime) -> Batch:
    _check_scheme(terms)
    rules.check_terms(terms, live=batch_queries.live_cards(at=at), at=at)
    terms = replace(
        terms,
        regions=tuple(sorted(set(terms.regions))),
        series=terms.series or _next_series(terms.serial_prefix),
    )
    with _series_once():
        BatchRow.objects.create(
            id=batch_id,
            **columns_of(terms),
            ordered_by=ordered_by,
            ordered_at=at,
            digest=rules.digest(batch_id=batch_id, terms=terms, ordered_by=ordered_by, ordered_at=at),
        )
    return queries.batch(batch_id=batch_id)


def amend(*, batch_id: UUID, digest: str, terms: BatchTerms, ordered_by: UUID, at: datetime) -> Batch:
    row = lock(batch_id, UnableToAmendBatch)
    if row.state not in (BatchState.ORDERED, BatchState.APPROVED):
        raise UnableToAmendBatch("batch_not_open", state=row.state)
    if digest != bytes(row.digest).hex():
        raise UnableToAmendBatch("digest_changed")
    if IssuedCode.objects.filter(batch=row).exists():
        raise UnableToAmendBatch("batch_cards_issued")
    _check_scheme(terms)
    rules.check_terms(terms, live=batch_queries.live_cards(at=at, beside=batch_id), at=at)
    before = queries.terms_of(row)
    kept = before.series if terms.serial_prefix == before.serial_prefix else 0
    terms = replace(
        terms,
        regions=tuple(sorted(set(terms.regions))),
        series=terms.series or kept or _next_series(terms.serial_prefix),
    )
    if terms == before:
        raise UnableToAmendBatch("nothing_changed")
    # What was asked for is to be asked for again: the approval is void.
    BatchProgress.objects.filter(batch=row).delete()
    with _series_once():
        BatchRow.objects.filter(id=batch_id).update(
            **columns_of(terms),
            version=row.version + 1,
            state=BatchState.ORDERED,
            ordered_by=ordered_by,
            ordered_at=at,
            digest=rules.digest(batch_id=batch_id, terms=terms, ordered_by=ordered_by, ordered_at=at),
            approved_by=None,
            approved_at=None,
            approved_digest=None,
        )
    return queries.batch(batch_id=batch_id)


def _check_scheme(terms: BatchTerms) -> None:
    if terms.import_scheme and terms.import_scheme not in schemes.schemes():
        raise UnableToOrderBatch("import_scheme_unknown", scheme=terms.import_scheme[:30])


@contextmanager
def _series_once() -> Iterator[None]:
    try:
        with transaction.atomic(using=services.alias("cards")):
            yield
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name == "series_once":  # type: ignore[union-attr]
            raise UnableToOrderBatch("serial_series_taken") from None
        raise


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
    row = lock(batch_id, UnableToDecideBatch)
    if row.state != BatchState.ORDERED:
        raise UnableToDecideBatch("batch_already_decided", state=row.state)
    ordered = BatchVersion.objects.filter(batch=row, ordered_by=approved_by)
    if row.ordered_by == approved_by or ordered.exists():
        raise UnableToDecideBatch("own_request")
    # Compared with what the row says now, not only with the digest that it carries.
    if not digest == bytes(row.digest).hex() == digest_now(row).hex():
        raise UnableToDecideBatch("digest_changed")
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.APPROVED,
        approved_by=approved_by,
        approved_at=at,
        approved_digest=bytes.fromhex(digest),
    )
    return queries.batch(batch_id=batch_id)


def refuse(*, batch_id: UUID, refused_by: UUID, reason: str, at: datetime) -> Batch:
    row = lock(batch_id, UnableToDecideBatch)
    if row.state != BatchState.ORDERED:
        raise UnableToDecideBatch("batch_already_decided", state=row.state)
    if not reason.strip():
        raise UnableToDecideBatch("reason_missing")
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.REFUSED, refused_by=refused_by, refused_at=at, refusal=reason.strip()[:300]
    )
    return queries.batch(batch_id=batch_id)


def cancel(*, batch_id: UUID, cancelled_by: UUID, reason: str, at: datetime) -> Batch:
    row = lock(batch_id, UnableToEndBatch)
    if row.state in _OVER:
        raise UnableToEndBatch("batch_already_over", state=row.state)
    if row.state == BatchState.HANDED_OVER or IssuedCode.objects.filter(batch=row).exists():
        raise UnableToEndBatch("batch_out_of_the_house")
    if not reason.strip():
        raise UnableToEndBatch("reason_missing")
    # The cards need no change of their own: those of a cancelled batch are void.
    PrintFile.objects.filter(batch=row).delete()
    BatchProgress.objects.filter(batch=row).delete()
    HandOver.objects.filter(batch=row, withdrawn_at=None).update(withdrawn_by=cancelled_by, withdrawn_at=at)
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.CANCELLED,
        cancelled_by=cancelled_by,
        cancelled_at=at,
        cancellation=reason.strip()[:300],
    )
    return queries.batch(batch_id=batch_id)


def close(*, batch_id: UUID, closed_by: UUID, at: datetime) -> ClosedBatch:
    row = lock(batch_id, UnableToEndBatch)
    if row.state in _OVER:
        raise UnableToEndBatch("batch_already_over", state=row.state)
    if row.state != BatchState.HANDED_OVER and not (row.virtual and row.state == BatchState.APPROVED):
        raise UnableToEndBatch("batch_in_the_house")
    never_fetched = not row.virtual and batch_queries.was_never_fetched(row)
    void = spares = 0
    if not row.virtual:
        # Nobody but us ever had these: spares, our stock, and what was never printed.
        ours = ["spare"]
        if row.stock or never_fetched:
            ours += ["as_batch", "returned"]
        spares = _void(row, ["spare"])
        void = spares + _void(row, ours[1:])
    if never_fetched:
        PrintFile.objects.filter(batch=row).delete()
    BatchRow.objects.filter(id=batch_id).update(
        state=BatchState.CLOSED, closed_by=closed_by, closed_at=at, file_until=None
    )
    CardEvent.objects.create(
        batch=row,
        first_number=1,
        last_number=row.quantity + row.spares,
        what="closed",
        actor=f"administrator:{closed_by}",
        occurred_at=at,
    )
    return ClosedBatch(
        batch=queries.batch(batch_id=batch_id),
        void=void,
        taken_back=void - spares if never_fetched and row.reseller else 0,
        card_tax=Money(row.card_tax_minor, currency(row.face_currency)),
    )


def _void(row: BatchRow, states: list[str]) -> int:
    """Make the cards of these states void that nobody holds or has paid for, range by range."""
    if not states:
        return 0
    made = row.quantity + row.spares
    found = 0
    for first in range(1, made + 1, MOVED_AT_ONCE):
        cards = queries.numbered(row, first, min(first + MOVED_AT_ONCE - 1, made))
        found += cards.filter(state__in=states, holder_id=None, paid_at=None).update(state="void")
    return found


def lock(batch_id: UUID, refusal: type[UnableTo]) -> BatchRow:
    row = BatchRow.objects.select_for_update().filter(id=batch_id).first()
    if row is None:
        raise refusal("batch_unknown")
    return row


def digest_now(row: BatchRow) -> bytes:
    return rules.digest(
        batch_id=row.id, terms=queries.terms_of(row), ordered_by=row.ordered_by, ordered_at=row.ordered_at
    )
