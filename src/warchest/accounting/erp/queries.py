"""Reads of the export queue. All answer frozen rows."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Count, Max, Min

from warchest.accounting.contract import (
    ControlTotal,
    ErpAnswer,
    ErpAttempt,
    ErpBatch,
    ErpDocument,
    ErpState,
    Exporter,
    ExportStanding,
    Series,
    Treatment,
    UnableToExport,
)
from warchest.accounting.erp import exporters as plugins
from warchest.accounting.models import ErpAnswer as AnswerRow
from warchest.accounting.models import ErpAttempt as AttemptRow
from warchest.accounting.models import ErpBatch as BatchRow
from warchest.accounting.models import ErpDocument as DocumentRow
from warchest.accounting.models import ErpEntry, ErpExport, ErpTotal
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.sdk.erp import ErpError, Outcome


def exporters() -> tuple[Exporter, ...]:
    begun = dict(ErpExport.objects.values_list("exporter", "begun_at"))
    found = []
    # What was begun is told of, though its plug-in be gone.
    for name in sorted({*plugins.installed(), *begun, *plugins.tables()}):
        point = plugins.installed().get(name)
        made_by = point.dist if point else None
        label, problem = name, ""
        abilities: tuple[str, ...] = ()
        if name in plugins.tables() or point is None:
            try:
                description = plugins.configured(name).description
                label = description.label
                abilities = tuple(sorted(ability.value for ability in description.abilities))
            except UnableToExport as refusal:
                problem = str(refusal)
        found.append(
            Exporter(
                name=name,
                label=label,
                distribution=made_by.name if made_by else "",
                version=made_by.version if made_by else "",
                is_configured=name in plugins.tables(),
                begun_at=begun.get(name),
                abilities=abilities,
                problem=problem,
            )
        )
    return tuple(found)


def export_standing(*, exporter: str) -> ExportStanding:
    row = ErpExport.objects.filter(exporter=exporter).first()
    if row is None:
        raise UnableToExport("export_not_begun", exporter=exporter[:40])
    waiting = ErpEntry.objects.filter(export_id=exporter, batch=None, missing=None).count()
    held = ErpEntry.objects.filter(export_id=exporter, missing__isnull=False).count()
    documents = DocumentRow.objects.filter(exporter=exporter)
    folding = services.get(Ledger).folding()
    return ExportStanding(
        name=exporter,
        begun_at=row.begun_at,
        begins_after=row.begins_after,
        position=row.position,
        behind=max(folding.position + folding.behind - row.position, 0),
        waiting=waiting,
        held=held,
        documents=dict(documents.values_list("state").annotate(count=Count("id")).order_by("state")),
        oldest_unanswered_at=documents.filter(state=ErpState.SENT).aggregate(at=Min("sent_at"))["at"],
        last_batch_at=BatchRow.objects.filter(export_id=exporter).aggregate(at=Max("made_at"))["at"],
    )


def erp_document(*, document_id: UUID) -> ErpDocument:
    row = DocumentRow.objects.select_related("batch").filter(id=document_id).first()
    if row is None:
        raise UnableToExport("erp_document_unknown")
    return as_document(row)


def erp_documents(
    *,
    exporter: str,
    state: ErpState | None = None,
    batch: UUID | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> tuple[ErpDocument, ...]:
    rows = DocumentRow.objects.select_related("batch").filter(exporter=exporter).order_by("-id")
    if state is not None:
        rows = rows.filter(state=state)
    if batch is not None:
        rows = rows.filter(batch=batch)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return tuple(map(as_document, rows[:limit]))


def erp_attempts(*, document_id: UUID) -> tuple[ErpAttempt, ...]:
    rows = AttemptRow.objects.filter(document=document_id).order_by("number")
    return tuple(ErpAttempt(row.number, row.name, row.text, row.digest, row.made_at) for row in rows)


def erp_answers(*, document_id: UUID) -> tuple[ErpAnswer, ...]:
    return tuple(
        ErpAnswer(
            attempt=row.attempt,
            outcome=Outcome(row.outcome),
            errors=tuple(ErpError(**one) for one in row.errors),
            raw=row.raw,
            heard_at=row.heard_at,
            said_by=row.said_by,
        )
        for row in AnswerRow.objects.filter(document=document_id).order_by("id")
    )


def entries_of_document(*, document_id: UUID, limit: int = 1000) -> tuple[UUID, ...]:
    row = DocumentRow.objects.filter(id=document_id).first()
    if row is None:
        raise UnableToExport("erp_document_unknown")
    entries = ErpEntry.objects.filter(batch=row.batch_id, documents__contains=[document_id])
    return tuple(entries.order_by("position").values_list("entry_id", flat=True)[:limit])


def erp_documents_of_entries(*, entry_ids: Sequence[UUID]) -> tuple[tuple[UUID, UUID], ...]:
    rows = ErpEntry.objects.filter(entry_id__in=entry_ids, documents__isnull=False)
    return tuple(
        (entry_id, document)
        for entry_id, documents in rows.order_by("position").values_list("entry_id", "documents")
        for document in documents
    )


def erp_batches(*, exporter: str, before: int | None = None, limit: int = 50) -> tuple[ErpBatch, ...]:
    rows = BatchRow.objects.filter(export_id=exporter).order_by("-number")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return tuple(map(as_batch, rows[:limit]))


def control_totals(*, batch_id: UUID) -> tuple[ControlTotal, ...]:
    rows = ErpTotal.objects.filter(batch=batch_id).order_by("treatment", "currency", "book")
    return tuple(
        ControlTotal(
            Treatment(row.treatment), row.book, row.currency, int(row.debit_minor), int(row.credit_minor)
        )
        for row in rows
    )


def as_batch(row: BatchRow) -> ErpBatch:
    return ErpBatch(row.id, row.export_id, row.number, row.made_at, row.entries, row.documents)


def as_document(row: DocumentRow) -> ErpDocument:
    return ErpDocument(
        id=row.id,
        exporter=row.exporter,
        batch=row.batch_id,
        batch_number=row.batch.number,
        series=Series(row.series),
        number=row.number,
        treatment=Treatment(row.treatment) if row.treatment else None,
        day=row.day,
        currency=row.currency,
        amount_minor=None if row.amount_minor is None else int(row.amount_minor),
        text=row.text,
        state=ErpState(row.state),
        attempts=row.attempts,
        made_at=row.made_at,
        sent_at=row.sent_at,
        is_handed_over=row.handed_over_at is not None,
        answered_at=row.answered_at,
        error=row.error,
        problem=row.problem,
    )
