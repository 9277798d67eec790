"""A payment goes back to the payer, in whole or in part: asked for, instructed, and undone once the provider has confirmed.

Asking sets apart what the money brought and books nothing. The provider is told outside any transaction, under the refund's
own reference, by whoever asked and then by the job until it has said yes or no. Its yes takes everything in one transaction;
its no lets everything go.
"""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.steps import taking_back
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.members.contract import Members, require
from warchest.payments.contract import (
    Payment,
    Payments,
    Refund,
    RefundKind,
    RefundVerdict,
    UnableToRefund,
    UnableToUseProvider,
)
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report


def refund_payment(
    command: Command, *, payment_id: UUID, amount: Money | None = None, reason: str
) -> Done[Refund]:
    """Give ``amount`` (None: all that is left) of a payment back. Answers the refund as far as it has come.

    Raises UnableToAdminister, UnableToFindPayment, UnableToRefund, UnableToTakeBack, UnableToWithhold, UnableToUseProvider.
    """
    asked = ask_refund(command, payment_id=payment_id, amount=amount, reason=reason)
    if asked.replayed:
        return Done(services.get(Payments).refund(refund_id=asked.answer.id), replayed=True)
    return instruct_refund(command, refund_id=asked.answer.id)


@journey("payments.ask_refund")
def ask_refund(tx: Transaction, *, payment_id: UUID, amount: Money | None, reason: str) -> Refund:
    """Write the refund down and set apart what goes with it. The provider hears of it afterwards."""
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment.refund")
    if not reason.strip():
        raise UnableToRefund("reason_missing")
    return ask(tx, payment_id=payment_id, amount=amount, reason=reason)


def ask(tx: Transaction, *, payment_id: UUID, amount: Money | None, reason: str) -> Refund:
    """``ask_refund``, within another journey's transaction; who may is checked there."""
    payments = tx.get(Payments)
    refund = payments.open_refund(
        refund_id=new_id(),
        payment_id=payment_id,
        amount=amount,
        kind=RefundKind.ASKED,
        reason=reason.strip(),
        asked_by=f"{tx.command.actor.kind}:{tx.command.actor.id}"[:80],
        at=tx.command.at,
    )
    payment = payments.payment(payment_id=payment_id)
    taking_back.set_apart(tx, of=refund.id, payment=payment, amount=refund.amount)
    tx.about(
        "payment",
        payment.id,
        refund=str(refund.id),
        player=str(payment.player),
        amount_minor=refund.amount.minor,
        currency=refund.amount.currency.code,
    )
    tx.announce(
        "payments.refund_asked",
        key=str(payment.player),
        payment=payment.id,
        refund=refund.id,
        player=payment.player,
        amount_minor=refund.amount.minor,
        currency=refund.amount.currency.code,
    )
    return payments.refund(refund_id=refund.id)


def instruct_refund(command: Command, *, refund_id: UUID) -> Done[Refund]:
    """Tell the provider, or ask it again, and let its answer take effect.

    Where its plug-in is gone or misconfigured now, the refund stays as it is and comes again. Raises UnableToRefund.
    """
    try:
        heard = services.get(Payments).instruct_refund(refund_id=refund_id, at=command.at)
    except UnableToUseProvider:
        return Done(services.get(Payments).refund(refund_id=refund_id), replayed=False)
    return settle_refund(command.under(f"heard:{heard.message}"), refund_id=refund_id, report=heard.report)


@journey("payments.settle_refund")
def settle_refund(tx: Transaction, *, refund_id: UUID, report: Report) -> Refund:
    """What a provider said of a refund takes effect, once. Raises UnableToRefund."""
    weighed = tx.get(Payments).weigh_refund(refund_id=refund_id, report=report, at=tx.command.at)
    refund = weighed.refund
    tx.about("payment", refund.payment, refund=str(refund.id), standing=report.standing, state=refund.state)
    match weighed.verdict:
        case RefundVerdict.CONFIRM:
            return confirm(tx, refund=refund, report=report)
        case RefundVerdict.RELEASE:
            return _release(tx, refund=refund, report=report)
        case _:
            return refund


def confirm(tx: Transaction, *, refund: Refund, report: Report) -> Refund:
    """The money went back: units, time, commissions and books go with it, in this transaction."""
    payments = tx.get(Payments)
    payment = payments.payment(payment_id=refund.payment)
    key = f"refund:{refund.id}"
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind="refund",
        occurred_at=tx.command.at,
        legs=_legs(tx, refund=refund, payment=payment, key=key),
        reference=str(payment.id),
        details={"refund": str(refund.id), "provider": payment.provider},
    )
    confirmed = payments.confirm_refund(
        refund_id=refund.id, journal_entry=entry.id, report=report, at=tx.command.at
    )
    tx.get(Ledger).post(entry=entry)
    tx.announce(
        "payments.refunded",
        key=str(payment.player),
        payment=payment.id,
        refund=refund.id,
        player=payment.player,
        provider=payment.provider,
        kind=refund.kind,
        amount_minor=refund.amount.minor,
        currency=refund.amount.currency.code,
        units_minor=refund.units.minor,
        debt_minor=refund.debt.minor,
        journal_entry=entry.id,
    )
    return confirmed


def _legs(tx: Transaction, *, refund: Refund, payment: Payment, key: str) -> tuple[Leg, ...]:
    if refund.kind is RefundKind.SURPLUS:
        attempts = {one.number: one for one in tx.get(Payments).attempts(payment_id=payment.id)}
        return tx.get(Accounting).surplus_returned_legs(
            player=payment.player, provider=attempts[refund.attempt].provider, amount=refund.amount
        )
    return taking_back.take(
        tx,
        of=refund.id,
        payment=payment,
        provider=payment.provider,
        amount=refund.amount,
        key=key,
        from_dispute=False,
    )


def _release(tx: Transaction, *, refund: Refund, report: Report) -> Refund:
    payments = tx.get(Payments)
    payment = payments.payment(payment_id=refund.payment)
    refused = payments.refuse_refund(refund_id=refund.id, report=report, at=tx.command.at)
    if refund.kind is not RefundKind.SURPLUS:
        taking_back.let_go(tx, of=refund.id, payment=payment)
    tx.announce(
        "payments.refund_refused",
        key=str(payment.player),
        payment=payment.id,
        refund=refund.id,
        player=payment.player,
        reason=refused.refusal,
    )
    return refused
