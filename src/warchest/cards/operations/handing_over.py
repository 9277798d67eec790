"""Codes on their way out of the house: asked by one, confirmed by another, fetched once; and spares for what the press spoils."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from warchest.cards import batch_queries, encrypting, keeping, queries, rules
from warchest.cards.contract import (
    SPOILED_AT_ONCE_MAX,
    BatchState,
    HandOver,
    Replaced,
    UnableToFetchPrintFile,
    UnableToHandOverBatch,
    UnableToReplaceSpoiled,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card, CardEvent, Printer, PrintFile
from warchest.cards.models import HandOver as HandOverRow
from warchest.cards.operations.batches import lock
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

FILE_LIFETIME = timedelta(days=3)
"""So long an encrypted file waits to be fetched."""

_HEADER = b"Batch,Serial,Pin\n"


def ask_hand_over(*, batch_id: UUID, printer: str, asked_by: UUID, at: datetime) -> HandOver:
    row = _to_hand_over(batch_id)
    if HandOverRow.objects.filter(batch=row, withdrawn_at=None).exists():
        raise UnableToHandOverBatch("hand_over_asked")
    to = Printer.objects.filter(name=printer, retired_at=None).first()
    if to is None:
        raise UnableToHandOverBatch("printer_unknown")
    if row.printer and row.printer != to.name:
        raise UnableToHandOverBatch("printer_differs")
    if row.printer_key and row.printer_key != to.fingerprint:
        raise UnableToHandOverBatch("printer_key_differs")
    asked = HandOverRow.objects.create(
        id=new_id(),
        batch=row,
        recipient=to.title,
        kind=to.kind,
        key=to.key,
        fingerprint=to.fingerprint,
        asked_by=asked_by,
        asked_at=at,
    )
    return batch_queries.hand_over_of(asked)


def withdraw_hand_over(*, hand_over_id: UUID, withdrawn_by: UUID, at: datetime) -> HandOver:
    asked = _asked(hand_over_id)
    HandOverRow.objects.filter(id=asked.id).update(withdrawn_by=withdrawn_by, withdrawn_at=at)
    return batch_queries.hand_over_of(HandOverRow.objects.get(id=asked.id))


def confirm_hand_over(
    *,
    hand_over_id: UUID,
    fingerprint: str,
    confirmed_by: UUID,
    at: datetime,
    card_tax: Money | None = None,
) -> HandOver:
    asked = _asked(hand_over_id)
    row = _to_hand_over(asked.batch_id)
    if asked.asked_by == confirmed_by:
        raise UnableToHandOverBatch("own_request")
    # The key that was shown is the one that was asked for, and still the print house's own.
    is_theirs = Printer.objects.filter(key=asked.key, retired_at=None).exists()
    if not fingerprint == asked.fingerprint == encrypting.fingerprint(asked.key) or not is_theirs:
        raise UnableToHandOverBatch("printer_key_differs")
    plain, kept = _Plain(row), _Kept(row)
    encrypting.encrypt(plain.parts(), key=asked.key, keep=kept.keep)
    if plain.cards != row.quantity + row.spares:
        raise RuntimeError(f"batch {row.id} has {plain.cards} sealed codes")
    # Nothing under the deployment's key outlives this transaction.
    PrintFile.objects.filter(batch=row, part__gte=0).delete()
    kept.in_place()
    HandOverRow.objects.filter(id=asked.id).update(
        confirmed_by=confirmed_by,
        confirmed_at=at,
        cards=plain.cards,
        file_bytes=kept.file_bytes,
        control_digest=plain.digest.hexdigest(),
    )
    BatchRow.objects.filter(id=row.id).update(
        state=BatchState.HANDED_OVER,
        handed_over_by=confirmed_by,
        handed_over_at=at,
        recipient=asked.recipient,
        card_tax_minor=card_tax.minor if card_tax else 0,
        file_until=at + FILE_LIFETIME,
    )
    return batch_queries.hand_over_of(HandOverRow.objects.get(id=asked.id))


class _Plain:
    """The printer's file as it was before its encryption, part by part."""

    def __init__(self, row: BatchRow) -> None:
        self._row = row
        self.cards = 0
        self.digest = sha256()

    def parts(self) -> Iterator[bytes]:
        yield self._counted(_HEADER, cards=0)
        sealed = PrintFile.objects.filter(batch=self._row, part__gte=0).order_by("part")
        for kept in sealed.iterator(chunk_size=4):
            lines = keeping.unseal(
                bytes(kept.sealed), key=keeping.storage_key(), batch=self._row.id, part=kept.part
            )
            if lines is None:
                raise RuntimeError(
                    f"the codes of batch {self._row.id} do not open under this deployment's key"
                )
            yield self._counted(lines, cards=lines.count(b"\n"))

    def _counted(self, lines: bytes, *, cards: int) -> bytes:
        self.digest.update(lines)
        self.cards += cards
        return lines


