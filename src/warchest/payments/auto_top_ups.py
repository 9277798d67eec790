"""Top-ups by themselves: the order, and the runs that it begins. Whoever begins or closes one holds the order's lock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from warchest.kernel import currency as currencies
from warchest.kernel.money import Money
from warchest.payments import methods, queries, rules
from warchest.payments.contract import (
    DECLINES_MAX,
    AutoRun,
    AutoTopUp,
    ClosedRun,
    Occasion,
    PauseReason,
    Status,
    UnableToOrderAutoTopUp,
    UnableToTopUpByItself,
)
from warchest.payments.models import AutoRun as RunRow
from warchest.payments.models import AutoTopUp as OrderRow
from warchest.runtime.services import services

_OPEN = rules.OPEN | {Status.REVIEW}
_OPEN_TEXTS = sorted(status.value for status in _OPEN)

WAIT_AFTER_DECLINE = timedelta(days=1)
_REFUSED_BY = {
    "auto_run_one_at_a_time": "auto_top_up_under_way",
    "auto_run_cap": "cap_reached",
    "auto_run_ordered": "auto_top_up_off",
}


# Within a journey's transaction.


def order_auto_top_up(
    *,
    player: UUID,
    below: Money,
    amount: Money,
    cap: Money,
    method_id: UUID,
    wording: str,
    month: date,
    at: datetime,
) -> AutoTopUp:
    if not (0 < len(wording) <= 20 and wording.isprintable()):
        raise UnableToOrderAutoTopUp("consent_malformed")
    if below.minor <= 0 or below.currency.code != "XCR":
        raise UnableToOrderAutoTopUp("threshold_out_of_range")
    if cap.currency != amount.currency or amount.minor <= 0 or cap < amount:
        raise UnableToOrderAutoTopUp("cap_below_amount")
    methods.one_after_the_other(player)
    row = OrderRow.objects.select_for_update().filter(player=player).first() or OrderRow(player=player)
    method = methods.use_method(method_id=method_id, player=player, at=at)
    if row.currency and row.currency != amount.currency.code and _has_used(row, month):
        raise UnableToOrderAutoTopUp("cap_currency_fixed", currency=row.currency)
    row.enabled, row.below_minor, row.amount_minor = True, below.minor, amount.minor
    row.cap_minor, row.currency = cap.minor, amount.currency.code
    row.method_id, row.wording, row.agreed_at, row.changed_at = method.id, wording, at, at
    row.declines, row.paused_at, row.pause_reason, row.not_before, row.problem = 0, None, "", None, ""
    row.save()
    return _frozen(row)


def _has_used(row: OrderRow, month: date) -> bool:
    return month_used(player=row.player, month=month, currency=row.currency).minor > 0


def end_auto_top_up(*, player: UUID, at: datetime) -> AutoTopUp:
    row = OrderRow.objects.select_for_update().filter(player=player).first()
    if row is None:
        raise UnableToOrderAutoTopUp("auto_top_up_unknown")
    row.enabled, row.changed_at = False, at
    row.save(update_fields=["enabled", "changed_at"])
    return _frozen(row)


def begin_run(*, player: UUID, month: date, at: datetime) -> AutoTopUp:
    row = OrderRow.objects.select_for_update().filter(player=player).first()
    if row is None or not row.enabled:
        raise UnableToTopUpByItself("auto_top_up_off")
    if row.paused_at is not None:
        raise UnableToTopUpByItself("auto_top_up_paused")
    if row.not_before is not None and at < row.not_before:
        raise UnableToTopUpByItself("auto_top_up_waits")
    if RunRow.objects.filter(order=row, closed_at=None).exists():
        raise UnableToTopUpByItself("auto_top_up_under_way")
    used = month_used(player=player, month=month, currency=row.currency)
    if used.minor + row.amount_minor > row.cap_minor:
        raise UnableToTopUpByItself("cap_reached", cap=_frozen(row).cap.major, currency=row.currency)
    return _frozen(row)


def keep_run(
    *, run_id: UUID, player: UUID, payment_id: UUID, month: date, occasion: Occasion, at: datetime
) -> AutoRun:
    payment = queries.payment(payment_id=payment_id)
    try:
        with transaction.atomic(using=services.alias("payments")):
            row = RunRow.objects.create(
                id=run_id,
                order_id=player,
                payment_id=payment_id,
                amount_minor=payment.amount.minor,
                currency=payment.amount.currency.code,
                month=month,
                occasion=occasion,
                begun_at=at,
            )
    except IntegrityError as error:
        # What is looked at before is looked at once more by the database.
        name = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if name not in _REFUSED_BY:
            raise
        order = auto_top_up(player=player)
        assert order is not None
        raise UnableToTopUpByItself(
            _REFUSED_BY[name], cap=order.cap.major, currency=order.cap.currency.code
        ) from error
    return _frozen_run(row)


def close_run(*, run_id: UUID, at: datetime) -> ClosedRun | None:
    player = RunRow.objects.filter(id=run_id).values_list("order", flat=True).first()
    if player is None:
        return None
    order = OrderRow.objects.select_for_update().get(player=player)
    row = RunRow.objects.select_for_update(of=("self",)).select_related("payment").get(id=run_id)
    payment = queries.frozen(row.payment)
    if row.closed_at is not None or payment.status in _OPEN:
        return None
    row.closed_at = at
    row.save(update_fields=["closed_at"])
    paid, paused = payment.status in rules.CREDITED, False
    if paid:
        order.declines, order.problem, order.not_before = 0, "", None
    else:
        order.declines += 1
        order.problem = payment.reason[:80]
        order.not_before = at + WAIT_AFTER_DECLINE
        if order.declines >= DECLINES_MAX and order.paused_at is None:
            order.paused_at, order.pause_reason, paused = at, PauseReason.DECLINED.value, True
    order.save()
    return ClosedRun(_frozen_run(row), payment, paid, order.declines, paused)


def put_off(*, player: UUID, until: datetime, problem: str, at: datetime) -> AutoTopUp:
    row = OrderRow.objects.select_for_update().get(player=player)
    row.not_before, row.problem = until, problem[:80]
    row.save(update_fields=["not_before", "problem"])
    return _frozen(row)


def pause_auto_top_up(*, player: UUID, reason: PauseReason, at: datetime) -> bool:
    row = OrderRow.objects.select_for_update().filter(player=player).first()
    if row is None or not row.enabled or row.paused_at is not None:
        return False
    row.paused_at, row.pause_reason = at, reason.value
    row.save(update_fields=["paused_at", "pause_reason"])
    return True


# Reads.


def auto_top_up(*, player: UUID) -> AutoTopUp | None:
    row = OrderRow.objects.filter(player=player).first()
    return _frozen(row) if row else None


def month_used(*, player: UUID, month: date, currency: str) -> Money:
    with services.database("payments").cursor() as cursor:
        cursor.execute("SELECT payments_month_used(%s, %s, %s)", [player, month, currency])
        (minor,) = cursor.fetchone()
    return _money(minor, currency)


def waiting_orders(*, at: datetime, after: UUID | None = None, limit: int = 500) -> tuple[AutoTopUp, ...]:
    rows = OrderRow.objects.filter(enabled=True, paused_at=None).filter(
        Q(not_before=None) | Q(not_before__lte=at)
    )
    if after is not None:
        rows = rows.filter(player__gt=after)
    rows = rows.exclude(player__in=RunRow.objects.filter(closed_at=None).values("order_id"))
    return tuple(map(_frozen, rows.order_by("player")[:limit]))


def open_runs(*, limit: int = 500) -> tuple[UUID, ...]:
    ended = RunRow.objects.filter(closed_at=None).exclude(payment__status__in=_OPEN_TEXTS)
    return tuple(ended.order_by("id").values_list("id", flat=True)[:limit])


def auto_runs(*, player: UUID, limit: int = 20) -> tuple[AutoRun, ...]:
    rows = RunRow.objects.filter(order=player).select_related("payment").order_by("-id")
    return tuple(map(_frozen_run, rows[:limit]))


def _frozen(row: OrderRow) -> AutoTopUp:
    return AutoTopUp(
        player=row.player,
        enabled=row.enabled,
        below=Money.units(row.below_minor),
        amount=_money(row.amount_minor, row.currency),
        cap=_money(row.cap_minor, row.currency),
        method=row.method_id,
        wording=row.wording,
        agreed_at=row.agreed_at,
        changed_at=row.changed_at,
        declines=row.declines,
        paused_at=row.paused_at,
        pause_reason=row.pause_reason,
        not_before=row.not_before,
        problem=row.problem,
    )


def _frozen_run(row: RunRow) -> AutoRun:
    payment = queries.frozen(row.payment)
    return AutoRun(
        id=row.id,
        player=row.order_id,
        payment=payment.id,
        status=payment.status,
        reason=payment.reason,
        amount=_money(row.amount_minor, row.currency),
        month=row.month,
        occasion=Occasion(row.occasion),
        begun_at=row.begun_at,
        closed_at=row.closed_at,
    )


def _money(minor: int, code: str) -> Money:
    return Money(minor, currencies.currency(code))
