"""Transfers as they are remembered: who sent what to whom, and how those to other clusters stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import F

from warchest.charging import rules
from warchest.charging.contract import (
    Direction,
    Moved,
    Transfer,
    TransferPart,
    TransferState,
    UnableToFindTransfer,
    UnableToFinishTransfer,
)
from warchest.charging.models import Transfer as TransferRow
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.runtime import wire
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

_MOVED = """
    SELECT direction, part -> 'consideration' -> 'currency' ->> 'code',
           sum((part -> 'consideration' ->> 'minor')::bigint)::bigint, sum((part -> 'units' ->> 'minor')::bigint)::bigint
      FROM charging_transfer, jsonb_array_elements(parts) AS part
     WHERE cluster = %s AND state IN ('captured', 'credited') AND (%s::timestamptz IS NULL OR occurred_at < %s)
     GROUP BY 1, 2"""


def note_transfer(
    *,
    transfer_id: UUID,
    sender: UUID,
    recipient: UUID,
    units: Money,
    message: str,
    entry_id: UUID,
    at: datetime,
) -> Transfer:
    row = TransferRow.objects.create(
        id=transfer_id,
        direction=Direction.WITHIN,
        sender_id=sender,
        recipient_id=recipient,
        units_minor=units.minor,
        message=message,
        state=TransferState.DONE,
        occurred_at=at,
        finished_at=at,
        entry_id=entry_id,
    )
    return as_transfer(row)


def find_transfer(*, transfer_id: UUID) -> Transfer:
    row = TransferRow.objects.filter(id=transfer_id).first()
    if row is None:
        raise UnableToFindTransfer("transfer_unknown")
    return as_transfer(row)


def transfers(*, transfer_ids: Sequence[UUID]) -> dict[UUID, Transfer]:
    return {row.id: as_transfer(row) for row in TransferRow.objects.filter(id__in=transfer_ids)}


def ask_back(*, transfer_id: UUID, player: UUID, at: datetime) -> Transfer:
    row = locked_row(transfer_id)
    # Whose it is not hears nothing of it.
    if row.sender_id != player or row.direction != Direction.OUT:
        raise UnableToFindTransfer("transfer_unknown")
    if row.state != TransferState.HELD:
        raise UnableToFinishTransfer("transfer_finished")
    if row.cancel_asked_at is None:
        row.cancel_asked_at = row.next_try_at = at
        row.save(update_fields=["cancel_asked_at", "next_try_at"])
    return as_transfer(row)


def due_transfers(*, at: datetime, limit: int) -> tuple[Transfer, ...]:
    due = TransferRow.objects.filter(state=TransferState.HELD, next_try_at__lte=at)
    return tuple(map(as_transfer, due.order_by("next_try_at", "id")[:limit]))


def note_try(*, transfer_id: UUID, problem: str, at: datetime) -> None:
    with technical_transaction("charging"):
        row = TransferRow.objects.select_for_update().filter(id=transfer_id, state=TransferState.HELD).first()
        if row is None:
            return
        TransferRow.objects.filter(id=transfer_id).update(
            tries=F("tries") + 1, next_try_at=at + rules.pause_after(row.tries + 1), problem=problem[:60]
        )


def open_transfers(*, cluster: str) -> tuple[Transfer, ...]:
    held = TransferRow.objects.filter(cluster=cluster, state=TransferState.HELD)
    return tuple(map(as_transfer, held.order_by("occurred_at", "id")))


def credited_among(*, transfer_ids: Sequence[UUID]) -> frozenset[UUID]:
    rows = TransferRow.objects.filter(id__in=transfer_ids, state=TransferState.CREDITED)
    return frozenset(rows.values_list("id", flat=True))


def moved(*, cluster: str, until: datetime | None = None) -> Moved:
    sums: dict[str, Counter[str]] = {Direction.OUT: Counter(), Direction.IN: Counter()}
    with services.database("charging").cursor() as cursor:
        cursor.execute(_MOVED, [cluster, until, until])
        for direction, code, consideration, units in cursor.fetchall():
            sums[direction][code] += consideration
            sums[direction][INNER.code] += units
    return Moved(sent=_amounts(sums[Direction.OUT]), received=_amounts(sums[Direction.IN]))


def locked_row(transfer_id: UUID) -> TransferRow:
    row = TransferRow.objects.select_for_update().filter(id=transfer_id).first()
    if row is None:
        raise UnableToFindTransfer("transfer_unknown")
    return row


def as_transfer(row: TransferRow) -> Transfer:
    return Transfer(
        id=row.id,
        direction=Direction(row.direction),
        cluster=row.cluster,
        sender=row.sender_id,
        recipient=row.recipient_id,
        other_name=row.other_name,
        units=Money.units(row.units_minor),
        message=row.message,
        parts=read_parts(row.parts),
        state=TransferState(row.state),
        reason=row.reason,
        occurred_at=row.occurred_at,
        finished_at=row.finished_at,
        entry_id=row.entry_id,
        tries=row.tries,
        problem=row.problem,
        cancel_asked_at=row.cancel_asked_at,
    )


def read_parts(kept: object) -> tuple[TransferPart, ...]:
    return wire.decode(wire.encode(kept), tuple[TransferPart, ...])


def _amounts(sums: Counter[str]) -> tuple[Money, ...]:
    return tuple(Money(sums[code], currency(code)) for code in sorted(sums) if sums[code])


def considerations(parts: Iterable[TransferPart]) -> tuple[Money, ...]:
    """What was paid for the parts, per real currency."""
    sums = Counter[str]()
    for part in parts:
        sums[part.consideration.currency.code] += part.consideration.minor
    return _amounts(sums)
