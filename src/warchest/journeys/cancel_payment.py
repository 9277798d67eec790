"""A payment that is not made yet is given up: by the player who began it, or by support."""

from __future__ import annotations

from uuid import UUID

from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.settle_payment import settle, settle_payment
from warchest.members.contract import Members, require
from warchest.payments.contract import Payment, Payments, Status, UnableToCancel
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing

_OPEN = frozenset({Status.CREATED, Status.PENDING, Status.UNKNOWN})


def cancel_payment(command: Command, *, payment_id: UUID) -> Done[Payment]:
    """The payment as it stands: cancelled where nothing can be taken for it any more, credited where that had happened before.

    What the provider was never told is cancelled here. Else the provider takes it back, where it can; where it cannot, it is
    asked how the payment stands, and what it says decides. Unknown is not cancelled.

    Raises UnableToAdminister, UnableToFindPayment, UnableToCancel, UnableToUseProvider.
    """
    payments = services.get(Payments)
    noted = _note_cancelling(command, payment_id=payment_id)
    if noted.answer.status not in _OPEN:
        return Done(payments.payment(payment_id=payment_id), replayed=noted.replayed)
    if payments.can_void(payment_id=payment_id):
        heard = payments.void(payment_id=payment_id, at=command.at)
        if heard.report.standing in (Standing.CANCELLED, Standing.FAILED, Standing.SUCCEEDED):
            return settle_payment(
                command.under(f"heard:{heard.message}"),
                payment_id=payment_id,
                report=heard.report,
                attempt=heard.attempt,
            )
    settled = inquire_and_settle(command.under(f"inquiry:{payment_id}"), payment_id=payment_id)
    if settled.answer.status in _OPEN:
        raise UnableToCancel("payment_not_voidable")
    return settled


@journey("payments.cancel")
def _note_cancelling(tx: Transaction, *, payment_id: UUID) -> Payment:
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment.ask")
    payments = tx.get(Payments)
    payment = payments.payment(payment_id=payment_id)
    if payment.status not in _OPEN:
        raise UnableToCancel("payment_not_open", status=payment.status.value)
    tx.about("payment", payment.id, player=str(payment.player), status=payment.status)
    if payments.give_up_unsent(payment_id=payment_id, attempt=payment.attempt, at=tx.command.at):
        return settle(
            tx,
            payment_id=payment_id,
            report=Report(Standing.CANCELLED, reason="cancelled_before_it_began"),
            attempt=payment.attempt,
        )
    return payment