class _Kept:
    """The encrypted file. Until the sealed parts are gone, its own have numbers below zero."""

    def __init__(self, row: BatchRow) -> None:
        self._row = row
        self._parts = self.file_bytes = 0

    def keep(self, portion: bytes) -> None:
        self._parts += 1
        self.file_bytes += len(portion)
        PrintFile.objects.create(batch=self._row, part=-self._parts, sealed=portion)

    def in_place(self) -> None:
        for part in range(1, self._parts + 1):
            PrintFile.objects.filter(batch=self._row, part=-part).update(part=part - 1)


def open_print_file(*, batch_id: UUID, actor: str, at: datetime) -> HandOver:
    row = BatchRow.objects.select_for_update().filter(id=batch_id).first()
    waiting = _waiting(row, at)
    assert row is not None
    _note(row, "print_file_opened", actor=actor, at=at)
    return batch_queries.hand_over_of(waiting)


def print_file(*, batch_id: UUID, fetched_by: UUID, at: datetime) -> Iterator[bytes]:
    """Begun without holding a transaction open while the other side is slow: turns are taken by a lock of the connection."""
    database = services.database("cards")
    turn = f"print file {batch_id}"
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [turn])
        if not cursor.fetchone()[0]:
            raise UnableToFetchPrintFile("print_file_being_fetched")
    try:
        _waiting(BatchRow.objects.filter(id=batch_id).first(), at)
        part = 0
        while kept := PrintFile.objects.filter(batch_id=batch_id, part=part).first():
            yield bytes(kept.sealed)
            part += 1
        _fetched(batch_id, fetched_by=fetched_by, at=at)
    finally:
        # Where the connection is lost the lock is gone with it.
        if database.is_usable():
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [turn])
        else:
            database.close()


def _fetched(batch_id: UUID, *, fetched_by: UUID, at: datetime) -> None:
    with technical_transaction("cards"):
        row = BatchRow.objects.select_for_update().get(id=batch_id)
        waiting = _waiting(row, at)
        HandOverRow.objects.filter(id=waiting.id).update(fetched_by=fetched_by, fetched_at=at)
        _forget(row)
        _note(row, "print_file_fetched", actor=f"administrator:{fetched_by}", at=at)


def _waiting(row: BatchRow | None, at: datetime) -> HandOverRow:
    """The hand-over whose file waits to be fetched. Raises UnableToFetchPrintFile."""
    if row is None or row.file_until is None or row.file_until <= at:
        raise UnableToFetchPrintFile("print_file_gone")
    found = HandOverRow.objects.filter(batch=row, confirmed_at__isnull=False, fetched_at=None).first()
    if found is None:
        raise UnableToFetchPrintFile("print_file_gone")
    return found


def forget_print_files(*, at: datetime) -> int:
    with technical_transaction("cards"):
        late = list(BatchRow.objects.select_for_update(skip_locked=True).filter(file_until__lte=at))
        for row in late:
            _forget(row)
    return len(late)


