"""A document that the ERP refused, or never answered, is sent again under its number; or somebody says that it is there."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import ErpDocument, ErpState, Series, Treatment, UnableToExport
from warchest.accounting.erp import collecting, exporters, mapping, queries, rules
from warchest.accounting.erp.rules import Draft, Taken
from warchest.accounting.models import ErpAnswer, ErpAttempt, ErpEntry
from warchest.accounting.models import ErpDocument as DocumentRow
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services
from warchest.sdk.erp import Customer, Outcome


def send_again(*, document_id: UUID, at: datetime) -> ErpDocument:
    row = _locked(document_id)
    if row.state == ErpState.ACKNOWLEDGED:
        raise UnableToExport("erp_document_acknowledged")
    if row.state == ErpState.WAITING or (row.state == ErpState.SENT and row.handed_over_at is None):
        raise UnableToExport("erp_document_waiting")
    if row.state == ErpState.SENT:
        # Nobody knows what became of it; so it is exactly the same that comes again, and whoever has it already can tell.
        last = ErpAttempt.objects.get(document=row, number=row.attempts)
        row.attempts += 1
        row.state = ErpState.WAITING
        attempt: ErpAttempt | None = collecting.an_attempt(row, text=last.text, at=at)
    else:
        attempt = _written_anew(row, at)
    row.handed_over_at = None
    row.save()
    if attempt:
        attempt.save(force_insert=True)
    return queries.erp_document(document_id=document_id)


def _written_anew(row: DocumentRow, at: datetime) -> ErpAttempt | None:
    plugin = exporters.configured(row.exporter)
    if row.series == Series.CUSTOMER:
        assert row.customer
        body: object = Customer(row.customer.number, row.customer.name)
    else:
        draft = _drafted_anew(row)
        body, row.customer_number = draft.body, draft.customer
    return collecting.written(row, body, batch=row.batch.number, plugin=plugin, at=at)


def _drafted_anew(row: DocumentRow) -> Draft:
    """The same entries under the mappings of now. Amounts, day and currency are the entries', and can't have changed."""
    rows = ErpEntry.objects.filter(batch=row.batch_id, documents__contains=[row.id]).order_by("position")
    found = services.get(Ledger).entries(entry_ids=[one.entry_id for one in rows])
    taken = [Taken(found[one.entry_id], Treatment(one.treatment)) for one in rows]
    mappings = mapping.in_force(row.exporter)
    lacking = [key for one in taken for key in rules.missing(one, mappings)]
    if lacking:
        raise UnableToExport("erp_account_missing", book=lacking[0].book)
    alike = [
        draft
        for draft in rules.drafts(taken, mappings)
        if (draft.day, draft.currency, draft.amount_minor) == (row.day, row.currency, row.amount_minor)
    ]
    # Of several receipts of one entry: the one from the same customer, where that one is still said.
    chosen = next(
        (draft for draft in alike if draft.customer == row.customer_number), alike[0] if alike else None
    )
    if chosen is None:
        raise UnableToExport("erp_account_missing", book="")
    return chosen


def confirm_document(*, document_id: UUID, reason: str, said_by: str, at: datetime) -> ErpDocument:
    row = _locked(document_id)
    if not reason.strip():
        raise UnableToExport("reason_missing")
    if row.state == ErpState.ACKNOWLEDGED:
        raise UnableToExport("erp_document_acknowledged")
    if row.state == ErpState.WAITING or not row.attempts or row.sent_at is None:
        raise UnableToExport("erp_document_not_sent")
    ErpAnswer.objects.create(
        document=row,
        exporter=row.exporter,
        parcel=f"confirmed:{row.id}",
        outcome=Outcome.ACCEPTED,
        raw=reason.strip(),
        raw_digest=hashlib.sha256(reason.strip().encode()).hexdigest(),
        said_by=said_by,
        heard_at=at,
    )
    row.state, row.answered_at, row.error, row.problem = ErpState.ACKNOWLEDGED, at, "", ""
    row.save(update_fields=["state", "answered_at", "error", "problem"])
    return queries.as_document(row)


def _locked(document_id: UUID) -> DocumentRow:
    row = (
        DocumentRow.objects.select_for_update(of=("self",))
        .select_related("batch", "customer")
        .filter(id=document_id)
        .first()
    )
    if row is None:
        raise UnableToExport("erp_document_unknown")
    return row
