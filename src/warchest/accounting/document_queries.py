"""Reads of documents. All answer frozen rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from warchest.accounting.contract import (
    Document,
    DocumentKind,
    Evidence,
    EvidenceKind,
    Seller,
    TaxLine,
    UnableToFindDocument,
)
from warchest.accounting.models import Document as DocumentRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money

_NUMBER_LENGTH_MAX = 40


def document(*, document_id: UUID) -> Document:
    row = DocumentRow.objects.filter(id=document_id).first()
    if row is None:
        raise UnableToFindDocument("document_unknown")
    return as_document(row)


def documents_of(*, player: UUID, before: UUID | None = None, limit: int = 50) -> tuple[Document, ...]:
    found = DocumentRow.objects.filter(player=player)
    if before is not None:
        found = found.filter(id__lt=before)
    return _newest(found, limit)


def documents_of_entries(*, entry_ids: Sequence[UUID]) -> dict[UUID, tuple[Document, ...]]:
    found: dict[UUID, tuple[Document, ...]] = {}
    for row in DocumentRow.objects.filter(entry_id__in=list(entry_ids)).order_by("id"):
        found[row.entry_id] = (*found.get(row.entry_id, ()), as_document(row))
    return found


def documents_of_payment(*, payment: UUID) -> tuple[Document, ...]:
    return tuple(map(as_document, DocumentRow.objects.filter(payment=payment).order_by("id")))


def find_documents(*, text: str, limit: int = 20) -> tuple[Document, ...]:
    said = text.strip()
    if not said or len(said) > _NUMBER_LENGTH_MAX or not said.isprintable():
        return ()
    wanted = Q(number=said.upper())
    try:
        identity = UUID(said)
    except ValueError:
        pass
    else:
        wanted |= Q(id=identity) | Q(entry_id=identity) | Q(payment=identity) | Q(player=identity)
    return _newest(DocumentRow.objects.filter(wanted), limit)


def _newest(found: QuerySet[DocumentRow], limit: int) -> tuple[Document, ...]:
    return tuple(map(as_document, found.order_by("-id")[:limit]))


def as_document(row: DocumentRow) -> Document:
    unit = currency(row.currency)
    return Document(
        id=row.id,
        kind=DocumentKind(row.kind),
        entity=row.entity,
        series=row.series,
        year=row.year,
        running=row.running,
        number=row.number,
        entry_id=row.entry_id,
        player=row.player,
        payment=row.payment,
        corrects=tuple(filter(None, (row.corrects, *(row.also_corrects or ())))),
        language=row.language,
        item=row.item,
        lines=tuple(
            TaxLine(
                country=line["country"],
                rate_bps=line["rate_bps"],
                net=Money(line["net_minor"], unit),
                tax=Money(line["tax_minor"], unit),
            )
            for line in row.lines
        ),
        net=Money(row.net_minor, unit),
        tax=Money(row.tax_minor, unit),
        gross=Money(row.gross_minor, unit),
        units=Money.units(row.units_minor),
        units_per_major=row.units_per_major,
        evidence=tuple(Evidence(EvidenceKind(one["kind"]), one["country"]) for one in row.evidence),
        place=row.place,
        seller=_seller(row.seller),
        sealed_buyer=bytes(row.sealed_buyer) if row.sealed_buyer is not None else None,
        layout=row.layout,
        occurred_at=row.occurred_at,
        issued_at=row.issued_at,
    )


def _seller(fields: dict[str, Any]) -> Seller:
    return Seller(**{**fields, "address": tuple(fields["address"])})