def _forget(row: BatchRow) -> None:
    PrintFile.objects.filter(batch=row).delete()
    BatchRow.objects.filter(id=row.id).update(file_until=None)


def replace_spoiled(
    *, batch_id: UUID, serials: tuple[str, ...], reason: str, actor: str, at: datetime
) -> tuple[Replaced, ...]:
    wanted = sorted({rules.serial_as_typed(serial) for serial in serials})
    if not 1 <= len(wanted) <= SPOILED_AT_ONCE_MAX:
        raise UnableToReplaceSpoiled("cards_out_of_range", cards_max=SPOILED_AT_ONCE_MAX)
    if not reason.strip():
        raise UnableToReplaceSpoiled("reason_missing")
    row = lock(batch_id, UnableToReplaceSpoiled)
    if row.state != BatchState.HANDED_OVER:
        raise UnableToReplaceSpoiled("batch_not_handed_over", state=row.state)
    spoiled = list(Card.objects.select_for_update().filter(serial__in=wanted, batch=row).order_by("serial"))
    if len(spoiled) < len(wanted):
        missing = next(iter(set(wanted) - {card.serial for card in spoiled}))
        raise UnableToReplaceSpoiled("card_unknown", serial=missing)
    for card in spoiled:
        if card.state != "as_batch" or card.holder_id is not None or card.paid_at is not None:
            raise UnableToReplaceSpoiled("card_not_as_printed", serial=card.serial)
    spares = list(
        Card.objects.select_for_update().filter(
            serial__range=(queries.serial_of(row, row.quantity + 1), queries.serial_of(row, row.quantity + row.spares)),
            batch=row,
            state="spare",
        ).order_by("serial")[: len(spoiled)]
    )  # fmt: skip
    if len(spares) < len(spoiled):
        raise UnableToReplaceSpoiled("spares_used_up", left=len(spares))
    Card.objects.filter(serial__in=[card.serial for card in spoiled]).update(state="void")
    Card.objects.filter(serial__in=[card.serial for card in spares]).update(state="as_batch")
    pairs = tuple(zip(spoiled, spares, strict=True))
    for bad, good in pairs:
        _note(
            row,
            "spoiled",
            number=bad.number,
            actor=actor,
            reason=f"{reason.strip()[:250]} → {good.serial}",
            at=at,
        )
        _note(row, "put_in_place", number=good.number, actor=actor, reason=f"{bad.serial}", at=at)
    return tuple(Replaced(bad.serial, good.serial) for bad, good in pairs)


def _note(
    row: BatchRow, what: str, *, actor: str, at: datetime, number: int | None = None, reason: str = ""
) -> None:
    CardEvent.objects.create(
        batch=row,
        first_number=number or 1,
        last_number=number or row.quantity + row.spares,
        what=what,
        actor=actor[:80],
        reason=reason[:300],
        occurred_at=at,
    )


def _to_hand_over(batch_id: UUID) -> BatchRow:
    row = lock(batch_id, UnableToHandOverBatch)
    if row.state in (BatchState.HANDED_OVER, BatchState.CLOSED):
        raise UnableToHandOverBatch("already_handed_over")
    if row.state != BatchState.GENERATED:
        raise UnableToHandOverBatch("batch_not_generated", state=row.state)
    return row


def _asked(hand_over_id: UUID) -> HandOverRow:
    """The request, with its batch locked first, as everybody does."""
    found = HandOverRow.objects.filter(id=hand_over_id).values_list("batch_id", flat=True).first()
    if found is None:
        raise UnableToHandOverBatch("hand_over_unknown")
    lock(found, UnableToHandOverBatch)
    asked = HandOverRow.objects.select_for_update().get(id=hand_over_id)
    if asked.withdrawn_at is not None:
        raise UnableToHandOverBatch("hand_over_withdrawn")
    if asked.confirmed_at is not None:
        raise UnableToHandOverBatch("already_handed_over")
    return asked
