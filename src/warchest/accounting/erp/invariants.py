"""What must hold of all that is handed to ERPs, checked against the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from django.db.models import Count, Max, Min, Sum

from warchest.accounting.contract import ErpState, Series
from warchest.accounting.models import (
    ErpAnswer,
    ErpAttempt,
    ErpBatch,
    ErpDocument,
    ErpEntry,
    ErpExport,
    ErpTotal,
)
from warchest.ledger.contract import Entry, Ledger, Side
from warchest.runtime.invariants import Invariant, in_portions, tell
from warchest.runtime.services import services
from warchest.sdk.erp import Outcome

Sums = Counter[tuple[str, str, str]]
"""By book, currency and side."""


def _entries_taken_once() -> Iterator[str]:
    for export in ErpExport.objects.order_by("exporter"):
        taken = ErpEntry.objects.filter(export=export)
        there = services.get(Ledger).stretch(after=export.begins_after, upto=export.position).entries
        if taken.count() != there or taken.filter(position__gt=export.position).exists():
            yield f"{export.exporter}: {_first_not_taken(export)}"


def _first_not_taken(export: ErpExport) -> str:
    """Walks the books beside the queue; for where the counts were found to differ."""
    ledger, after = services.get(Ledger), export.begins_after
    while entries := [
        entry for entry in ledger.journal(after=after, limit=1000) if entry.position <= export.position
    ]:
        upto = entries[-1].position
        rows = dict(
            ErpEntry.objects.filter(export=export, position__gt=after, position__lte=upto).values_list(
                "position", "entry_id"
            )
        )
        for entry in entries:
            if rows.pop(entry.position, None) != entry.id:
                return f"entry {entry.id} (position {entry.position}) was not taken"
        for position, entry_id in rows.items():
            return f"position {position} was taken as entry {entry_id}, which is not there"
        after = upto
    return "more entries were taken than there are"


def _totals_are_the_ledgers() -> Iterator[str]:
    for export in ErpExport.objects.order_by("exporter"):
        kept = Sums()
        for row in (
            ErpTotal.objects.filter(batch__export=export)
            .values("book", "currency")
            .annotate(debits=Sum("debit_minor"), credits=Sum("credit_minor"))
        ):
            kept[row["book"], row["currency"], Side.DEBIT] += int(row["debits"])
            kept[row["book"], row["currency"], Side.CREDIT] += int(row["credits"])
        waiting = ErpEntry.objects.filter(export=export, batch=None).values_list("entry_id", flat=True)
        kept.update(_posted(waiting.iterator()))
        booked = Sums()
        for line in services.get(Ledger).stretch(after=export.begins_after, upto=export.position).lines:
            booked[line.book, line.currency, Side.DEBIT] += line.debit_minor
            booked[line.book, line.currency, Side.CREDIT] += line.credit_minor
        if +kept != +booked:
            yield from _batches_that_differ(export, kept, booked)


def _batches_that_differ(export: ErpExport, kept: Sums, booked: Sums) -> Iterator[str]:
    """Walks the batches; for where the sums were found to differ."""
    found = False
    for number, batch in enumerate(ErpBatch.objects.filter(export=export).order_by("number"), 1):
        if number % 100 == 0:
            tell(f"comparing batch {batch.number} of {export.exporter}")
        of_batch = Sums()
        for row in ErpTotal.objects.filter(batch=batch):
            of_batch[row.book, row.currency, Side.DEBIT] += int(row.debit_minor)
            of_batch[row.book, row.currency, Side.CREDIT] += int(row.credit_minor)
        entries = ErpEntry.objects.filter(batch=batch).values_list("entry_id", flat=True)
        posted = _posted(entries.iterator())
        for place in sorted(of_batch.keys() | posted.keys()):
            if of_batch[place] != posted[place]:
                found = True
                yield (
                    f"{export.exporter}, batch {batch.number}: {'/'.join(place)} is {of_batch[place]} by its totals"
                    f" and {posted[place]} by its entries"
                )
                break
    if not found:
        place = min(place for place in kept.keys() | booked.keys() if kept[place] != booked[place])
        yield f"{export.exporter}: {'/'.join(place)} is {kept[place]} in the queue and {booked[place]} in the books"


def _posted(entry_ids: Iterable[object]) -> Sums:
    sums = Sums()
    for portion in in_portions(entry_ids):
        entries: Iterable[Entry] = services.get(Ledger).entries(entry_ids=portion).values()  # type: ignore[arg-type]
        for entry in entries:
            for leg in entry.legs:
                sums[leg.book, leg.amount.currency.code, leg.side] += leg.amount.minor
    return sums


def _documents_say_the_totals() -> Iterator[str]:
    """Per batch, treatment and currency: the documents' amounts are the debits of the totals. Units have no documents."""
    documents = {
        (row["batch"], row["treatment"], row["currency"]): int(row["amount"])
        for row in ErpDocument.objects.exclude(series=Series.CUSTOMER)
        .values("batch", "treatment", "currency")
        .annotate(amount=Sum("amount_minor"))
    }
    totals = {
        (row["batch"], row["treatment"], row["currency"]): (int(row["debits"]), int(row["credits"]))
        for row in ErpTotal.objects.exclude(treatment="units")
        .values("batch", "treatment", "currency")
        .annotate(debits=Sum("debit_minor"), credits=Sum("credit_minor"))
    }
    for place in sorted(documents.keys() | totals.keys(), key=str):
        debits, credits = totals.get(place, (0, 0))
        if not debits == credits == documents.get(place, 0):
            batch = ErpBatch.objects.get(id=place[0])
            yield (
                f"{batch}: {place[1]} in {place[2]} has debits {debits}, credits {credits},"
                f" documents {documents.get(place, 0)}"
            )
    counts = ErpBatch.objects.annotate(said=Count("erpdocument")).order_by("export_id", "number")
    for batch in counts:
        if batch.said != batch.documents:
            yield f"{batch}: {batch.documents} documents were made, and {batch.said} are there"
    entries = dict(
        ErpEntry.objects.exclude(batch=None).values_list("batch").annotate(count=Count("entry_id")).order_by()
    )
    for batch in ErpBatch.objects.order_by("export_id", "number"):
        if entries.get(batch.id, 0) != batch.entries:
            yield f"{batch}: {batch.entries} entries were put in, and {entries.get(batch.id, 0)} are there"


