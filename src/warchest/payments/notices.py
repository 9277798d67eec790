"""Notices: believed by their signature only, stored once, and kept until they were acted on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.db.models import F, Value
from django.db.models.functions import Greatest, Now

from warchest.kernel.ids import new_id
from warchest.payments import attempts, exchanges, methods, operations, providers, queries, rules
from warchest.payments.contract import (
    ACTED_ON_WITHIN,
    NOTICE_BYTES_MAX,
    Direction,
    Exchange,
    KeptNotice,
    UnableToReceiveNotice,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import ReceivedNotice as ReceivedNoticeRow
from warchest.payments.models import Refund as RefundRow
from warchest.runtime import statements, wire
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
        notice = _read(provider, plugins, RawNotice(headers=in_lower_case, body=body, received_at=at))
        if not 0 < len(notice.id) <= 200:
            raise UnableToTrustNotice("notice_malformed")
    except UnableToTrustNotice as refusal:
        _count_refusal(provider, refusal.reason, at)
        raise
    return _store(provider, _without_card_numbers(notice), at)


def _read(provider: str, plugins: Sequence[PaymentProvider], notice: RawNotice) -> Notice:
    """As the first one reads it that believes it: for a while after a rotation there are several."""
    for plugin in plugins[:-1]:
        try:
            return _read_by(provider, plugin, notice)
        except UnableToTrustNotice:
            continue
    return _read_by(provider, plugins[-1], notice)


def _read_by(provider: str, plugin: PaymentProvider, notice: RawNotice) -> Notice:
    if plugin.asks_about_notices:
        return exchanges.ask_about_notice(provider, lambda: plugin.read_notice(notice))
    return plugin.read_notice(notice)


_STORE = """
    WITH said AS (
         INSERT INTO payments_message (id, payment_id, provider, direction, exchange, standing, provider_reference,
                amount_minor, currency, reason, text, at)
         VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s))
    INSERT INTO payments_receivednotice (id, provider, notice_id, reference, message_id, report, subject, attempt, refund,
           dispute, received_at, copies, processed_at, outcome, next_try_at, tries, problem)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, %s, %s, %s, 0, '') RETURNING id"""


_CLAIM = """
    UPDATE payments_receivednotice SET next_try_at = %s
     WHERE id IN (SELECT id FROM payments_receivednotice WHERE next_try_at <= %s
                   ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id"""
_CLAIMED_FOR = timedelta(minutes=1)
"""Who claimed some and was killed is not waited for any longer."""


class _Spoken(NamedTuple):
    """The attempt that a notice is about."""

    payment_id: UUID
    number: int


def _store(provider: str, notice: Notice, at: datetime) -> KeptNotice:
    """What was said and that it is to be acted on, in one statement; with what is written beside it, in one transaction."""
    attempt, refund = _spoken_of(provider, notice)
    kept = KeptNotice(
        id=new_id(),
        message=new_id(),
        provider=provider,
        payment=attempt.payment_id if attempt else None,
        # A saved method's token, and what the plug-in keeps, are kept beside it, sealed.
        report=_without_secrets(notice.report),
        received_at=at,
        repeated=False,
        tries=0,
        processed=not _is_of_ours(notice, attempt),
        attempt=attempt.number if attempt else 1,
        subject=notice.subject,
        refund=refund,
        dispute=notice.dispute,
    )
    hastens = notice.subject is Subject.PAYMENT and notice.report.standing is Standing.PENDING
    saves = notice.report.instrument is not None and bool(notice.report.instrument.token)
    beside = attempt is not None and (hastens or saves or bool(notice.report.keep))
    try:
        with technical_transaction("payments") if beside else nullcontext():
            if attempt is not None and hastens:
                operations.hasten_inquiry(payment_id=attempt.payment_id, at=at)
            if attempt is not None:
                attempts.keep(payment_id=attempt.payment_id, number=attempt.number, what=notice.report.keep)
            if attempt is not None and saves and notice.subject is Subject.PAYMENT:
                methods.hear(
                    payment_id=attempt.payment_id, number=attempt.number, report=notice.report, at=at
                )
            _write(kept, notice)
    except IntegrityError as error:
        if error.__cause__.diag.constraint_name != "notice_once":  # type: ignore[union-attr]
            raise
        return _again(provider, notice)
    if kept.payment is None and notice.subject is not Subject.NOTHING:
        log.warning("notice_of_unknown_payment", provider=provider, notice=str(kept.id))
    return kept


def _is_of_ours(notice: Notice, attempt: _Spoken | None) -> bool:
    """Whether there is anything to do about it."""
    return attempt is not None and notice.subject is not Subject.NOTHING


def _write(kept: KeptNotice, notice: Notice) -> None:
    report = notice.report
    outcome = ""
    if kept.processed:
        outcome = "nothing" if notice.subject is Subject.NOTHING else "payment_unknown"
    said = (
        kept.message,
        kept.payment,
        kept.provider,
        Direction.FROM_PROVIDER.value,
        Exchange.NOTICE.value,
        report.standing.value,
        report.provider_reference[:200],
        report.amount.minor if report.amount else None,
        report.amount.currency.code if report.amount else "",
        rules.keepable(report.reason)[:80],
        rules.keepable(report.raw),
        kept.received_at,
    )
    to_do = (
        kept.id,
        kept.provider,
        notice.id,
        notice.reference[:200],
        kept.message,
        wire.encode(kept.report).decode(),
        kept.subject.value,
        kept.attempt,
        kept.refund,
        wire.encode(kept.dispute).decode() if kept.dispute else "",
        kept.received_at,
        kept.received_at if kept.processed else None,
        outcome,
        None if kept.processed else kept.received_at + ACTED_ON_WITHIN,
    )
    statements.rows("payments", _STORE, [*said, *to_do])


def _again(provider: str, notice: Notice) -> KeptNotice:
    known = ReceivedNoticeRow.objects.filter(provider=provider, notice_id=notice.id)
    known.update(copies=F("copies") + 1)
    row = known.select_related("message").get()
    return queries.frozen_notice(row, payment=row.message.payment_id, repeated=True)


def _spoken_of(provider: str, notice: Notice) -> tuple[_Spoken | None, UUID | None]:
    """The attempt that a notice is about, and our refund: by our references, else by the provider's own numbers."""
    attempt = None
    if notice.reference:
        # A reference that is not ours is another's payment, whatever number it bears at the provider.
        for found in statements.rows(
            "payments",
            "SELECT payment_id, number FROM payments_attempt WHERE provider = %s AND reference = %s",
            [provider, notice.reference],
        ):
            attempt = _Spoken(*found)
    else:
        for known in (notice.payment_reference, notice.report.provider_reference):
            if attempt is None and known:
                attempt = _numbered(provider, known)
    if notice.subject is not Subject.REFUND:
        return attempt, None
    refund = _refund(provider, notice)
    if refund is not None and attempt is None:
        tried = AttemptRow.objects.filter(
            provider=provider, payment=refund.payment_id, number=refund.attempt
        ).first()
        attempt = _Spoken(tried.payment_id, tried.number) if tried else None
    return attempt, refund.id if refund else None


def _numbered(provider: str, known: str) -> _Spoken | None:
    """By the provider's own number for a payment, which attempts keep, and before them the payment did."""
    tried = AttemptRow.objects.filter(provider=provider, provider_reference=known).first()
    if tried is None:
        tried = AttemptRow.objects.filter(
            payment__provider=provider, payment__provider_reference=known, number=F("payment__attempt")
        ).first()
    return _Spoken(tried.payment_id, tried.number) if tried else None


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


def claim_notices(*, at: datetime, limit: int) -> tuple[KeptNotice, ...]:
    claimed = statements.rows("payments", _CLAIM, [at + _CLAIMED_FOR, at, limit])
    rows = ReceivedNoticeRow.objects.filter(id__in=[notice for (notice,) in claimed]).select_related(
        "message"
    )
    return tuple(
        queries.frozen_notice(row, payment=row.message.payment_id, repeated=False)
        for row in rows.order_by("id")
    )


def close_notice(*, notice_id: UUID, outcome: str, at: datetime) -> None:
    # When it was done, not the moment for which: somebody may have come to it much later.
    done_at = Greatest(Value(at), Now())
    ReceivedNoticeRow.objects.filter(id=notice_id, processed_at=None).update(
        processed_at=done_at, outcome=outcome[:60], next_try_at=None
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
