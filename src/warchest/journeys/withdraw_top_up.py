"""PAY-27: a player withdraws from a top-up within the legal period. What was not used goes back to where the money came from."""

from __future__ import annotations

from uuid import UUID

from warchest.charging.contract import Charging, UnableToTakeBack
from warchest.journeys.refund_payment import ask, instruct_refund
from warchest.members.contract import Members
from warchest.payments.contract import (
    Payments,
    Refund,
    UnableToFindPayment,
    UnableToRefund,
    UnableToWithdraw,
)
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

REASON = "withdrawal"
"""The reason of a refund that is one."""


def withdraw_top_up(command: Command, *, player: UUID, payment: UUID) -> Done[Refund]:
    """Have what was paid for the units that are left go back. Answers the refund as far as it has come.

    Raises UnableToWithdraw, UnableToRefund, UnableToTakeBack, UnableToWithhold, UnableToUseProvider.
    """
    declared = declare(command, player=player, payment=payment)
    if declared.replayed:
        return Done(services.get(Payments).refund(refund_id=declared.answer.id), replayed=True)
    return instruct_refund(command, refund_id=declared.answer.id)


@journey("payments.withdraw")
def declare(tx: Transaction, *, player: UUID, payment: UUID) -> Refund:
    """Units that were spent were used, at the player's own wish; and nobody comes to owe anything by withdrawing."""
    tx.about("payment", payment, player=str(player))
    owner = tx.get(Members).player(player_id=player)
    payments, charging = tx.get(Payments), tx.get(Charging)
    try:
        found = payments.payment(payment_id=payment)
    except UnableToFindPayment:
        raise UnableToWithdraw("withdrawal_unknown") from None
    if found.player != owner.id:
        raise UnableToWithdraw("withdrawal_unknown")
    if found.credited_at is None:
        raise UnableToWithdraw("withdrawal_not_paid")
    # From the day on which it was credited: the player could not know earlier what it brought.
    period = payments.withdrawal_period(
        country=found.country or owner.country, since=found.credited_at, zone=owner.time_zone
    )
    period.check(tx.command.at)
    if found.lot is None:
        raise UnableToWithdraw("withdrawal_used_up")
    # A look without locks: where units are spent or go back since, the next one sees what is left.
    amount = min(charging.trace_lot(lot=found.lot).free_consideration, found.refundable)
    if not amount:
        raise UnableToWithdraw("withdrawal_used_up")
    try:
        refund = ask(tx, payment_id=found.id, amount=amount, reason=REASON)
    except UnableToRefund as refusal:
        if refusal.reason != "refund_exceeds_payment":
            raise
        raise UnableToTakeBack("units_gone") from None
    if refund.debt or any(part.grant for part in payments.parts(of=refund.id)):
        raise UnableToTakeBack("units_gone")
    tx.about("payment", payment, refund=str(refund.id), until=period.until)
    tx.announce(
        "payments.withdrawn",
        key=str(player),
        player=player,
        of="top_up",
        payment=payment,
        refund=refund.id,
        amount_minor=refund.amount.minor,
        currency=refund.amount.currency.code,
        units_minor=refund.units.minor,
    )
    return refund