def _numbers_without_gaps() -> Iterator[str]:
    given = {
        (row["exporter"], row["series"]): row
        for row in ErpDocument.objects.values("exporter", "series").annotate(
            first=Min("number"), last=Max("number"), count=Count("id")
        )
    }
    for export in ErpExport.objects.order_by("exporter"):
        for series in Series:
            first = export.first_journal if series is Series.JOURNAL else 1
            following = getattr(export, f"next_{series.value}")
            row = given.get((export.exporter, series.value), {"first": first, "last": first - 1, "count": 0})
            if (row["first"], row["last"], row["count"]) != (first, following - 1, following - first):
                yield (
                    f"{export.exporter}: {series} numbers {first} to {following - 1} were given out,"
                    f" {row['count']} from {row['first']} to {row['last']} are there"
                )
        batches = ErpBatch.objects.filter(export=export).aggregate(last=Max("number"), count=Count("id"))
        if not (batches["last"] or 0) == batches["count"] == export.next_batch - 1:
            yield f"{export.exporter}: {batches['count']} batches are there, the next is {export.next_batch}"


def _acknowledged_as_sent() -> Iterator[str]:
    """An acknowledged document has an answer that says so, and no two of its texts were acknowledged."""
    accepted = ErpAnswer.objects.filter(outcome=Outcome.ACCEPTED)
    unheard = ErpDocument.objects.filter(state=ErpState.ACKNOWLEDGED).exclude(
        id__in=accepted.filter(document__isnull=False).values("document_id")
    )
    for row in unheard.order_by("id")[:5]:
        yield f"{row.exporter}, {row}: acknowledged, and no answer says so"
    texts: dict[object, set[str]] = {}
    several = (
        accepted.filter(attempt__gte=1)
        .values("document_id")
        .annotate(attempts=Count("attempt", distinct=True))
        .filter(attempts__gt=1)
    )
    for each in several:
        numbers = accepted.filter(document=each["document_id"], attempt__gte=1).values("attempt")
        texts[each["document_id"]] = set(
            ErpAttempt.objects.filter(document=each["document_id"], number__in=numbers).values_list(
                "digest", flat=True
            )
        )
    for document_id, digests in texts.items():
        if len(digests) > 1:
            row = ErpDocument.objects.get(id=document_id)
            yield f"{row.exporter}, {row}: two different texts of it were acknowledged"


ERP_INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        name="erp_entries_taken_once",
        says="Every entry, up to where an export has come, was taken for that ERP once.",
        violations=_entries_taken_once,
    ),
    Invariant(
        name="erp_totals_equal_ledger",
        says="What was handed to an ERP, was left here as units, and waits sums to what the ledger says, per book and currency.",
        violations=_totals_are_the_ledgers,
    ),
    Invariant(
        name="erp_documents_equal_totals",
        says="The documents of each batch say what its control totals say.",
        violations=_documents_say_the_totals,
    ),
    Invariant(
        name="erp_numbers_without_gaps",
        says="Journals, receipts, customers and batches for an ERP are numbered without gaps.",
        violations=_numbers_without_gaps,
    ),
    Invariant(
        name="erp_acknowledged_once",
        says="A document that counts as acknowledged was, and in one text only.",
        violations=_acknowledged_as_sent,
    ),
)
