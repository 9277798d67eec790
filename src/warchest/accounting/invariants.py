"""What must hold of documents at any moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from warchest.accounting import document_rules
from warchest.accounting.contract import DueDocument
from warchest.accounting.documents import documents_behind
from warchest.accounting.erp.invariants import ERP_INVARIANTS
from warchest.accounting.models import Document as DocumentRow
from warchest.accounting.models import UndocumentedEntry
from warchest.ledger.contract import Entry, Ledger
from warchest.runtime.invariants import Invariant, tell
from warchest.runtime.services import services

_PORTION = 2000

_GAPS = """
    SELECT coalesce(counter.id, given.entity || '/' || given.series || '/' || given.year),
           coalesce(counter.last, 0), coalesce(given.documents, 0), coalesce(given.first, 0), coalesce(given.last, 0)
      FROM accounting_documentseries AS counter
      FULL JOIN (SELECT entity, series, year, count(*) AS documents, min(running) AS first, max(running) AS last
                   FROM accounting_document GROUP BY entity, series, year) AS given
        ON (given.entity, given.series, given.year) = (counter.entity, counter.series, counter.year)
     WHERE counter.last IS DISTINCT FROM given.documents OR given.first IS DISTINCT FROM 1
           OR given.last IS DISTINCT FROM given.documents
     ORDER BY 1"""


def _numbers_without_gaps() -> Iterator[str]:
    # Each number is there once, by a unique key: so many numbers from 1 to as many leave none out.
    with services.database("accounting").cursor() as cursor:
        cursor.execute(_GAPS)
        for series, last, documents, first, highest in cursor.fetchall():
            yield f"series {series} gave out {last} numbers, and has {documents} documents from {first} to {highest}"


def _documents_equal_books() -> Iterator[str]:
    until, after = documents_behind(), 0
    unbooked = DocumentRow.objects.filter(position__gt=until).order_by("position").first()
    if unbooked:
        yield f"document {unbooked.number} is of position {unbooked.position}, and only {until} was reached"
    while after < until:
        entries = [
            entry
            for entry in services.get(Ledger).journal(after=after, limit=_PORTION)
            if entry.position <= until
        ]
        # What was archived or lost from the journal leaves documents without an entry: the last portion sees them, too.
        end = entries[-1].position if len(entries) == _PORTION else until
        yield from _compared(entries, after, end)
        after = end
        tell(f"documents up to position {after} of {until}")


class _Written(NamedTuple):
    """What a document says, as it stands in its row: books of millions are gone through."""

    entry_id: UUID
    kind: str
    currency: str
    number: str
    player: UUID | None
    net_minor: int
    tax_minor: int
    lines: list[dict[str, Any]]


def _compared(entries: Sequence[Entry], after: int, until: int) -> Iterator[str]:
    documents: dict[UUID, dict[tuple[str, str], _Written]] = defaultdict(dict)
    rows = DocumentRow.objects.filter(position__gt=after, position__lte=until).order_by("position")
    for row in rows.values_list(*_Written._fields):
        written = _Written(*row)
        documents[written.entry_id][written.kind, written.currency] = written
    waiting = set(UndocumentedEntry.objects.filter(solved_at__isnull=True).values_list("entry_id", flat=True))
    for entry in entries:
        issued = documents.pop(entry.id, {})
        for due in document_rules.due_of(entry):
            document = issued.pop((due.kind.value, due.gross.currency.code), None)
            if document is None:
                why = " (it was set aside)" if entry.id in waiting else ""
                yield f"entry {entry.id} (position {entry.position}) asks for a {due.kind} and has none{why}"
            elif difference := _difference(due, document):
                yield f"{document.number} of entry {entry.id}: {difference}"
        for document in issued.values():
            yield f"{document.number}: entry {entry.id} asks for no {document.kind}"
    for left in documents.values():
        for document in left.values():
            yield f"{document.number}: there is no entry {document.entry_id}"


def _difference(due: DueDocument, document: _Written) -> str:
    booked = _by_country((line.country, line.net.minor, line.tax.minor) for line in due.lines)
    written = _by_country((line["country"], line["net_minor"], line["tax_minor"]) for line in document.lines)
    if booked != written:
        return f"the books say {_told(booked)}, the document {_told(written)}"
    net, tax = sum(line.net.minor for line in due.lines), sum(line.tax.minor for line in due.lines)
    if (net, tax) != (document.net_minor, document.tax_minor):
        return f"its lines are {net} and {tax} minor units, its totals {document.net_minor} and {document.tax_minor}"
    if due.player is not None and due.player != document.player:
        return "it is another player's"
    return ""


def _by_country(lines: Iterable[tuple[str, int, int]]) -> dict[str, int]:
    """Tax by country, and under no country all net: where nothing is taxed, only the document knows where the buyer is."""
    sums: dict[str, int] = defaultdict(int)
    for country, net, tax in lines:
        sums[""] += net
        if tax:
            sums[country] += tax
    return sums


def _told(sums: Mapping[str, int]) -> str:
    return ", ".join(f"{country or 'net'} {minor}" for country, minor in sorted(sums.items()))


INVARIANTS: tuple[Invariant, ...] = (
    *ERP_INVARIANTS,
    Invariant(
        name="document_numbers_without_gaps",
        says="Each series of documents gave out every number from 1 on, once.",
        violations=_numbers_without_gaps,
    ),
    Invariant(
        name="documents_equal_books",
        says="Every payment, taxed sale and return has its document, and each document says what the books say.",
        violations=_documents_equal_books,
    ),
)
