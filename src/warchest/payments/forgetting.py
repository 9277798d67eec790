"""A saved method is let go at its provider: told outside any transaction, again and again until it says yes."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.payments import exchanges, methods, providers, rules
from warchest.payments.contract import (
    Direction,
    Exchange,
    MethodState,
    SavedMethod,
    UnableToUseMethod,
    UnableToUseProvider,
)
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import MethodUse as UseRow
from warchest.payments.models import SavedMethod as MethodRow
from warchest.runtime import wire
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import Report, Standing


def tell_forgotten(*, method_id: UUID, at: datetime) -> SavedMethod:
    exchanges.refuse_inside_transaction()
    with technical_transaction("payments"):
        row = MethodRow.objects.select_for_update().filter(id=method_id).first()
        if row is None:
            raise UnableToUseMethod("method_unknown")
        if row.state != MethodState.FORGETTING:
            return methods.frozen(row)
        # Counted first: whoever looks for those that are due finds it no more.
        row.tries += 1
        row.next_try_at = rules.next_inquiry_at(inquiries=row.tries, at=at)
        row.save(update_fields=["tries", "next_try_at"])
        if _is_charged_now(row):
            return methods.frozen(row)
        _keep_request(row, at)
    try:
        plugin, token = providers.configured(row.provider), methods.opened(row)
        report = exchanges.heard_from(
            row.provider, Exchange.FORGET, lambda: plugin.forget_method(payer=row.payer, token=token)
        )
    except UnableToUseProvider as refusal:
        # Its plug-in is gone or misconfigured now: nothing was said to anybody.
        report = Report(Standing.UNKNOWN, reason=refusal.reason)
    with technical_transaction("payments"):
        _keep_answer(row, report, at)
        locked = MethodRow.objects.select_for_update().get(id=method_id)
        if locked.state == MethodState.FORGETTING:
            locked.problem = (
                "" if report.standing is Standing.SUCCEEDED else rules.keepable(report.reason)[:80]
            )
            if report.standing is Standing.SUCCEEDED:
                locked.state, locked.token = MethodState.FORGOTTEN.value, None
                locked.forgotten_at, locked.next_try_at = at, None
            locked.save()
        return methods.frozen(locked)


def _is_charged_now(row: MethodRow) -> bool:
    return UseRow.objects.filter(
        method=row, payment__status__in=[status.value for status in rules.OPEN]
    ).exists()


def _keep_request(row: MethodRow, at: datetime) -> None:
    MessageRow.objects.create(
        provider=row.provider,
        direction=Direction.TO_PROVIDER,
        exchange=Exchange.FORGET,
        text=wire.encode({"method": str(row.id), "tries": row.tries}).decode(),
        at=at,
    )


def _keep_answer(row: MethodRow, report: Report, at: datetime) -> None:
    MessageRow.objects.create(
        provider=row.provider,
        direction=Direction.FROM_PROVIDER,
        exchange=Exchange.FORGET,
        standing=report.standing,
        reason=rules.keepable(report.reason)[:80],
        text=rules.keepable(report.raw),
        at=at,
    )
