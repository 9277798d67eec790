"""An entry of the bank finds its payment by the reference in it, and the payment is credited; or it waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.cards.contract import RECEIVABLE_BOOK, Cards
from warchest.journeys.refund_payment import confirm
from warchest.journeys.settle_payment import settle
from warchest.journeys.steps.bank import book_bank_entry, clearing_of
from warchest.journeys.steps.reseller_references import reseller_named_in
from warchest.ledger.contract import AccountRef
from warchest.payments.contract import (
    EntryState,
    Meant,
    Payments,
    PayoutWanted,
    RefundVerdict,
    Resolution,
    Status,
    WaitReason,
)
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing


@dataclass(frozen=True, slots=True)
class Matched:
    """How the entry stands now; ``reason`` is why it waits."""

    entry: UUID
    state: EntryState
    reason: WaitReason | None = None
    payment: UUID | None = None


@journey("bank.match")
def match_entry(tx: Transaction, *, entry_id: UUID) -> Matched:
    """Look at an entry that nobody has looked at; any other stays as it is. Raises UnableToFindBankEntry."""
    payments = tx.get(Payments)
    meant = payments.weigh_entry(entry_id=entry_id, at=tx.command.at)
    tx.about("bank_entry", entry_id, state=meant.entry.state, reason=meant.reason)
    if meant.order is not None:
        _finish_order(tx, meant, meant.order)
    elif meant.payment is not None:
        credit_by_entry(tx, meant)
    elif meant.reason is WaitReason.NO_REFERENCE:
        _credit_reseller(tx, meant)
    entry = payments.bank_entry(entry_id=entry_id)
    return Matched(entry=entry.id, state=entry.state, reason=entry.reason, payment=entry.payment)


def _credit_reseller(tx: Transaction, meant: Meant) -> None:
    """It bears the reference of a reseller that owes us in this currency: Dr bank, Cr what resellers owe."""
    entry = meant.entry
    payer = reseller_named_in(tx.get(Cards), entry.text)
    if payer is None or payer.terms.credit_limit.currency != entry.amount.currency:
        return
    against = AccountRef(RECEIVABLE_BOOK, entry.amount.currency.code, payer.name)
    tx.get(Payments).settle_entry(
        entry_id=entry.id,
        resolution=Resolution.BOOK,
        journal_entry=book_bank_entry(tx, entry, against=against),
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    tx.about("bank_entry", entry.id, reseller=payer.name)


@journey("bank.follow_review")
def follow_review(tx: Transaction, *, entry_id: UUID) -> bool:
    """Book an entry whose payment was under review for its amount, and was decided there; answers whether it was that.

    The review has credited what came, or owes it to the payer: here it only arrives at the bank. Raises
    UnableToFindBankEntry.
    """
    tx.about("bank_entry", entry_id)
    return is_settled_by_review(tx, entry_id=entry_id)


def is_settled_by_review(tx: Transaction, *, entry_id: UUID, note: str = "") -> bool:
    """``follow_review``, within another journey's transaction."""
    payments = tx.get(Payments)
    payment = payments.reviewed_entry(entry_id=entry_id)
    if payment is None:
        return False
    entry = payments.bank_entry(entry_id=entry_id)
    payments.settle_entry(
        entry_id=entry_id,
        resolution=Resolution.PAYMENT,
        journal_entry=book_bank_entry(tx, entry, against=clearing_of(entry)),
        actor=str(tx.command.actor),
        at=tx.command.at,
        payment_id=payment,
        note=note,
    )
    return True


def credit_by_entry(tx: Transaction, meant: Meant, *, note: str = "") -> None:
    """The payment hears that its money came. If that credits it, the entry is booked as its money; if not, it waits.

    Two entries: the payment's own, as with any provider, and Dr bank, Cr provider clearing.
    """
    assert meant.payment is not None and meant.report is not None
    payments, entry, at = tx.get(Payments), meant.entry, tx.command.at
    payments.hear_entry(entry_id=entry.id, payment_id=meant.payment, report=meant.report, at=at)
    payment = settle(tx, payment_id=meant.payment, report=meant.report)
    if meant.reason is not None or payment.status is not Status.SUCCEEDED:
        payments.leave_entry(
            entry_id=entry.id,
            reason=meant.reason
            or (WaitReason.UNDER_REVIEW if payment.status is Status.REVIEW else WaitReason.PAYMENT_SETTLED),
            payment_id=payment.id,
            at=at,
        )
        return
    payments.settle_entry(
        entry_id=entry.id,
        resolution=Resolution.PAYMENT,
        journal_entry=book_bank_entry(tx, entry, against=clearing_of(entry)),
        actor=str(tx.command.actor),
        at=at,
        payment_id=payment.id,
        note=note,
    )
    tx.about("bank_entry", entry.id, payment=str(payment.id), status=payment.status)


def _finish_order(tx: Transaction, meant: Meant, order: PayoutWanted) -> None:
    """What we ordered went out; a refund among it is confirmed by that, and everything that the money had brought goes."""
    payments, entry, at = tx.get(Payments), meant.entry, tx.command.at
    is_refund = order.purpose == "refund"
    if is_refund and not _confirmed(tx, meant, order):
        payments.leave_entry(entry_id=entry.id, reason=WaitReason.OUTGOING, payment_id=None, at=at)
        return
    payments.finish_payout(payout_id=order.id, at=at)
    returned = AccountRef("transfers_to_return", entry.amount.currency.code)
    payments.settle_entry(
        entry_id=entry.id,
        resolution=Resolution.REFUND if is_refund else Resolution.SENT_BACK,
        journal_entry=book_bank_entry(tx, entry, against=clearing_of(entry) if is_refund else returned),
        actor=str(tx.command.actor),
        at=at,
        payout_id=order.id,
    )
    tx.about("bank_entry", entry.id, payout=str(order.id))


def _confirmed(tx: Transaction, meant: Meant, order: PayoutWanted) -> bool:
    entry = meant.entry
    report = Report(
        Standing.SUCCEEDED,
        provider_reference=order.reference,
        amount=entry.amount,
        raw=f"Entry {entry.reference} of {entry.booked_on}: {entry.amount} went back",
    )
    weighed = tx.get(Payments).weigh_refund(refund_id=order.id, report=report, at=tx.command.at)
    if weighed.verdict is not RefundVerdict.CONFIRM:
        # Somebody has decided otherwise since it was ordered: a person has to look.
        return False
    confirm(tx, refund=weighed.refund, report=report)
    return True
