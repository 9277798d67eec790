"""Notices: believed by their signature only, stored once, and kept until they were acted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F

from warchest.kernel.ids import new_id
from warchest.payments import attempts, operations, providers, queries, rules
from warchest.payments.contract import (
    NOTICE_BYTES_MAX,
    Exchange,
    KeptNotice,
    UnableToReceiveNotice,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import ReceivedNotice as ReceivedNoticeRow
from warchest.payments.models import Refund as RefundRow
from warchest.runtime import wire
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import (
    Notice,
    PaymentProvider,
    RawNotice,
    Report,
    Standing,
    Subject,
    UnableToTrustNotice,
)

log = structlog.get_logger(__name__)


def take_notice(*, provider: str, headers: Mapping[str, str], body: bytes, at: datetime) -> KeptNotice:
    plugins = providers.believed(provider, at=at)
    if len(body) > NOTICE_BYTES_MAX:
        _count_refusal(provider, "notice_too_large", at)
        raise UnableToReceiveNotice("notice_too_large")
    in_lower_case = {name.lower(): value for name, value in headers.items()}
    try:
        notice = _read(plugins, RawNotice(headers=in_lower_case, body=body, received_at=at))
        if not 0 < len(notice.id) <= 200:
            raise UnableToTrustNotice("notice_malformed")
    except UnableToTrustNotice as refusal:
        _count_refusal(provider, refusal.reason, at)
        raise
    return _store(provider, _without_card_numbers(notice), at)


def _read(plugins: Sequence[PaymentProvider], notice: RawNotice) -> Notice:
    """As the first one reads it that believes it: for a while after a rotation there are several."""
    for plugin in plugins[:-1]:
        try:
            return plugin.read_notice(notice)
        except UnableToTrustNotice:
            continue
    return plugins[-1].read_notice(notice)


def _store(provider: str, notice: Notice, at: datetime) -> KeptNotice:
    attempt, refund = _spoken_of(provider, notice)
    payment_id = attempt.payment_id if attempt else None
    with technical_transaction("payments"):
        try:
            with transaction.atomic(using=services.alias("payments")):
                message = operations.keep_answer(
                    payment_id=payment_id,
                    provider=provider,
                    exchange=Exchange.NOTICE,
                    report=notice.report,
                    at=at,
                )
                if attempt is not None:
                    if notice.subject is Subject.PAYMENT and notice.report.standing is Standing.PENDING:
                        operations.hasten_inquiry(payment_id=attempt.payment_id, at=at)
                    attempts.keep(
                        payment_id=attempt.payment_id, number=attempt.number, what=notice.report.keep
                    )
                row = ReceivedNoticeRow.objects.create(
                    id=new_id(),
                    provider=provider,
                    notice_id=notice.id,
                    reference=notice.reference[:200],
                    message_id=message,
                    # A saved method's token is in it: what the plug-in keeps, it keeps with the attempt.
                    report=wire.encode(_without_secrets(notice.report)).decode(),
                    subject=notice.subject,
                    attempt=attempt.number if attempt else 1,
                    refund=refund,
                    dispute=wire.encode(notice.dispute).decode() if notice.dispute else "",
                    received_at=at,
                    # The one who stores it acts on it at once; the job comes only when that one did not get through.
                    next_try_at=rules.next_inquiry_at(inquiries=0, at=at),
                )
                return queries.frozen_notice(row, payment=payment_id, repeated=False)
        except IntegrityError as error:
            if error.__cause__.diag.constraint_name != "notice_once":  # type: ignore[union-attr]
                raise
        known = ReceivedNoticeRow.objects.filter(provider=provider, notice_id=notice.id)
        known.update(copies=F("copies") + 1)
        row = known.select_related("message").get()
        return queries.frozen_notice(row, payment=row.message.payment_id, repeated=True)


def _spoken_of(provider: str, notice: Notice) -> tuple[AttemptRow | None, UUID | None]:
    """The attempt that a notice is about, and our refund: by our references, else by the provider's own numbers."""
    tried = AttemptRow.objects.filter(provider=provider)
    attempt = tried.filter(reference=notice.reference).first() if notice.reference else None
    # A reference that is not ours is another's payment, whatever number it bears at the provider.
    for known in () if notice.reference else (notice.payment_reference, notice.report.provider_reference):
        if attempt is None and known:
            attempt = tried.filter(provider_reference=known).first() or _before_attempts_kept_it(
                provider, known
            )
    if notice.subject is not Subject.REFUND:
        return attempt, None
    refund = _refund(provider, notice)
    if refund is not None and attempt is None:
        attempt = tried.filter(payment=refund.payment_id, number=refund.attempt).first()
    return attempt, refund.id if refund else None


def _before_attempts_kept_it(provider: str, provider_reference: str) -> AttemptRow | None:
    return AttemptRow.objects.filter(
        payment__provider=provider,
        payment__provider_reference=provider_reference,
        number=F("payment__attempt"),
    ).first()


def _refund(provider: str, notice: Notice) -> RefundRow | None:
    of_provider = RefundRow.objects.filter(payment__attempts__provider=provider).distinct()
    try:
        known = UUID(notice.refund_reference)
    except ValueError:
        if not notice.report.provider_reference:
            return None
        return of_provider.filter(provider_reference=notice.report.provider_reference).first()
    return of_provider.filter(id=known).first()


def _without_card_numbers(notice: Notice) -> Notice:
    dispute = notice.dispute and replace(notice.dispute, reason=rules.keepable(notice.dispute.reason))
    return replace(notice, report=rules.without_card_numbers(notice.report), dispute=dispute)


def _without_secrets(report: Report) -> Report:
    instrument = report.instrument and replace(report.instrument, token="")
    return replace(report, raw="", keep={}, instrument=instrument)


def close_notice(*, notice_id: UUID, outcome: str, at: datetime) -> None:
    with technical_transaction("payments"):
        ReceivedNoticeRow.objects.filter(id=notice_id, processed_at=None).update(
            processed_at=at, outcome=outcome[:60], next_try_at=None
        )


def postpone_notice(*, notice_id: UUID, problem: str, at: datetime) -> None:
    with technical_transaction("payments"):
        row = ReceivedNoticeRow.objects.select_for_update().get(id=notice_id)
        if row.processed_at is None:
            row.tries += 1
            row.problem = rules.keepable(problem)[:400]
            row.next_try_at = rules.next_inquiry_at(inquiries=row.tries, at=at)
            row.save(update_fields=["tries", "problem", "next_try_at"])


def _count_refusal(provider: str, reason: str, at: datetime) -> None:
    # A count, not a row for each: anybody on the network can send these, as many as they like.
    log.warning("notice_refused", provider=provider, reason=reason)
    with technical_transaction("payments"), services.database("payments").cursor() as cursor:
        cursor.execute(
            "INSERT INTO payments_noticerefusal AS known (provider, day, reason, count, last_at)"
            " VALUES (%s, %s, %s, 1, %s)"
            " ON CONFLICT (provider, day, reason) DO UPDATE SET count = known.count + 1,"
            " last_at = greatest(known.last_at, excluded.last_at)",
            [provider, at.astimezone(UTC).date(), reason, at],
        )
