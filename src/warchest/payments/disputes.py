"""Disputes: the provider says how each stands, the payment's row counts what it took, and evidence is handed in."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments import attempts, exchanges, operations, providers, queries, rules
from warchest.payments.contract import (
    Dispute,
    DisputeState,
    DisputeStep,
    Exchange,
    UnableToAnswerDispute,
)
from warchest.payments.models import Dispute as DisputeRow
from warchest.payments.refunds import stand_after_money_went
from warchest.runtime import wire
from warchest.runtime.transactions import technical_transaction
from warchest.sdk.payments import Ability, DisputeReport, DisputeStanding, Evidence, Standing

_STATES = {
    DisputeStanding.OPENED: DisputeState.OPEN,
    DisputeStanding.UNDER_REVIEW: DisputeState.UNDER_REVIEW,
    DisputeStanding.WON: DisputeState.WON,
    DisputeStanding.LOST: DisputeState.LOST,
}
_OPEN = frozenset({DisputeState.OPEN, DisputeState.UNDER_REVIEW})


def hear_dispute(
    *, payment_id: UUID, provider: str, dispute_id: UUID, report: DisputeReport, at: datetime
) -> DisputeStep:
    payment = operations.locked(payment_id)
    row = DisputeRow.objects.filter(provider=provider, provider_dispute=report.id[:200]).first()
    is_new = row is None
    if row is None:
        left = (
            payment.amount_minor - payment.refunding_minor - payment.refunded_minor - payment.disputed_minor
        )
        of_payment = report.amount.currency.code == payment.currency
        # What is fetched beyond the payment is nobody's units: the settlement shows it, and a person sees to it.
        counted = min(max(left, 0), report.amount.minor) if of_payment and payment.credited_at else 0
        row = DisputeRow(
            id=dispute_id,
            payment=payment,
            provider=provider,
            provider_dispute=report.id[:200],
            state=DisputeState.OPEN.value,
            amount_minor=counted,
            excess_minor=report.amount.minor - counted if of_payment else 0,
            currency=payment.currency,
            fee_currency=report.fee.currency.code if report.fee else payment.currency,
            reason=rules.keepable(report.reason)[:80],
            opened_at=at,
        )
        payment.disputed_minor += counted
    before, told = DisputeState(row.state), _STATES[report.standing]
    counts = row.amount_minor > 0
    opened = is_new and counts
    won = told is DisputeState.WON and before in _OPEN and counts
    lost = told is DisputeState.LOST and before in _OPEN and counts
    if before in _OPEN and told not in _OPEN:
        row.state, row.decided_at = told.value, at
    elif before is DisputeState.OPEN:
        row.state = told.value
    fee_before = row.fee_minor
    if report.fee is not None and report.fee.currency.code == row.fee_currency:
        row.fee_minor = max(row.fee_minor, report.fee.minor)
    row.evidence_until = report.evidence_until or row.evidence_until
    row.save()
    if won:
        payment.disputed_minor -= row.amount_minor
    if payment.credited_at is not None:
        stand_after_money_went(payment, at=at)
    fee = Money(row.fee_minor - fee_before, currency(row.fee_currency))
    return DisputeStep(_frozen(row), opened=opened, won=won, lost=lost, fee=fee)


def book_dispute(*, dispute_id: UUID, opened_entry: UUID | None, decided_entry: UUID | None) -> Dispute:
    row = DisputeRow.objects.select_for_update().get(id=dispute_id)
    row.opened_entry = row.opened_entry or opened_entry
    row.decided_entry = decided_entry or row.decided_entry
    row.save(update_fields=["opened_entry", "decided_entry"])
    return _frozen(row)


def answer_dispute(*, dispute_id: UUID, evidence: Evidence, at: datetime) -> Dispute:
    exchanges.refuse_inside_transaction()
    known = dispute(dispute_id=dispute_id)
    if known.state not in _OPEN:
        raise UnableToAnswerDispute("dispute_decided")
    if known.evidence_until is not None and at > known.evidence_until:
        raise UnableToAnswerDispute("evidence_too_late")
    provider = providers.configured(known.provider)
    if Ability.DISPUTES not in provider.description.abilities:
        raise UnableToAnswerDispute("evidence_not_supported")
    payment = queries.payment(payment_id=known.payment)
    attempt = attempts.row_of(payment_id=payment.id, number=payment.attempt)
    with technical_transaction("payments"):
        operations.keep_request(
            payment=payment, exchange=Exchange.DISPUTE, text=wire.encode(evidence).decode(), at=at
        )
    report = exchanges.heard_from(
        known.provider,
        Exchange.DISPUTE,
        lambda: provider.answer_dispute(
            attempts.request_of(payment, attempt),
            provider_reference=payment.provider_reference,
            dispute=known.provider_dispute,
            evidence=evidence,
        ),
    )
    with technical_transaction("payments"):
        operations.keep_answer(
            payment_id=payment.id, provider=known.provider, exchange=Exchange.DISPUTE, report=report, at=at
        )
        if report.standing is Standing.SUCCEEDED:
            DisputeRow.objects.filter(id=dispute_id, state=DisputeState.OPEN).update(
                state=DisputeState.UNDER_REVIEW
            )
            DisputeRow.objects.filter(id=dispute_id).update(evidence_at=at)
    return dispute(dispute_id=dispute_id)


def dispute(*, dispute_id: UUID) -> Dispute:
    row = DisputeRow.objects.filter(id=dispute_id).first()
    if row is None:
        raise UnableToAnswerDispute("dispute_unknown")
    return _frozen(row)


def disputes(*, payment_id: UUID | None = None, limit: int = 200) -> tuple[Dispute, ...]:
    rows = DisputeRow.objects.order_by("-id")
    if payment_id is not None:
        rows = rows.filter(payment=payment_id)
    return tuple(map(_frozen, rows[:limit]))


def _frozen(row: DisputeRow) -> Dispute:
    unit = currency(row.currency)
    return Dispute(
        id=row.id,
        payment=row.payment_id,
        provider=row.provider,
        provider_dispute=row.provider_dispute,
        state=DisputeState(row.state),
        amount=Money(row.amount_minor, unit),
        excess=Money(row.excess_minor, unit),
        fee=Money(row.fee_minor, currency(row.fee_currency)),
        units=Money.units(row.units_minor),
        debt=Money(row.debt_minor, unit),
        reason=row.reason,
        evidence_until=row.evidence_until,
        evidence_at=row.evidence_at,
        opened_at=row.opened_at,
        decided_at=row.decided_at,
        opened_entry=row.opened_entry,
        decided_entry=row.decided_entry,
    )
