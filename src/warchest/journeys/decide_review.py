"""A payment that waits for a person: approved, it is captured where that is still to be done, and credited; refused, it is let
go or given back, and nothing is ever credited for it.

What somebody decides is written down first; then the provider is told, outside any transaction; then its answer takes effect.
Cut off in between, the same decision is sent again: the vote stands, and the provider is told under the same reference.
"""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.refund_payment import instruct_refund
from warchest.journeys.settle_payment import credit, give_back
from warchest.kernel.money import Money
from warchest.members.contract import Members, require
from warchest.payments.contract import (
    Decision,
    Payment,
    Payments,
    RefundKind,
    Status,
    UnableToDecideReview,
)
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing


def approve_payment(command: Command, *, payment_id: UUID, note: str = "") -> Done[Payment]:
    """Credit what the provider has really taken, in exact proportion; capture it first where it is only reserved.

    Answers the payment as it stands: still under review where a second person has to agree, or where the provider has not
    taken the money (yet). Raises UnableToAdminister, UnableToFindPayment, UnableToDecideReview, UnableToUseProvider.
    """
    voted = _vote(command, payment_id=payment_id, decision=Decision.APPROVE, note=note)
    payments = services.get(Payments)
    if not voted.answer or payments.payment(payment_id=payment_id).status is not Status.REVIEW:
        return Done(payments.payment(payment_id=payment_id), replayed=voted.replayed)
    review = payments.review(payment_id=payment_id, at=command.at)
    if review.authorised:
        heard = payments.capture(payment_id=payment_id, at=command.at)
        if heard.report.standing is not Standing.SUCCEEDED:
            # Not taken: whatever comes of it is heard by notice or inquiry, and the decision stands.
            return Done(payments.payment(payment_id=payment_id))
        return _credit_approved(
            command.under(f"heard:{heard.message}"), payment_id=payment_id, report=heard.report
        )
    return _credit_approved(
        command.under(f"approved:{payment_id}:{review.payment.attempt}"),
        payment_id=payment_id,
        report=Report(
            Standing.SUCCEEDED, provider_reference=review.payment.provider_reference, amount=review.taken
        ),
    )


def refuse_payment(command: Command, *, payment_id: UUID, note: str = "") -> Done[Payment]:
    """Let the payment go: what is reserved is voided, what was taken is given back.

    Raises UnableToAdminister, UnableToFindPayment, UnableToDecideReview, UnableToUseProvider.
    """
    voted = _vote(command, payment_id=payment_id, decision=Decision.REFUSE, note=note)
    payments = services.get(Payments)
    if not voted.answer or payments.payment(payment_id=payment_id).status is not Status.REVIEW:
        return Done(payments.payment(payment_id=payment_id), replayed=voted.replayed)
    review = payments.review(payment_id=payment_id, at=command.at)
    if review.authorised:
        heard = payments.void(payment_id=payment_id, at=command.at)
        if heard.report.standing not in (Standing.CANCELLED, Standing.FAILED):
            return Done(payments.payment(payment_id=payment_id))
        return _close_refused(command.under(f"heard:{heard.message}"), payment_id=payment_id)
    closed = _close_refused(
        command.under(f"refused:{payment_id}:{review.payment.attempt}"), payment_id=payment_id
    )
    for refund in payments.refunds(payment_id=payment_id):
        if refund.kind is RefundKind.SURPLUS and refund.decided_at is None:
            instruct_refund(command.under(f"instruct:{refund.id}"), refund_id=refund.id)
    return Done(payments.payment(payment_id=payment_id), replayed=closed.replayed)


@journey("payments.decide_review")
def _vote(tx: Transaction, *, payment_id: UUID, decision: Decision, note: str) -> bool:
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment.review")
    review, is_enough = tx.get(Payments).vote(
        payment_id=payment_id, decision=decision, note=note, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about(
        "payment",
        payment_id,
        decision=decision,
        reason=review.payment.reason,
        votes=len(review.votes),
        votes_needed=review.votes_needed,
    )
    return is_enough


@journey("payments.credit_approved")
def _credit_approved(tx: Transaction, *, payment_id: UUID, report: Report) -> Payment:
    payments, taken = tx.get(Payments), report.amount
    if taken is None:
        raise UnableToDecideReview("nothing_was_taken")
    payment = payments.lock_review(payment_id=payment_id)
    if payment.status is not Status.REVIEW:
        # Somebody was faster.
        return payment
    units, rate = _brought(tx, payment, taken)
    payment = payments.accept_taken(
        payment_id=payment_id, taken=taken, units=units, units_per_major=rate, at=tx.command.at
    )
    return credit(tx, payment=payment, report=report, attempt=payment.attempt)


def _brought(tx: Transaction, payment: Payment, taken: Money) -> tuple[Money, str]:
    """The units for what was taken: in exact proportion to what was promised, rounded down; of money of another currency, at
    the rate of the moment in which the payment was opened."""
    if taken.currency == payment.amount.currency:
        units = payment.units.minor * taken.minor // payment.amount.minor
        return Money.units(units), payment.units_per_major
    quote = tx.get(Accounting).quote(paid=taken, at=payment.opened_at)
    return quote.units, f"{quote.rate.units_per_major:f}"


@journey("payments.close_refused")
def _close_refused(tx: Transaction, *, payment_id: UUID) -> Payment:
    payment, taken = tx.get(Payments).close_review(payment_id=payment_id, at=tx.command.at)
    tx.about("payment", payment_id, status=payment.status)
    if taken:
        # Booked as owed to the payer, and on its way back.
        give_back(
            tx,
            payment=payment,
            report=Report(Standing.SUCCEEDED, provider_reference=payment.provider_reference, amount=taken),
            attempt=payment.attempt,
            reason="refused",
        )
    return payment
