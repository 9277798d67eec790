"""Refunds: written down and counted before the provider hears of them, told under one reference, decided once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.payments import attempts, exchanges, operations, providers, queries, rules
from warchest.payments.contract import (
    Direction,
    Exchange,
    HeardOfRefund,
    Part,
    PartKind,
    Refund,
    RefundKind,
    RefundState,
    RefundVerdict,
    UnableToRefund,
    WeighedRefund,
)
from warchest.payments.models import Dispute as DisputeRow
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import Part as PartRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Refund as RefundRow
from warchest.runtime import wire
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import Ability, RefundRequest, Report, Standing

_OPEN = (RefundState.HELD.value, RefundState.INSTRUCTED.value)


def open_refund(
    *,
    refund_id: UUID,
    payment_id: UUID,
    amount: Money | None,
    kind: RefundKind,
    reason: str,
    asked_by: str,
    at: datetime,
    attempt: int = 0,
    provider_reference: str = "",
) -> Refund:
    row = operations.locked(payment_id)
    payment = queries.frozen(row)
    # What was paid twice is owed whatever its provider can do: where it can't give it back, it waits for a person.
    if kind is RefundKind.ASKED:
        _refuse_what_provider_cannot(row.provider, payment.amount, amount)
    if kind is RefundKind.SURPLUS:
        amount = amount or payment.amount
    else:
        if payment.credited_at is None:
            raise UnableToRefund("payment_not_refundable", status=payment.status.value)
        amount = payment.refundable if amount is None else amount
        if amount.currency != payment.amount.currency:
            raise UnableToRefund("currency_differs", currency=payment.amount.currency.code)
        if amount > payment.refundable:
            raise UnableToRefund("refund_exceeds_payment", most=payment.refundable.major)
        if amount.minor <= 0:
            spent = payment.refundable.minor == 0
            raise UnableToRefund("refund_exceeds_payment" if spent else "amount_not_positive", most="0")
        row.refunding_minor += amount.minor
        row.save(update_fields=["refunding_minor"])
    refund = RefundRow.objects.create(
        id=refund_id,
        payment=row,
        attempt=attempt or row.attempt,
        kind=kind,
        amount_minor=amount.minor,
        currency=amount.currency.code,
        reason=rules.keepable(reason)[:300],
        provider_reference=provider_reference[:200],
        asked_by=asked_by,
        asked_at=at,
        # Who asks tells the provider at once; the job comes only when that one did not get through.
        next_try_at=rules.next_inquiry_at(inquiries=0, at=at),
    )
    return _frozen(refund)


def _refuse_what_provider_cannot(provider: str, whole: Money, amount: Money | None) -> None:
    able = providers.configured(provider).description.abilities
    in_part = amount is not None and amount != whole
    if Ability.REFUND not in able or (in_part and Ability.PARTIAL_REFUND not in able):
        raise UnableToRefund("refunds_not_supported", provider=provider)


def keep_parts(*, of: UUID, parts: Sequence[Part], units: Money, debt: Money) -> None:
    refund = RefundRow.objects.select_related("payment").filter(id=of).first()
    keeper = refund or DisputeRow.objects.select_related("payment").get(id=of)
    keeper.units_minor, keeper.debt_minor = units.minor, debt.minor
    keeper.save(update_fields=["units_minor", "debt_minor"])
    PartRow.objects.bulk_create(
        PartRow(
            of=of,
            payment=keeper.payment,
            kind=part.kind,
            amount_minor=part.amount.minor,
            currency=part.amount.currency.code,
            units_minor=part.units.minor if part.units else None,
            slice=part.slice,
            sale_entry=part.sale_entry,
            grant=part.grant,
            seconds=part.seconds,
            net_minor=part.net.minor if part.net is not None else None,
            tax_minor=part.tax.minor if part.tax is not None else None,
            tax_owner=part.tax_owner,
        )
        for part in parts
    )


def parts(*, of: UUID) -> tuple[Part, ...]:
    return tuple(map(_part, PartRow.objects.filter(of=of).order_by("id")))


def parts_of_sale(*, sale_entry: UUID, undecided: bool = False) -> tuple[Part, ...]:
    rows = list(PartRow.objects.filter(sale_entry=sale_entry).order_by("id"))
    of = {row.of for row in rows}
    refunds_there, disputes_there = RefundRow.objects.filter(id__in=of), DisputeRow.objects.filter(id__in=of)
    if undecided:
        counted = {
            *refunds_there.filter(state__in=_OPEN).values_list("id", flat=True),
            *disputes_there.filter(state__in=["open", "under_review"]).values_list("id", flat=True),
        }
    else:
        counted = {
            *refunds_there.exclude(state=RefundState.REFUSED).values_list("id", flat=True),
            *disputes_there.exclude(state="won").values_list("id", flat=True),
        }
    return tuple(_part(row) for row in rows if row.of in counted)


def _part(row: PartRow) -> Part:
    unit = currency(row.currency)
    return Part(
        kind=PartKind(row.kind),
        amount=Money(row.amount_minor, unit),
        units=None if row.units_minor is None else Money.units(row.units_minor),
        slice=row.slice,
        sale_entry=row.sale_entry,
        grant=row.grant,
        seconds=row.seconds,
        net=None if row.net_minor is None else Money(row.net_minor, unit),
        tax=None if row.tax_minor is None else Money(row.tax_minor, unit),
        tax_owner=row.tax_owner,
    )


def weigh_refund(*, refund_id: UUID, report: Report, at: datetime) -> WeighedRefund:
    row = _locked(refund_id)
    before = _frozen(row)
    if before.decided_at is not None:
        return WeighedRefund(RefundVerdict.NOTHING, before)
    if report.provider_reference and not row.provider_reference:
        row.provider_reference = report.provider_reference[:200]
    match report.standing:
        case Standing.SUCCEEDED if report.amount in (None, before.amount):
            verdict = RefundVerdict.CONFIRM
        case Standing.FAILED | Standing.CANCELLED:
            verdict = RefundVerdict.RELEASE
        case Standing.SUCCEEDED:
            # It says another amount than it was told: nobody guesses which is true, and it is asked again.
            verdict, row.refusal = RefundVerdict.NOTED, "amount_differs"
        case Standing.PENDING | Standing.AUTHORISED:
            verdict, row.state = RefundVerdict.NOTED, RefundState.INSTRUCTED.value
        case _:
            verdict = RefundVerdict.NOTED
    row.save()
    return WeighedRefund(verdict, _frozen(row))


def confirm_refund(*, refund_id: UUID, journal_entry: UUID, report: Report, at: datetime) -> Refund:
    row = _locked(refund_id)
    row.state, row.journal_entry = RefundState.CONFIRMED.value, journal_entry
    row.refusal, row.decided_at, row.next_try_at = "", at, None
    row.save()
    if row.kind != RefundKind.SURPLUS:
        payment = row.payment
        payment.refunding_minor -= row.amount_minor
        payment.refunded_minor += row.amount_minor
        stand_after_money_went(payment, at=at)
    return _frozen(row)


def refuse_refund(*, refund_id: UUID, report: Report, at: datetime) -> Refund:
    row = _locked(refund_id)
    row.state, row.refusal = RefundState.REFUSED.value, rules.keepable(report.reason)[:80]
    row.decided_at, row.next_try_at = at, None
    row.save()
    if row.kind != RefundKind.SURPLUS:
        row.payment.refunding_minor -= row.amount_minor
        row.payment.save(update_fields=["refunding_minor"])
    return _frozen(row)


def stand_after_money_went(row: PaymentRow, *, at: datetime) -> None:
    """Let a locked payment's status follow what of it went back."""
    unit = currency(row.currency)
    status = rules.after_money_went(
        amount=Money(row.amount_minor, unit),
        refunded=Money(row.refunded_minor, unit),
        disputed=Money(row.disputed_minor, unit),
        is_disputed=row.disputes.exclude(state="won").exists(),
    )
    if row.status != status:
        row.status, row.changed_at = status, at
    row.save()


