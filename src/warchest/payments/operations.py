"""Writes of payments that run within a journey's transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Quote
from warchest.kernel.money import Money
from warchest.payments import providers, queries, rules
from warchest.payments.contract import (
    NOTICE_PATH,
    RETURN_PATH,
    Direction,
    Exchange,
    Payment,
    Status,
    UnableToFindPayment,
    UnableToTopUp,
    Verdict,
    Weighed,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import Payment as PaymentRow
from warchest.runtime import wire
from warchest.runtime.configuration import configuration
from warchest.sdk.payments import Report


def open_payment(
    *,
    payment_id: UUID,
    player: UUID,
    provider: str,
    quote: Quote,
    return_url: str,
    language: str,
    country: str,
    at: datetime,
) -> Payment:
    providers.open_for(provider, amount=quote.paid)
    here = configuration()
    comes_back_to = return_url or here.public_url + RETURN_PATH.format(payment=payment_id)
    if not rules.is_plain_address(comes_back_to):
        raise UnableToTopUp("return_url_malformed")
    row = PaymentRow.objects.create(
        id=payment_id,
        player=player,
        provider=provider,
        amount_minor=quote.paid.minor,
        currency=quote.paid.currency.code,
        units_minor=quote.units.minor,
        units_per_major=f"{quote.rate.units_per_major:f}",
        return_url=comes_back_to,
        language=language,
        country=country,
        opened_at=at,
        changed_at=at,
        next_inquiry_at=rules.next_inquiry_at(inquiries=0, at=at),
    )
    # Kept, because the provider must be told the very same when it is asked again after a restart or a move.
    AttemptRow.objects.create(
        payment=row,
        number=1,
        provider=provider,
        reference=str(payment_id),
        notice_url=here.public_url + NOTICE_PATH.format(provider=provider),
        description=here.community.name,
        started_at=at,
    )
    return queries.frozen(row)


def weigh(*, payment_id: UUID, report: Report, at: datetime) -> Weighed:
    row = _locked(payment_id)
    before = queries.frozen(row)
    verdict, status, doubt = rules.judge(status=before.status, asked=before.amount, report=report)
    if verdict is Verdict.NOTHING:
        return Weighed(verdict, before)
    if not _is_free(row, report.provider_reference):
        # One payment at the provider must never pay for two of ours.
        verdict, status, doubt = Verdict.NOTED, Status.REVIEW, "provider_reference_reused"
    if verdict is Verdict.CREDIT:
        return Weighed(verdict, before)
    if status is Status.REVIEW:
        row.taken_minor = report.amount.minor if report.amount else None
        row.taken_currency = report.amount.currency.code if report.amount else ""
    _follow(row, report=report, status=status, reason=doubt or report.reason, at=at)
    return Weighed(verdict, queries.frozen(row))


def credit(*, payment_id: UUID, lot: UUID, journal_entry: UUID, report: Report, at: datetime) -> Payment:
    row = _locked(payment_id)
    row.credited_at, row.lot, row.journal_entry = at, lot, journal_entry
    _follow(row, report=report, status=Status.SUCCEEDED, reason="", at=at)
    return queries.frozen(row)


def answer_attempt(*, payment_id: UUID, at: datetime) -> Payment:
    payment = queries.frozen(_locked(payment_id))
    AttemptRow.objects.filter(payment=payment_id, number=1, answered_at=None).update(
        answered_at=at, answer=wire.encode(payment).decode()
    )
    return payment


def _locked(payment_id: UUID) -> PaymentRow:
    row = PaymentRow.objects.select_for_update().filter(id=payment_id).first()
    if row is None:
        raise UnableToFindPayment("payment_unknown")
    return row


def _is_free(row: PaymentRow, provider_reference: str) -> bool:
    if not provider_reference or provider_reference == row.provider_reference:
        return True
    others = PaymentRow.objects.filter(provider=row.provider, provider_reference=provider_reference)
    return not others.exclude(id=row.id).exists()


def _follow(row: PaymentRow, *, report: Report, status: Status, reason: str, at: datetime) -> None:
    # The provider's first number for the payment stays: later messages may carry those of its parts.
    if not row.provider_reference and _is_free(row, report.provider_reference):
        row.provider_reference = report.provider_reference[:200]
    row.redirect_url = report.redirect_url or row.redirect_url
    row.reason = rules.keepable(reason)[:80]
    if row.status != status:
        row.status, row.changed_at = status, at
    if status not in rules.OPEN:
        row.next_inquiry_at = None
    row.save()


def keep_request(*, payment: Payment, exchange: Exchange, text: str, at: datetime) -> UUID:
    """Write down what the provider is about to be told."""
    row = MessageRow.objects.create(
        payment_id=payment.id,
        provider=payment.provider,
        direction=Direction.TO_PROVIDER,
        exchange=exchange,
        provider_reference=payment.provider_reference,
        amount_minor=payment.amount.minor,
        currency=payment.amount.currency.code,
        text=rules.keepable(text),
        at=at,
    )
    return row.id


def keep_answer(
    *, payment_id: UUID | None, provider: str, exchange: Exchange, report: Report, at: datetime
) -> UUID:
    """Write down what the provider said, before it is acted on."""
    taken: Money | None = report.amount
    row = MessageRow.objects.create(
        payment_id=payment_id,
        provider=provider,
        direction=Direction.FROM_PROVIDER,
        exchange=exchange,
        standing=report.standing,
        provider_reference=report.provider_reference[:200],
        amount_minor=taken.minor if taken else None,
        currency=taken.currency.code if taken else "",
        reason=rules.keepable(report.reason)[:80],
        text=rules.keepable(report.raw),
        at=at,
    )
    return row.id


def schedule_inquiry(*, payment_id: UUID, at: datetime) -> None:
    """Count an inquiry and set the time of the next one: whoever looks for due payments now finds it no more."""
    row = _locked(payment_id)
    if row.next_inquiry_at is not None:
        row.inquiries += 1
        row.next_inquiry_at = rules.next_inquiry_at(inquiries=row.inquiries, at=at)
        row.save(update_fields=["inquiries", "next_inquiry_at"])
