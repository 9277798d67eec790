"""What payments are for: kept with the payment, and decided once, with its credit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.payments.contract import Purpose, PurposeState, Wanted
from warchest.payments.models import Purpose as PurposeRow
from warchest.runtime import wire

Details = dict[str, str | int | bool | None]


def keep_purpose(*, payment_id: UUID, wanted: Wanted) -> Purpose:
    return _frozen(PurposeRow.objects.create(payment_id=payment_id, kind=wanted.kind, asked=wanted.asked))


def end_purpose(
    *, payment_id: UUID, at: datetime, result: str = "", reason: str = "", details: Details | None = None
) -> Purpose:
    row = PurposeRow.objects.select_for_update().get(payment=payment_id)
    row.state = (PurposeState.REFUSED if reason else PurposeState.DONE).value
    row.reason, row.result, row.decided_at = reason[:80], result, at
    row.details = wire.encode(details).decode() if details else ""
    row.save()
    return _frozen(row)


def purpose(*, payment_id: UUID) -> Purpose | None:
    row = PurposeRow.objects.filter(payment=payment_id).first()
    return _frozen(row) if row else None


def _frozen(row: PurposeRow) -> Purpose:
    return Purpose(
        payment=row.payment_id,
        wanted=Wanted(row.kind, row.asked),
        state=PurposeState(row.state),
        reason=row.reason,
        details=wire.decode(row.details, Details) if row.details else {},
        result=row.result,
        decided_at=row.decided_at,
    )
