"""How a payment stands is asked of its provider, and what it answers takes effect."""

from __future__ import annotations

from uuid import UUID

from warchest.journeys.settle_payment import settle_payment
from warchest.members.contract import Members, require
from warchest.payments.contract import Payment, Payments
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def ask_provider(command: Command, *, payment_id: UUID) -> Done[Payment]:
    """Ask because somebody wants to know; who it was is recorded.

    Raises UnableToFindPayment, UnableToUseProvider, UnableToAdminister.
    """
    _note_question(command, payment_id=payment_id)
    return inquire_and_settle(command, payment_id=payment_id)


def inquire_and_settle(command: Command, *, payment_id: UUID) -> Done[Payment]:
    """Ask without a line about who asks: for the job, whose questions stand among the payment's messages.

    Raises UnableToFindPayment, UnableToUseProvider.
    """
    heard = services.get(Payments).inquire(payment_id=payment_id, at=command.at)
    return settle_payment(
        command.under(f"heard:{heard.message}"),
        payment_id=payment_id,
        report=heard.report,
        attempt=heard.attempt,
    )


@journey("payments.ask")
def _note_question(tx: Transaction, *, payment_id: UUID) -> None:
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment.ask")
    payment = tx.get(Payments).payment(payment_id=payment_id)
    tx.about("payment", payment.id, status=payment.status)
