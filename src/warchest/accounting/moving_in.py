"""What was taken over from an older system: each row once, under the id that it had there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Count

from warchest.accounting import opening
from warchest.accounting.contract import MoveIn, TakenKind, TakenRow, UnableToMoveIn
from warchest.accounting.models import MoveIn as MoveInRow
from warchest.accounting.models import TakenOver
from warchest.accounting.opening import OPENING_CHART
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, Leg
from warchest.runtime import statements
from warchest.runtime.services import services

_KEEP = """
    WITH kept AS (
        INSERT INTO accounting_takenover (move_in_id, kind, external_id, here, fingerprint)
        SELECT %s, r.kind, r.external_id, r.here, decode(r.fingerprint, 'hex')
          FROM jsonb_to_recordset(%s) AS r(kind text, external_id text, here uuid, fingerprint text)
        RETURNING 1)
    SELECT count(*) FROM kept"""


def begin_move_in(*, system: str, cutover_at: datetime, at: datetime) -> MoveIn:
    if cutover_at > at:
        raise UnableToMoveIn("cutover_in_future")
    services.get(Ledger).define_books(books=OPENING_CHART)
    row, _ = MoveInRow.objects.get_or_create(system=system, defaults={"cutover_at": cutover_at})
    if row.cutover_at != cutover_at:
        raise UnableToMoveIn("cutover_differs", cutover_at=row.cutover_at.isoformat())
    return _as_move_in(row)


def opening_cards_legs(*, batch: UUID, face: Money, taken_from: str) -> tuple[Leg, ...]:
    services.get(Ledger).define_books(books=OPENING_CHART)
    return opening.opening_cards_legs(batch=batch, face=face, taken_from=taken_from)


def move_in(*, system: str) -> MoveIn | None:
    row = MoveInRow.objects.filter(system=system).first()
    return _as_move_in(row) if row else None


def lock_move_in(*, system: str) -> MoveIn:
    row = MoveInRow.objects.select_for_update().filter(system=system).first()
    if row is None:
        raise UnableToMoveIn("move_in_unknown")
    return _as_move_in(row)


def finish_move_in(*, system: str, at: datetime) -> MoveIn:
    there = lock_move_in(system=system)
    if there.finished_at is not None:
        return there
    MoveInRow.objects.filter(system=system).update(finished_at=at)
    return MoveIn(system=system, cutover_at=there.cutover_at, finished_at=at)


def keep_taken(*, system: str, rows: Sequence[TakenRow]) -> None:
    statements.rows("accounting", _KEEP, [system, statements.document(list(rows))])


def taken(*, system: str, kind: TakenKind, external_ids: Sequence[str]) -> dict[str, TakenRow]:
    rows = TakenOver.objects.filter(move_in=system, kind=kind, external_id__in=external_ids)
    return {row.external_id: _as_taken(row) for row in rows}


def count_taken(*, system: str) -> dict[str, int]:
    rows = TakenOver.objects.filter(move_in=system).order_by().values_list("kind").annotate(Count("id"))
    return dict(rows)


def list_taken(*, system: str, kind: TakenKind, after: str = "", limit: int = 1000) -> tuple[TakenRow, ...]:
    rows = TakenOver.objects.filter(move_in=system, kind=kind, external_id__gt=after)
    return tuple(_as_taken(row) for row in rows.order_by("external_id")[:limit])


def _as_move_in(row: MoveInRow) -> MoveIn:
    return MoveIn(system=row.system, cutover_at=row.cutover_at, finished_at=row.finished_at)


def _as_taken(row: TakenOver) -> TakenRow:
    here: UUID = row.here
    return TakenRow(
        kind=TakenKind(row.kind),
        external_id=row.external_id,
        here=here,
        fingerprint=bytes(row.fingerprint).hex(),
    )