def instruct_refund(*, refund_id: UUID, at: datetime) -> HeardOfRefund:
    exchanges.refuse_inside_transaction()
    with technical_transaction("payments"):
        row = _locked(refund_id)
        if row.decided_at is not None:
            raise UnableToRefund("refund_decided")
        # Counted first: whoever looks for due refunds now finds it no more.
        row.tries += 1
        row.next_try_at = rules.next_inquiry_at(inquiries=row.tries, at=at)
        row.save(update_fields=["tries", "next_try_at"])
    payment = queries.payment(payment_id=row.payment_id)
    attempt = attempts.row_of(payment_id=row.payment_id, number=row.attempt)
    provider = providers.configured(attempt.provider)
    request = RefundRequest(
        reference=str(row.id),
        amount=Money(row.amount_minor, currency(row.currency)),
        payment=attempts.request_of(payment, attempt),
        payment_reference=attempt.provider_reference or payment.provider_reference,
        provider_reference=row.provider_reference,
        reason=row.reason,
    )
    asked_before = row.state == RefundState.INSTRUCTED
    with technical_transaction("payments"):
        MessageRow.objects.create(
            id=new_id(),
            payment_id=payment.id,
            provider=attempt.provider,
            direction=Direction.TO_PROVIDER,
            exchange=Exchange.REFUND,
            provider_reference=row.provider_reference,
            amount_minor=row.amount_minor,
            currency=row.currency,
            text=rules.keepable(
                wire.encode({"refund": str(row.id), "asked_again": asked_before, "tries": row.tries}).decode()
            ),
            at=at,
        )
    report = exchanges.heard_from(
        attempt.provider,
        Exchange.REFUND,
        lambda: provider.inquire_refund(request) if asked_before else provider.refund(request),
    )
    with technical_transaction("payments"):
        attempts.keep(payment_id=payment.id, number=attempt.number, what=report.keep)
        message = operations.keep_answer(
            payment_id=payment.id, provider=attempt.provider, exchange=Exchange.REFUND, report=report, at=at
        )
    return HeardOfRefund(message, refund(refund_id=refund_id), report)


