"""A payer fetches the money back through the bank: everything that it brought is set apart, then lost with it, or let go."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.journeys.steps import taking_back
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger, Leg
from warchest.members.contract import Members, require
from warchest.payments.contract import Dispute, Payment, Payments, UnableToAnswerDispute
from warchest.runtime.command import ActorKind, Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import DisputeReport, Evidence


@journey("payments.hear_dispute")
def hear_dispute(tx: Transaction, *, payment_id: UUID, provider: str, report: DisputeReport) -> Dispute:
    """What a provider said of a dispute takes effect; its order and how often it is told do not matter.

    Opened: the money is with the payer's bank, and units and time are set apart. Lost: they are gone, what was used is the
    player's debt. Won: the money comes back, and they are the player's again. The provider's fee stays with us either way.
    Raises UnableToFindPayment, UnableToTakeBack, UnableToWithhold.
    """
    payments = tx.get(Payments)
    step = payments.hear_dispute(
        payment_id=payment_id, provider=provider, dispute_id=new_id(), report=report, at=tx.command.at
    )
    dispute = step.dispute
    payment = payments.payment(payment_id=payment_id)
    tx.about("payment", payment_id, dispute=dispute.provider_dispute, state=dispute.state)
    opened_entry = decided_entry = None
    if step.opened:
        taking_back.set_apart(tx, of=dispute.id, payment=payment, amount=dispute.amount)
        opened_entry = _post(
            tx,
            payment,
            dispute,
            step="opened",
            legs=tx.get(Accounting).dispute_opened_legs(provider=provider, amount=dispute.amount),
        )
    if step.fee:
        _post(
            tx,
            payment,
            dispute,
            step=f"fee:{dispute.fee.minor}",
            legs=tx.get(Accounting).provider_fee_legs(provider=provider, fee=step.fee),
        )
    if step.lost:
        key = _key(dispute, "lost")
        legs = taking_back.take(
            tx,
            of=dispute.id,
            payment=payment,
            provider=provider,
            amount=dispute.amount,
            key=key,
            from_dispute=True,
        )
        decided_entry = _post(tx, payment, dispute, step="lost", legs=legs)
    if step.won:
        taking_back.let_go(tx, of=dispute.id, payment=payment)
        decided_entry = _post(
            tx,
            payment,
            dispute,
            step="won",
            legs=tx.get(Accounting).dispute_won_legs(provider=provider, amount=dispute.amount),
        )
    dispute = payments.book_dispute(
        dispute_id=dispute.id, opened_entry=opened_entry, decided_entry=decided_entry
    )
    if step.opened or step.won or step.lost:
        tx.announce(
            "payments.disputed",
            key=str(payment.player),
            payment=payment.id,
            player=payment.player,
            dispute=dispute.id,
            state=dispute.state,
            amount_minor=dispute.amount.minor,
            currency=dispute.amount.currency.code,
        )
    return dispute


def answer_dispute(command: Command, *, dispute_id: UUID, text: str) -> Done[Dispute]:
    """Hand our side of it to the provider. Raises UnableToAdminister, UnableToAnswerDispute, UnableToUseProvider."""
    noted = _note_answer(command, dispute_id=dispute_id, text=text)
    if noted.replayed:
        return Done(services.get(Payments).dispute(dispute_id=dispute_id), replayed=True)
    evidence = Evidence(text=text.strip(), paid_at=noted.answer.credited_at or noted.answer.opened_at)
    answered = services.get(Payments).answer_dispute(dispute_id=dispute_id, evidence=evidence, at=command.at)
    return Done(answered, replayed=False)


@journey("payments.answer_dispute")
def _note_answer(tx: Transaction, *, dispute_id: UUID, text: str) -> Payment:
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment.dispute")
    if not text.strip():
        raise UnableToAnswerDispute("reason_missing")
    dispute = tx.get(Payments).dispute(dispute_id=dispute_id)
    tx.about("payment", dispute.payment, dispute=dispute.provider_dispute, characters=len(text))
    return tx.get(Payments).payment(payment_id=dispute.payment)


def _post(tx: Transaction, payment: Payment, dispute: Dispute, *, step: str, legs: tuple[Leg, ...]) -> UUID:
    entry = EntryDraft(
        id=new_id(),
        key=_key(dispute, step),
        kind="dispute",
        occurred_at=tx.command.at,
        legs=legs,
        reference=str(payment.id),
        details={"provider": dispute.provider, "dispute": dispute.provider_dispute},
    )
    tx.get(Ledger).post(entry=entry)
    return entry.id


def _key(dispute: Dispute, step: str) -> str:
    return f"dispute:{dispute.id}:{step}"
