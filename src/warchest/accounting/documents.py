"""Issuing documents: behind the sale, by one worker after the other, in the order of the books."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.db.models import F

from warchest.accounting import document_rules
from warchest.accounting.contract import (
    DOCUMENT_LAYOUT,
    Document,
    DocumentDraft,
    DocumentKind,
    DueDocument,
    DueDocuments,
    Seller,
    TaxLine,
    UnableToIssueDocument,
    Undocumented,
)
from warchest.accounting.document_queries import as_document
from warchest.accounting.models import Document as DocumentRow
from warchest.accounting.models import DocumentWatermark, UndocumentedEntry
from warchest.accounting.operations import tax_rates_of
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction


def documents_behind() -> int:
    return DocumentWatermark.objects.values_list("position", flat=True).get()


def documents_due(*, limit: int = 500) -> DueDocuments:
    after = documents_behind()
    entries = services.get(Ledger).journal(after=after, limit=limit)
    return DueDocuments(
        after=after,
        until=entries[-1].position if entries else after,
        due=tuple(due for entry in entries for due in document_rules.due_of(entry)),
    )


def documents_of_entry_due(*, entry_id: UUID) -> tuple[DueDocument, ...]:
    entry = services.get(Ledger).entry(entry_id=entry_id)
    issued = set(DocumentRow.objects.filter(entry_id=entry_id).values_list("kind", "currency"))
    return tuple(
        due
        for due in (document_rules.due_of(entry) if entry else ())
        if (due.kind.value, due.gross.currency.code) not in issued
    )


def lock_documents(*, after: int) -> bool:
    return DocumentWatermark.objects.select_for_update().get().position == after


def pass_entries(*, after: int, until: int) -> None:
    with technical_transaction("accounting"):
        DocumentWatermark.objects.filter(position=after).update(position=until)


def issue_documents(*, drafts: Sequence[DocumentDraft], at: datetime) -> tuple[Document, ...]:
    wanted = configuration().documents
    series = {
        DocumentKind.RECEIPT: wanted.receipts,
        DocumentKind.TAX_INVOICE: wanted.tax_invoices,
        DocumentKind.CREDIT_NOTE: wanted.credit_notes,
    }
    year = at.astimezone(ZoneInfo(wanted.time_zone)).year if wanted.numbering == "yearly" else 0
    rows = [_row(draft, series[draft.due.kind], year, at) for draft in drafts]
    # All who issue take the series' locks in one order. The sort is stable: within a series the given order stays.
    rows.sort(key=lambda row: row.series)
    try:
        with transaction.atomic(using=services.alias("accounting")):
            DocumentRow.objects.bulk_create(rows)
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name == "document_of_entry_once":  # type: ignore[union-attr]
            raise UnableToIssueDocument("document_issued") from None
        raise
    UndocumentedEntry.objects.filter(
        entry_id__in=[row.entry_id for row in rows], solved_at__isnull=True
    ).update(solved_at=at)
    issued = {row.id: row for row in DocumentRow.objects.filter(id__in=[row.id for row in rows])}
    return tuple(as_document(issued[row.id]) for row in rows)


def explain_tax(*, draft: DocumentDraft) -> tuple[TaxLine, ...]:
    due = draft.due
    return document_rules.merged(
        document_rules.with_rate(
            line,
            kind=due.kind,
            country=draft.country,
            rates_bps=document_rules.rates_in_force(
                tax_rates_of(country=line.country or draft.country), at=due.occurred_at
            ),
        )
        for line in due.lines
    )


def _row(draft: DocumentDraft, series: str, year: int, at: datetime) -> DocumentRow:
    due, lines = draft.due, explain_tax(draft=draft)
    zero = Money.zero(due.gross.currency)
    net, tax = sum((line.net for line in lines), zero), sum((line.tax for line in lines), zero)
    return DocumentRow(
        id=new_id(),
        kind=due.kind.value,
        entity=configuration().entity.code,
        series=series,
        year=year,
        entry_id=due.entry_id,
        position=due.position,
        player=draft.player,
        payment=draft.payment,
        corrects=next(iter(draft.corrects), None),
        also_corrects=list(draft.corrects[1:]) or None,
        language=draft.language,
        item=draft.item[:300],
        lines=[
            {
                "country": line.country,
                "rate_bps": line.rate_bps,
                "net_minor": line.net.minor,
                "tax_minor": line.tax.minor,
            }
            for line in lines
        ],
        currency=zero.currency.code,
        net_minor=net.minor,
        tax_minor=tax.minor,
        gross_minor=(net + tax).minor,
        units_minor=due.units.minor,
        units_per_major=draft.units_per_major,
        place=next((line.country for line in lines if line.country), ""),
        evidence=[{"kind": piece.kind.value, "country": piece.country} for piece in draft.evidence],
        seller=_seller_fields(),
        sealed_buyer=draft.sealed_buyer if draft.player else None,
        layout=DOCUMENT_LAYOUT,
        occurred_at=due.occurred_at,
        issued_at=at,
    )


def _seller_fields() -> dict[str, object]:
    seller = seller_now()
    return {
        "name": seller.name,
        "address": list(seller.address),
        "country": seller.country,
        "vat_number": seller.vat_number,
        "registration": seller.registration,
        "email": seller.email,
    }


def seller_now() -> Seller:
    """The legal entity as the configuration names it now."""
    house = configuration()
    return Seller(
        name=house.entity.name or house.community.entity,
        address=house.entity.address,
        country=house.entity.country or house.community.default_country,
        vat_number=house.entity.vat_number,
        registration=house.entity.registration,
        email=house.entity.email,
    )


def set_aside(*, entry_id: UUID, position: int, problem: str, at: datetime) -> None:
    row, made = UndocumentedEntry.objects.get_or_create(
        entry_id=entry_id,
        defaults={"position": position, "problem": problem[:200], "since": at, "tried_at": at},
    )
    if not made:
        UndocumentedEntry.objects.filter(entry_id=row.entry_id).update(
            problem=problem[:200], tried_at=at, tries=F("tries") + 1
        )


def undocumented(*, limit: int = 50) -> tuple[Undocumented, ...]:
    rows = UndocumentedEntry.objects.filter(solved_at__isnull=True).order_by("tried_at")[:limit]
    return tuple(
        Undocumented(
            entry_id=row.entry_id,
            position=row.position,
            problem=row.problem,
            since=row.since,
            tries=row.tries,
        )
        for row in rows
    )
