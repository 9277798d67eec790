"""The register of a batch, read in portions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from warchest.cards import keeping, queries
from warchest.cards.contract import RegisterLine, UnableToFindCard
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money

PORTION = 5000


def register(*, batch_id: UUID, at: datetime) -> Iterator[RegisterLine]:
    row = BatchRow.objects.filter(id=batch_id).first()
    if row is None:
        raise UnableToFindCard("batch_unknown")
    return _lines(row, at)


def specimen_serial(*, batch_id: UUID, number: int) -> str:
    row = BatchRow.objects.filter(id=batch_id).first()
    if row is None:
        raise UnableToFindCard("batch_unknown")
    return queries.serial_of(row, number)


def _lines(row: BatchRow, at: datetime) -> Iterator[RegisterLine]:
    """In portions of their own transactions, by the serial: a large register keeps no transaction open while it is sent."""
    # Replaced cards have numbers behind those that were ordered.
    lowest, highest = queries.serial_range(row, 1, 10**row.serial_digits - row.first_number)
    rows = CardRow.objects.filter(batch=row, serial__lte=highest).order_by("serial")
    portion = list(rows.filter(serial__gte=lowest)[:PORTION])
    while portion:
        for card in portion:
            card.batch = row
            yield _line(card, at)
        portion = list(rows.filter(serial__gt=portion[-1].serial)[:PORTION])


def _line(card: CardRow, at: datetime) -> RegisterLine:
    state = queries.state_of(card, at=at)
    nothing = Money.zero(currency(card.batch.face_currency))
    is_booked = card.paid_at is not None or (card.batch.reseller and card.batch.handed_over_at)
    # A card whose time is over is owed for until its breakage is booked.
    is_over = card.state in ("activated", "void", "expired", "spare")
    return RegisterLine(
        serial=card.serial,
        number=card.number,
        state=state,
        fingerprint=keeping.fingerprint(bytes(card.code_hash)),
        owed=queries.owed_of(card) if is_booked and not is_over else nothing,
        holder=card.holder_id,
        paid_at=card.paid_at,
        expires_at=card.expires_at or card.batch.expires_at,
        activated_at=card.activated_at,
        activated_in=card.activated_in,
        replaces=card.replaces or "",
    )
