"""Writes of payments that run within a journey's transaction."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Quote
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.payments import attempts, doubts, methods, providers, queries, rules
from warchest.payments.contract import (
    NOTICE_PATH,
    RETURN_PATH,
    AttemptOptions,
    Direction,
    Exchange,
    Payment,
    RefundKind,
    Status,
    UnableToFindPayment,
    UnableToTopUp,
    UnableToTryAgain,
    Verdict,
    Weighed,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Refund as RefundRow
from warchest.runtime import wire
from warchest.runtime.configuration import configuration
from warchest.sdk.payments import Report, Standing

_AS_USUAL = AttemptOptions()


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
    options: AttemptOptions = _AS_USUAL,
    consent: str = "",
) -> Payment:
    providers.open_for(provider, amount=quote.paid, method=options.method, at=at)
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
    if consent:
        methods.note_consent(row, wording=consent, at=at)
    _begin(row, number=1, reference=str(payment_id), options=options, at=at)
    return queries.frozen(row)


def open_attempt(*, payment_id: UUID, provider: str, options: AttemptOptions, at: datetime) -> Payment:
    row = locked(payment_id)
    payment = queries.frozen(row)
    if payment.status not in {Status.FAILED, Status.CANCELLED}:
        raise UnableToTryAgain("payment_over" if payment.status not in rules.OPEN else "attempt_open")
    last = AttemptRow.objects.filter(payment=payment_id).order_by("-number").first()
    assert last is not None
    if last.number >= rules.ATTEMPTS_MAX:
        raise UnableToTryAgain("attempts_too_many", attempts_max=rules.ATTEMPTS_MAX)
    providers.open_for(provider, amount=payment.amount, method=options.method, at=at)
    row.provider, row.attempt = provider, last.number + 1
    row.provider_reference = row.redirect_url = row.reason = ""
    row.status, row.changed_at = Status.CREATED, at
    row.next_inquiry_at, row.inquiries = rules.next_inquiry_at(inquiries=0, at=at), 0
    row.save()
    _begin(row, number=row.attempt, reference=str(new_id()), options=options, at=at)
    return queries.frozen(row)


def _begin(row: PaymentRow, *, number: int, reference: str, options: AttemptOptions, at: datetime) -> None:
    # Kept, because the provider must be told the very same when it is asked again after a restart or a move.
    here = configuration()
    options = methods.completed(row, options)
    AttemptRow.objects.create(
        payment=row,
        number=number,
        provider=row.provider,
        reference=reference,
        notice_url=here.public_url + NOTICE_PATH.format(provider=row.provider),
        description=here.community.name,
        started_at=at,
        method=options.method,
        options=attempts.sealed_options(reference, options),
    )
    methods.note_use(row, number=number, options=options)


def weigh(*, payment_id: UUID, report: Report, at: datetime, attempt: int = 0) -> Weighed:
    row = locked(payment_id)
    before = queries.frozen(row)
    number = attempt or row.attempt
    is_free = attempts.note(payment_id=payment_id, number=number, report=report)
    if number != row.attempt:
        return _weigh_earlier(row, number=number, report=report, at=at)
    verdict, status, doubt = rules.judge(status=before.status, asked=before.amount, report=report)
    if verdict is Verdict.NOTHING:
        return Weighed(verdict, before)
    if not is_free:
        # One payment at the provider must never pay for two of ours.
        verdict, status, doubt = Verdict.NOTED, Status.REVIEW, "provider_reference_reused"
    elif verdict is Verdict.CREDIT or (
        report.standing is Standing.AUTHORISED and before.status in rules.OPEN
    ):
        if verdict is Verdict.CREDIT and doubts.was_refused(payment_id=payment_id, attempt=number):
            return _surplus(row, number=number)
        if found := doubts.of(payment_id=payment_id, report=report, at=at):
            verdict, status, doubt = Verdict.NOTED, Status.REVIEW, found
    if verdict is Verdict.CREDIT:
        return Weighed(verdict, before)
    _note(row, report=report, status=status, doubt=doubt, at=at)
    return Weighed(verdict, queries.frozen(row))


def _weigh_earlier(row: PaymentRow, *, number: int, report: Report, at: datetime) -> Weighed:
    """An attempt that was given up speaks again: only that it took money matters."""
    before = queries.frozen(row)
    if report.standing is not Standing.SUCCEEDED:
        return Weighed(Verdict.NOTHING, before)
    if before.credited_at is not None or doubts.was_refused(payment_id=before.id, attempt=number):
        return _surplus(row, number=number)
    if before.status is Status.REVIEW:
        return Weighed(Verdict.NOTHING, before)
    if doubt := rules.difference(asked=before.amount, taken=report.amount):
        _note(row, report=report, status=Status.REVIEW, doubt=doubt, at=at)
        return Weighed(Verdict.NOTED, queries.frozen(row))
    if doubt := doubts.of(payment_id=before.id, report=report, at=at):
        _note(row, report=report, status=Status.REVIEW, doubt=doubt, at=at)
        return Weighed(Verdict.NOTED, queries.frozen(row))
    # What the attempt that counts now may still bring is surplus when it comes.
    return Weighed(Verdict.CREDIT, before)


def _surplus(row: PaymentRow, *, number: int) -> Weighed:
    known = RefundRow.objects.filter(payment=row, attempt=number, kind=RefundKind.SURPLUS).exists()
    return Weighed(Verdict.NOTHING if known else Verdict.SURPLUS, queries.frozen(row))


def _note(row: PaymentRow, *, report: Report, status: Status, doubt: str, at: datetime) -> None:
    if status is Status.REVIEW:
        row.taken_minor = report.amount.minor if report.amount else None
        row.taken_currency = report.amount.currency.code if report.amount else ""
    _follow(row, report=report, status=status, reason=doubt or report.reason, at=at)


def credit(
    *,
    payment_id: UUID,
    lot: UUID | None,
    journal_entry: UUID,
    report: Report,
    at: datetime,
    attempt: int = 0,
    set_off: Money | None = None,
) -> Payment:
    row = locked(payment_id)
    if attempt and attempt != row.attempt:
        won = AttemptRow.objects.get(payment=payment_id, number=attempt)
        row.attempt, row.provider, row.provider_reference = attempt, won.provider, won.provider_reference
    row.credited_at, row.lot, row.journal_entry = at, lot, journal_entry
    row.set_off_minor = set_off.minor if set_off else 0
    _follow(row, report=report, status=Status.SUCCEEDED, reason="", at=at)
    return queries.frozen(row)


def answer_attempt(*, payment_id: UUID, at: datetime) -> Payment:
    payment = queries.frozen(locked(payment_id))
    AttemptRow.objects.filter(payment=payment_id, number=payment.attempt, answered_at=None).update(
        answered_at=at, answer=wire.encode(payment).decode()
    )
    return payment


def locked(payment_id: UUID) -> PaymentRow:
    row = PaymentRow.objects.select_for_update().filter(id=payment_id).first()
    if row is None:
        raise UnableToFindPayment("payment_unknown")
    return row


def _is_free(row: PaymentRow, provider_reference: str) -> bool:
    return attempts.is_free(payment_id=row.id, provider=row.provider, provider_reference=provider_reference)


_FOLLOWING = (
    *("status", "reason", "changed_at", "next_inquiry_at", "provider_reference", "redirect_url"),
    *("taken_minor", "taken_currency", "credited_at", "lot", "journal_entry", "set_off_minor"),
    *("attempt", "provider"),
)
"""What a report changes of a payment, at most."""


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
    row.save(update_fields=_FOLLOWING)


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


def begin_telling(*, payment_id: UUID, attempt: int) -> None:
    """Before a provider is told to open an attempt: whether it is still the one to be opened. Who gives an attempt up because
    nobody told its provider takes the same lock. Raises TryAgain."""
    row = locked(payment_id)
    if row.attempt != attempt or row.status not in rules.OPEN:
        raise TryAgain("busy")


def schedule_inquiry(*, payment_id: UUID, at: datetime) -> None:
    """Count an inquiry and set the time of the next one: whoever looks for due payments now finds it no more."""
    row = locked(payment_id)
    if row.next_inquiry_at is not None:
        row.inquiries += 1
        row.next_inquiry_at = rules.next_inquiry_at(inquiries=row.inquiries, at=at)
        row.save(update_fields=["inquiries", "next_inquiry_at"])


def hasten_inquiry(*, payment_id: UUID, at: datetime) -> None:
    """Something goes on at the provider, and asking will tell what, or end it: let the job ask in its next round."""
    PaymentRow.objects.filter(id=payment_id, next_inquiry_at__gt=at).update(next_inquiry_at=at)
