"""Reads of payments. All answer frozen rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count, Min, Q, QuerySet

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments.attempts import instrument_of
from warchest.payments.contract import (
    Attempt,
    Direction,
    Exchange,
    KeptNotice,
    Message,
    Payment,
    PaymentFilter,
    RefusedNotices,
    Status,
    UnableToFindPayment,
    Waiting,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Dispute as DisputeRow
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import NoticeRefusal as NoticeRefusalRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import ReceivedNotice as ReceivedNoticeRow
from warchest.payments.models import Refund as RefundRow
from warchest.payments.rules import OPEN
from warchest.runtime import wire
from warchest.sdk.payments import DisputeReport, Report, Standing, Subject

_LIMIT_MAX = 500


def payment(*, payment_id: UUID) -> Payment:
    row = PaymentRow.objects.filter(id=payment_id).first()
    if row is None:
        raise UnableToFindPayment("payment_unknown")
    return frozen(row)


def answer_to(*, payment_id: UUID) -> Payment | None:
    answered = (
        AttemptRow.objects.filter(payment=payment_id, answered_at__isnull=False).order_by("-number").first()
    )
    return wire.decode(answered.answer, Payment) if answered else None


def payments_of(*, player: UUID, before: UUID | None = None, limit: int = 50) -> tuple[Payment, ...]:
    return _page(PaymentRow.objects.filter(player=player), before, limit)


def recent_payments(
    *, only: PaymentFilter | None = None, before: UUID | None = None, limit: int = 50
) -> tuple[Payment, ...]:
    only = only or PaymentFilter()
    rows = PaymentRow.objects.all()
    if only.statuses:
        rows = rows.filter(status__in=only.statuses)
    if only.provider:
        rows = rows.filter(provider=only.provider)
    if only.player is not None:
        rows = rows.filter(player=only.player)
    if only.opened_from is not None:
        rows = rows.filter(opened_at__gte=only.opened_from)
    if only.opened_before is not None:
        rows = rows.filter(opened_at__lt=only.opened_before)
    return _page(rows, before, limit)


def _page(rows: QuerySet[PaymentRow], before: UUID | None, limit: int) -> tuple[Payment, ...]:
    # Ids sort by the moment of their making.
    if before is not None:
        rows = rows.filter(id__lt=before)
    return tuple(frozen(row) for row in rows.order_by("-id")[: min(limit, _LIMIT_MAX)])


def payment_ids(*, after: UUID | None = None, limit: int = 10_000) -> tuple[UUID, ...]:
    rows = PaymentRow.objects.order_by("id")
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(rows.values_list("id", flat=True)[:limit])


def find_payments(*, text: str, limit: int = 20) -> tuple[Payment, ...]:
    wanted = text.strip()
    if not wanted or "\x00" in wanted:
        return ()
    matches = Q(provider_reference=wanted)
    tried = AttemptRow.objects.filter(Q(reference=wanted) | Q(provider_reference=wanted))
    matches |= Q(id__in=tried.values("payment_id"))
    matches |= Q(id__in=RefundRow.objects.filter(provider_reference=wanted).values("payment_id"))
    matches |= Q(id__in=DisputeRow.objects.filter(provider_dispute=wanted).values("payment_id"))
    matches |= Q(id__in=ReceivedNoticeRow.objects.filter(notice_id=wanted).values("message__payment_id"))
    matches |= Q(id__in=MessageRow.objects.filter(provider_reference=wanted).values("payment_id"))
    try:
        identity = UUID(wanted)
    except ValueError:
        pass
    else:
        matches |= Q(id=identity) | Q(journal_entry=identity) | Q(player=identity)
        matches |= Q(id__in=RefundRow.objects.filter(id=identity).values("payment_id"))
    return _page(PaymentRow.objects.filter(matches), None, limit)


def messages(*, payment_id: UUID) -> tuple[Message, ...]:
    return tuple(
        Message(
            id=row.id,
            provider=row.provider,
            direction=Direction(row.direction),
            exchange=Exchange(row.exchange),
            standing=Standing(row.standing) if row.standing else None,
            provider_reference=row.provider_reference,
            amount=_money(row.amount_minor, row.currency),
            reason=row.reason,
            text=row.text,
            at=row.at,
        )
        for row in MessageRow.objects.filter(payment=payment_id).order_by("id")
    )


def attempts(*, payment_id: UUID) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            number=row.number,
            provider=row.provider,
            reference=row.reference,
            started_at=row.started_at,
            answered_at=row.answered_at,
            method=row.method,
            standing=row.standing,
            provider_reference=row.provider_reference,
            instrument=instrument_of(row),
        )
        for row in AttemptRow.objects.filter(payment=payment_id).order_by("number")
    )


def counts() -> Mapping[Status, int]:
    rows = PaymentRow.objects.values_list("status").annotate(payments=Count("id")).order_by("status")
    return {Status(status): number for status, number in rows}


def waiting() -> Mapping[Status, Waiting]:
    rows = (
        PaymentRow.objects.filter(status__in=OPEN)
        .order_by()
        .values_list("status")
        .annotate(payments=Count("id"), since=Min("opened_at"))
    )
    found = {Status(status): Waiting(number, since) for status, number, since in rows}
    return {status: found.get(status, Waiting()) for status in sorted(OPEN)}


def due_payments(*, at: datetime, limit: int) -> tuple[UUID, ...]:
    due = PaymentRow.objects.filter(status__in=OPEN, next_inquiry_at__lte=at)
    return tuple(due.order_by("next_inquiry_at", "id").values_list("id", flat=True)[:limit])


def due_notices(*, at: datetime, limit: int) -> tuple[KeptNotice, ...]:
    due = ReceivedNoticeRow.objects.filter(next_try_at__lte=at).select_related("message")
    return tuple(
        frozen_notice(row, payment=row.message.payment_id, repeated=False)
        for row in due.order_by("id")[:limit]
    )


def refused_notices(*, since: date) -> tuple[RefusedNotices, ...]:
    rows = NoticeRefusalRow.objects.filter(day__gte=since).order_by("-day", "provider", "reason")
    return tuple(RefusedNotices(row.provider, row.day, row.reason, row.count, row.last_at) for row in rows)


def frozen(row: PaymentRow) -> Payment:
    """The row as the contract shows it."""
    unit = currency(row.currency)
    return Payment(
        id=row.id,
        player=row.player,
        provider=row.provider,
        status=Status(row.status),
        amount=Money(row.amount_minor, unit),
        units=Money.units(row.units_minor),
        units_per_major=row.units_per_major,
        return_url=row.return_url,
        redirect_url=row.redirect_url,
        provider_reference=row.provider_reference,
        reason=row.reason,
        taken=_money(row.taken_minor, row.taken_currency),
        language=row.language,
        country=row.country,
        opened_at=row.opened_at,
        changed_at=row.changed_at,
        credited_at=row.credited_at,
        next_inquiry_at=row.next_inquiry_at,
        inquiries=row.inquiries,
        journal_entry=row.journal_entry,
        lot=row.lot,
        attempt=row.attempt,
        set_off=Money(row.set_off_minor, unit),
        refunding=Money(row.refunding_minor, unit),
        refunded=Money(row.refunded_minor, unit),
        disputed=Money(row.disputed_minor, unit),
    )


def frozen_notice(row: ReceivedNoticeRow, *, payment: UUID | None, repeated: bool) -> KeptNotice:
    """The row as the contract shows it."""
    return KeptNotice(
        id=row.id,
        message=row.message_id,
        provider=row.provider,
        payment=payment,
        report=wire.decode(row.report, Report),
        received_at=row.received_at,
        repeated=repeated,
        tries=row.tries,
        processed=row.processed_at is not None,
        attempt=row.attempt,
        subject=Subject(row.subject),
        refund=row.refund,
        dispute=wire.decode(row.dispute, DisputeReport) if row.dispute else None,
    )


def _money(minor: int | None, code: str) -> Money | None:
    return None if minor is None else Money(minor, currency(code))
