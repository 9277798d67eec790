"""Entries are taken from the books in order, and become numbered documents in batches.

Whoever takes or counts for an exporter locks that exporter's row: so two at once do it one after the other, and numbers, drawn
in the transaction that uses them, have no gaps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Max, Q

from warchest.accounting.contract import (
    ErpBatch,
    ErpState,
    ExportStanding,
    Series,
    Treatment,
    UnableToExport,
)
from warchest.accounting.erp import exporters, mapping, queries, rules
from warchest.accounting.erp.rules import Draft, Taken
from warchest.accounting.models import (
    ErpAttempt,
    ErpCustomer,
    ErpDocument,
    ErpEntry,
    ErpExport,
    ErpTotal,
)
from warchest.accounting.models import ErpBatch as BatchRow
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Entry, Ledger
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.erp import Customer, Document, ErpExporter, UnableToWrite

log = structlog.get_logger(__name__)

BATCH_ENTRIES_MAX = 5000
_NUMBER_MAX = 2**31 - 1
# With room for all that is counted in years.
_FIRST_NUMBER_MAX = 2_000_000_000


def begin_export(*, exporter: str, begins_after: int, first_journal_number: int) -> ExportStanding:
    exporters.configured(exporter)
    if not 1 <= first_journal_number <= _FIRST_NUMBER_MAX:
        raise UnableToExport("erp_number_out_of_range", number_max=_FIRST_NUMBER_MAX)
    folding = services.get(Ledger).folding()
    if not 0 <= begins_after <= folding.position + folding.behind:
        raise UnableToExport("export_position_unknown")
    row, _ = ErpExport.objects.get_or_create(
        exporter=exporter,
        defaults={
            "begins_after": begins_after,
            "position": begins_after,
            "first_journal": first_journal_number,
            "next_journal": first_journal_number,
        },
    )
    if (row.begins_after, row.first_journal) != (begins_after, first_journal_number):
        raise UnableToExport("export_begun", exporter=exporter)
    return queries.export_standing(exporter=exporter)


def take_entries(*, exporter: str, limit: int = 1000) -> int:
    with technical_transaction("accounting"):
        export = _locked(exporter)
        entries = services.get(Ledger).journal(after=export.position, limit=limit)
        if entries:
            _take(export, entries)
    return len(entries)


def _take(export: ErpExport, entries: Sequence[Entry]) -> None:
    description = exporters.configured(export.exporter).description
    in_force = mapping.rules_in_force(export.exporter)
    with services.database("accounting").cursor() as cursor:
        # One statement of columns: models would take most of the time in which a long history is taken.
        cursor.execute(
            "INSERT INTO accounting_erpentry (export_id, entry_id, position, day, treatment)"
            " SELECT %s, t.* FROM unnest(%s::uuid[], %s::bigint[], %s::date[], %s::text[]) AS t",
            [
                export.exporter,
                [entry.id for entry in entries],
                [entry.position for entry in entries],
                [rules.day_of(entry) for entry in entries],
                [
                    rules.treatment_of(
                        entry, rules=in_force, receipt_currencies=description.receipt_currencies
                    ).value
                    for entry in entries
                ],
            ],
        )
    export.position = entries[-1].position
    export.save(update_fields=["position"])


def is_batch_due(*, exporter: str, at: datetime) -> bool:
    minutes = exporters.every_minutes(exporter)
    last = BatchRow.objects.filter(export_id=exporter).aggregate(last=Max("made_at"))["last"]
    if not minutes or (last is not None and at < last + timedelta(minutes=minutes)):
        return False
    return _ready(exporter, at).exists() or _new_customers(exporter).exists()


def make_batch(*, exporter: str, at: datetime) -> ErpBatch | None:
    export = _locked(exporter)
    plugin, mappings = exporters.configured(exporter), mapping.in_force(exporter)
    taken = _next(exporter, at, mappings)
    customers = list(_new_customers(exporter)[:BATCH_ENTRIES_MAX])
    if not taken and not customers:
        return None
    drafts = rules.drafts(taken, mappings)
    row = BatchRow.objects.create(
        id=new_id(),
        export=export,
        number=export.next_batch,
        made_at=at,
        entries=len(taken),
        documents=len(customers) + len(drafts),
    )
    making = _Making(export, row, plugin, at)
    for customer in customers:
        making.add_customer(customer)
    for draft in drafts:
        making.add(draft)
    making.keep(taken)
    ErpTotal.objects.bulk_create(
        ErpTotal(
            batch=row,
            treatment=total.treatment,
            book=total.book,
            currency=total.currency,
            debit_minor=total.debit_minor,
            credit_minor=total.credit_minor,
        )
        for total in rules.totals(taken)
    )
    export.next_batch += 1
    export.save(update_fields=["next_batch", "next_journal", "next_receipt", "next_customer"])
    return queries.as_batch(row)


def _ready(exporter: str, at: datetime):  # type: ignore[no-untyped-def]
    """What may be in a batch: all but summaries, and units, of a day that is not over."""
    today = at.astimezone(UTC).date()
    return ErpEntry.objects.filter(
        Q(treatment__in=[Treatment.DETAIL, Treatment.RECEIPT]) | Q(day__lt=today),
        export_id=exporter,
        batch=None,
        missing=None,
    )


def _new_customers(exporter: str):  # type: ignore[no-untyped-def]
    return ErpCustomer.objects.filter(exporter=exporter, erpdocument=None).order_by("id")


def _next(exporter: str, at: datetime, mappings: mapping.Mappings) -> list[Taken]:
    """The next entries whose accounts are mapped. Those that lack one are put down as held, and passed over."""
    while True:
        rows = list(_ready(exporter, at).order_by("position")[:BATCH_ENTRIES_MAX])
        found = services.get(Ledger).entries(entry_ids=[row.entry_id for row in rows])
        taken, held = [], []
        for row in rows:
            one = Taken(found[row.entry_id], Treatment(row.treatment))
            if missing := rules.missing(one, mappings):
                row.missing = [mapping.text_of(key) for key in missing]
                held.append(row)
            else:
                taken.append(one)
        for row in held:
            ErpEntry.objects.filter(export_id=exporter, entry_id=row.entry_id).update(missing=row.missing)
        if taken or not rows:
            return taken


class _Making:
    """Numbers, writes and keeps the documents of one batch."""

    def __init__(self, export: ErpExport, batch: BatchRow, plugin: ErpExporter, at: datetime) -> None:
        self._export, self._batch, self._plugin, self._at = export, batch, plugin, at
        self._rows: list[ErpDocument] = []
        self._attempts: list[ErpAttempt] = []
        self._of_entry: dict[UUID, list[UUID]] = {}

    def add(self, draft: Draft) -> None:
        row = self._row(
            draft.series,
            treatment=draft.treatment,
            day=draft.day,
            currency=draft.currency,
            amount_minor=draft.amount_minor,
            text=draft.text,
            customer_number=draft.customer,
        )
        for entry_id in draft.entries:
            self._of_entry.setdefault(entry_id, []).append(row.id)
        self._write(row, draft.body)

    def add_customer(self, customer: ErpCustomer) -> None:
        row = self._row(
            Series.CUSTOMER,
            day=self._at.astimezone(UTC).date(),
            text=customer.name,
            customer=customer,
            customer_number=customer.number,
        )
        self._write(row, Customer(customer.number, customer.name))

    def _row(self, series: Series, **fields: object) -> ErpDocument:
        number = _draw(self._export, series)
        return ErpDocument(
            id=new_id(),
            batch=self._batch,
            exporter=self._export.exporter,
            series=series,
            number=number,
            made_at=self._at,
            **fields,
        )

    def _write(self, row: ErpDocument, body: Document | object) -> None:
        attempt = written(row, body, batch=self._batch.number, plugin=self._plugin, at=self._at)
        self._rows.append(row)
        if attempt:
            self._attempts.append(attempt)

    def keep(self, taken: Iterable[Taken]) -> None:
        ErpDocument.objects.bulk_create(self._rows)
        ErpAttempt.objects.bulk_create(self._attempts)
        ids = [one.entry.id for one in taken]
        documents = [",".join(map(str, self._of_entry.get(entry_id, ()))) for entry_id in ids]
        with services.database("accounting").cursor() as cursor:
            cursor.execute(
                "UPDATE accounting_erpentry AS e SET batch_id = %s, documents = string_to_array(d.documents, ',')::uuid[]"
                "  FROM unnest(%s::uuid[], %s::text[]) AS d(entry_id, documents)"
                " WHERE e.export_id = %s AND e.entry_id = d.entry_id",
                [self._batch.id, ids, documents, self._export.exporter],
            )
            assert cursor.rowcount == len(ids)


def written(
    row: ErpDocument, body: object, *, batch: int, plugin: ErpExporter, at: datetime
) -> ErpAttempt | None:
    """Have a document written for its next attempt, and put the outcome into its row (which the caller saves)."""
    document = Document(row.id, row.number, batch, row.day, row.text, body)  # type: ignore[arg-type]
    try:
        text = plugin.write(document)
    except UnableToWrite as refusal:
        row.state, row.error, row.answered_at = ErpState.REFUSED, str(refusal), at
        return None
    except Exception as error:
        # A plug-in's own mistake: one document must not hold up the others.
        log.exception("erp_plugin_failed", exporter=row.exporter, document=str(row.id))
        row.state, row.error, row.answered_at = ErpState.REFUSED, f"{type(error).__name__}: {error}", at
        return None
    row.state, row.error, row.problem = ErpState.WAITING, "", ""
    row.attempts += 1
    return an_attempt(row, text=text, at=at)


def an_attempt(row: ErpDocument, *, text: str, at: datetime) -> ErpAttempt:
    return ErpAttempt(
        document=row,
        exporter=row.exporter,
        number=row.attempts,
        name=f"{row.series}-{row.number}-{row.attempts}",
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        made_at=at,
    )


def _draw(export: ErpExport, series: Series) -> int:
    field = f"next_{series.value}"
    number: int = getattr(export, field)
    if number >= _NUMBER_MAX:
        raise UnableToExport("erp_number_out_of_range", number_max=_NUMBER_MAX)
    setattr(export, field, number + 1)
    return number


def _locked(exporter: str) -> ErpExport:
    row = ErpExport.objects.select_for_update().filter(exporter=exporter).first()
    if row is None:
        raise UnableToExport("export_not_begun", exporter=exporter[:40])
    return row