def refund(*, refund_id: UUID) -> Refund:
    row = RefundRow.objects.filter(id=refund_id).first()
    if row is None:
        raise UnableToRefund("refund_unknown")
    return _frozen(row)


def refunds(*, payment_id: UUID) -> tuple[Refund, ...]:
    return tuple(map(_frozen, RefundRow.objects.filter(payment=payment_id).order_by("id")))


def due_refunds(*, at: datetime, limit: int) -> tuple[UUID, ...]:
    due = RefundRow.objects.filter(next_try_at__lte=at).order_by("next_try_at", "id")
    return tuple(due.values_list("id", flat=True)[:limit])


def open_refunds(*, limit: int = 200) -> tuple[Refund, ...]:
    return tuple(map(_frozen, RefundRow.objects.filter(state__in=_OPEN).order_by("asked_at", "id")[:limit]))


def _locked(refund_id: UUID) -> RefundRow:
    """Payment first, then the refund: everything that touches both goes in this order."""
    payment_id = RefundRow.objects.filter(id=refund_id).values_list("payment", flat=True).first()
    if payment_id is None:
        raise UnableToRefund("refund_unknown")
    payment = operations.locked(payment_id)
    row = RefundRow.objects.select_for_update().get(id=refund_id)
    row.payment = payment
    return row


def _frozen(row: RefundRow) -> Refund:
    unit = currency(row.currency)
    return Refund(
        id=row.id,
        payment=row.payment_id,
        attempt=row.attempt,
        kind=RefundKind(row.kind),
        state=RefundState(row.state),
        amount=Money(row.amount_minor, unit),
        units=Money.units(row.units_minor),
        debt=Money(row.debt_minor, unit),
        reason=row.reason,
        refusal=row.refusal,
        reference=str(row.id),
        provider_reference=row.provider_reference,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        decided_at=row.decided_at,
        next_try_at=row.next_try_at,
        tries=row.tries,
        journal_entry=row.journal_entry,
    )
