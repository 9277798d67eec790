"""What must hold of batches as wholes: their versions, their making, their one way out of the house."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, Exists, F, OuterRef, Q

from warchest.cards import batch_queries, encrypting, keeping, rules
from warchest.cards.models import Batch, BatchVersion, Card, CardEvent, HandOver, ImportMark, PrintFile
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

_AGE = b"age-encryption.org/v1\n"


def _batches_not_whole() -> Iterator[str]:
    """Cards in the place of others come later, and are not counted."""
    counted = Batch.objects.annotate(cards=Count("card", filter=Q(card__replaces=None)))
    too_early = Q(generated_at=None, cards__gt=0, virtual=False)
    too_many = Q(virtual=True, cards__gt=F("quantity"))
    not_all = Q(generated_at__isnull=False) & ~Q(cards=F("quantity") + F("spares"))
    for batch in counted.filter(too_early | not_all | too_many):
        yield f"batch {batch} of {batch.quantity} and {batch.spares} spares has {batch.cards} cards"


def _versions_broken() -> Iterator[str]:
    """Versions count from 1 on without a gap up to the order as it is now, and each is what its digest says."""
    numbered: dict[object, list[int]] = {}
    for row in BatchVersion.objects.order_by("batch_id", "version").iterator():
        numbered.setdefault(row.batch_id, []).append(row.version)
        before = batch_queries.version_of(row.row)
        digest = rules.digest(
            batch_id=row.batch_id,
            terms=before.terms,
            ordered_by=before.ordered_by,
            ordered_at=before.ordered_at,
        )
        if digest.hex() != before.digest or before.ordered_by != row.ordered_by:
            yield f"version {row.version} of batch {row.batch_id} is no longer what was ordered"
    for batch_id, version in Batch.objects.values_list("id", "version").iterator():
        if numbered.pop(batch_id, []) != list(range(1, version)):
            yield f"batch {batch_id} is in version {version}, and the versions before are not all there"


def _approved_by_orderers() -> Iterator[str]:
    ordered = BatchVersion.objects.filter(batch=OuterRef("pk"), ordered_by=OuterRef("approved_by"))
    for batch in Batch.objects.filter(Exists(ordered) | Q(approved_by=F("ordered_by"))):
        yield f"batch {batch} was approved by somebody who ordered it"


def _codes_left_lying() -> Iterator[str]:
    """Kept is what waits for its hand-over, or what waits to be fetched, and nothing else."""
    kept = Exists(PrintFile.objects.filter(batch=OuterRef("pk")))
    waits = Q(state="generated") | Q(state="handed_over", file_until__isnull=False)
    for batch in Batch.objects.filter(kept).exclude(waits):
        yield f"batch {batch} is {batch.state}, and codes of it are still kept"
    for batch in Batch.objects.filter(~kept, waits):
        yield f"batch {batch} is {batch.state}, and its codes are gone"


def _sealed_twice() -> Iterator[str]:
    """Before the hand-over all parts open under the deployment's key, afterwards none does: they are one file for one print
    house."""
    key = keeping.storage_key()
    handed: dict[object, int] = {}
    parts = PrintFile.objects.select_related("batch").order_by("batch_id", "part")
    for part in parts.iterator(chunk_size=4):
        sealed = bytes(part.sealed)
        is_ours = keeping.unseal(sealed, key=key, batch=part.batch_id, part=part.part) is not None
        if part.batch.state == "generated":
            if not is_ours:
                yield f"part {part.part} of batch {part.batch} does not open under this deployment's key"
            continue
        handed[part.batch_id] = handed.get(part.batch_id, 0) + len(sealed)
        if is_ours:
            yield f"batch {part.batch} was handed over, and part {part.part} opens under this deployment's key"
        elif (part.part == 0) != sealed.startswith(_AGE):
            yield f"part {part.part} of batch {part.batch} is not where it belongs in an encrypted file"
    for batch_id, found in handed.items():
        confirmed = HandOver.objects.filter(batch_id=batch_id, confirmed_at__isnull=False).first()
        if confirmed is None or confirmed.file_bytes != found:
            yield f"the encrypted file of batch {batch_id} is not as long as its hand-over says"


def _hand_overs_differ() -> Iterator[str]:
    """Control totals are those of the batch, its key is the one that was named, and fetching it was recorded."""
    confirmed = HandOver.objects.filter(confirmed_at__isnull=False).select_related("batch")
    for one in confirmed.iterator():
        batch = one.batch
        if one.cards != batch.quantity + batch.spares:
            yield f"the hand-over of batch {batch} says {one.cards} cards"
        if one.fingerprint != encrypting.fingerprint(one.key):
            yield f"the hand-over of batch {batch} names another key than it was encrypted to"
        if batch.handed_over_by != one.confirmed_by or batch.handed_over_at != one.confirmed_at:
            yield f"batch {batch} and its hand-over tell of different people or moments"
        events = CardEvent.objects.filter(batch=batch, what="print_file_fetched").count()
        if events != (one.fetched_at is not None):
            yield f"the file of batch {batch} was fetched {events} times by the cards' events, and by its hand-over not so"


_OUT_OF_ORDER = """
    SELECT count(*) FROM (
        SELECT number, row_number() OVER (ORDER BY serial COLLATE "C") AS place
          FROM cards_card WHERE batch_id = %s AND number <= %s) AS cards
     WHERE number <> place"""


def _imports_out_of_order() -> Iterator[str]:
    """Where an older system gave the serials, a card's number is its place among them, and marks are right: ranges of cards are
    found by both."""
    for batch in Batch.objects.exclude(import_digest="").filter(generated_at__isnull=False):
        with services.database("cards").cursor() as cursor:
            cursor.execute(_OUT_OF_ORDER, [batch.id, batch.quantity])
            ((wrong,),) = cursor.fetchall()
        if wrong:
            yield f"batch {batch} was imported, and {wrong} of its cards are not numbered by their serials"
        right = Exists(Card.objects.filter(serial=OuterRef("serial"), batch=batch, number=OuterRef("number")))
        marks = ImportMark.objects.filter(batch=batch)
        if marks.filter(~right).exists() or marks.filter(number__in=[1, batch.quantity]).count() != len(
            {1, batch.quantity}
        ):
            yield f"batch {batch} was imported, and the marks among its serials are wrong"


INVARIANTS = (
    Invariant("batches_whole", "A batch has all of its cards and spares or none", _batches_not_whole),
    Invariant("batch_versions_chain", "Every version of an order is kept, and is what was ordered", _versions_broken),
    Invariant("imports_in_order", "Imported cards are numbered in the order of their serials", _imports_out_of_order),
    Invariant("batch_approvals", "Nobody approved a batch of which they ordered any version", _approved_by_orderers),
    Invariant("codes_not_kept", "No sealed code outlives its way out of the house", _codes_left_lying),
    Invariant("codes_sealed_once", "Codes are sealed for us or for the print house, never for both", _sealed_twice),
    Invariant("hand_over_totals", "Hand-overs agree with their batches in number, key and people", _hand_overs_differ),
)  # fmt: skip
