"""A refund that nobody asked for here: somebody made it at the provider's own desk. It is booked as it was told."""

from __future__ import annotations

from uuid import UUID

from warchest.journeys.refund_payment import confirm
from warchest.journeys.steps import taking_back
from warchest.kernel.ids import new_id
from warchest.payments.contract import Payment, Payments, RefundKind, RefundVerdict, UnableToRefund
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing


@journey("payments.take_refund_from_outside")
def take_refund_from_outside(tx: Transaction, *, payment_id: UUID, report: Report) -> Payment:
    """What the provider has given back already is undone here; until it says so, nothing is done.

    Told twice it is one refund, known by the provider's number for it. Of a refund that goes beyond the payment a person is
    told, since that is no money of ours. Raises UnableToFindPayment, UnableToTakeBack, UnableToWithhold.
    """
    payments = tx.get(Payments)
    tx.about("payment", payment_id, standing=report.standing, provider_reference=report.provider_reference)
    known = {one.provider_reference for one in payments.refunds(payment_id=payment_id)}
    if (
        report.standing is not Standing.SUCCEEDED
        or report.amount is None
        or report.provider_reference in known
    ):
        return payments.payment(payment_id=payment_id)
    try:
        refund = payments.open_refund(
            refund_id=new_id(),
            payment_id=payment_id,
            amount=report.amount,
            kind=RefundKind.OUTSIDE,
            reason=report.reason,
            asked_by="provider",
            provider_reference=report.provider_reference,
            at=tx.command.at,
        )
    except UnableToRefund as refusal:
        payment = payments.payment(payment_id=payment_id)
        tx.announce(
            "payments.review_needed", key=str(payment.player), payment=payment.id, reason=refusal.reason
        )
        return payment
    payment = payments.payment(payment_id=payment_id)
    if report.provider_reference in {
        one.provider_reference for one in payments.refunds(payment_id=payment_id) if one.id != refund.id
    }:
        # Somebody took the same one between the look and the lock; this transaction is given up.
        raise UnableToRefund("refund_decided")
    taking_back.set_apart(tx, of=refund.id, payment=payment, amount=refund.amount)
    weighed = payments.weigh_refund(refund_id=refund.id, report=report, at=tx.command.at)
    assert weighed.verdict is RefundVerdict.CONFIRM
    confirm(tx, refund=payments.refund(refund_id=refund.id), report=report)
    return payments.payment(payment_id=payment_id)
