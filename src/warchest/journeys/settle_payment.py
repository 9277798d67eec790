"""What a provider said of a payment takes effect: paid as asked, it is credited; once, whatever comes."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, DebtKind, LotTerms, Source
from warchest.journeys.steps import purposes
from warchest.journeys.steps.taking_back import BONUS_REFERENCE
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.payments.contract import Payment, Payments, RefundKind, Status, Verdict
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report


@journey("payments.settle")
def settle_payment(
    tx: Transaction, *, payment_id: UUID, report: Report, attempt: int = 0, notice: UUID | None = None
) -> Payment:
    """What was said of an attempt (0: of the one that counts). Answers the payment as it stands afterwards. ``notice``: who said
    it, of which nothing is left to do then.

    Raises UnableToFindPayment.
    """
    payment = settle(tx, payment_id=payment_id, report=report, attempt=attempt)
    if notice is not None:
        tx.get(Payments).close_notice(notice_id=notice, outcome=payment.status, at=tx.command.at)
    return payment


def settle(tx: Transaction, *, payment_id: UUID, report: Report, attempt: int = 0) -> Payment:
    """``settle_payment``, within another journey's transaction."""
    weighed = tx.get(Payments).weigh(payment_id=payment_id, report=report, at=tx.command.at, attempt=attempt)
    payment = weighed.payment
    tx.about("payment", payment.id, standing=report.standing, status=payment.status, reason=payment.reason)
    if weighed.verdict is Verdict.CREDIT:
        return credit(tx, payment=payment, report=report, attempt=attempt or payment.attempt)
    if weighed.verdict is Verdict.SURPLUS:
        return give_back(tx, payment=payment, report=report, attempt=attempt or payment.attempt)
    if weighed.verdict is Verdict.NOTED and payment.status is Status.REVIEW:
        tx.announce(
            "payments.review_needed", key=str(payment.player), payment=payment.id, reason=payment.reason
        )
    return payment


def credit(tx: Transaction, *, payment: Payment, report: Report, attempt: int) -> Payment:
    # What it is for is locked before the wallet, as everywhere, and seen to once the money is there.
    intended = purposes.prepare(tx, payment=payment)
    key = f"top-up:{payment.id}"
    provider = _provider(tx, payment, attempt)
    set_off = _set_off(tx, payment=payment, key=key)
    paid = payment.amount - set_off
    # Units for what is left of the money, at the rate that was fixed before paying.
    units = Money.units(round(Fraction(payment.units.minor * paid.minor, payment.amount.minor)))
    lot = None
    if paid and units:
        lot = tx.get(Charging).fund(
            lot_id=new_id(),
            player=payment.player,
            units=units,
            consideration=paid,
            source=Source.CARD_PAYMENT,
            reference=key,
            terms=LotTerms(refundable=True, transferable=True),
            at=tx.command.at,
        )
    entry = EntryDraft(
        id=new_id(),
        key=key,
        kind="top_up",
        occurred_at=tx.command.at,
        legs=tx.get(Accounting).top_up_legs(
            player=payment.player, provider=provider, paid=payment.amount, units=units, set_off=set_off
        ),
        reference=str(payment.id),
        details={"provider": provider},
    )
    succeeded = tx.get(Payments).credit(
        payment_id=payment.id,
        lot=lot.id if lot else None,
        journal_entry=entry.id,
        report=report,
        at=tx.command.at,
        attempt=attempt,
        set_off=set_off,
    )
    tx.get(Ledger).post(entry=entry)
    _give_bonus(tx, payment=payment)
    tx.about("payment", payment.id, status=succeeded.status, units_minor=units.minor)
    if intended is not None:
        purposes.fulfil(tx, payment=succeeded, purpose=intended)
    tx.announce(
        "payments.succeeded",
        key=str(payment.player),
        payment=payment.id,
        player=payment.player,
        provider=provider,
        country=payment.country,
        amount_minor=payment.amount.minor,
        currency=payment.amount.currency.code,
        units_minor=units.minor,
        journal_entry=entry.id,
    )
    return succeeded


def _give_bonus(tx: Transaction, *, payment: Payment) -> None:
    """The units on top that were promised when the payment was opened: a gift, which goes back with what it came with."""
    promised = tx.get(Payments).promised_bonus(payment_id=payment.id)
    if promised is None:
        return
    units, days = promised
    key = BONUS_REFERENCE.format(payment=payment.id)
    tx.get(Charging).fund(
        lot_id=new_id(),
        player=payment.player,
        units=units,
        consideration=Money.zero(payment.amount.currency),
        source=Source.PROMOTION,
        reference=key,
        terms=LotTerms(refundable=False, expires_at=tx.command.at + timedelta(days=days) if days else None),
        at=tx.command.at,
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=new_id(),
            key=key,
            kind="top_up_bonus",
            occurred_at=tx.command.at,
            legs=tx.get(Accounting).promotion_legs(player=payment.player, units=units),
            reference=str(payment.id),
        )
    )


def _provider(tx: Transaction, payment: Payment, attempt: int) -> str:
    if attempt == payment.attempt:
        return payment.provider
    return next(
        one.provider for one in tx.get(Payments).attempts(payment_id=payment.id) if one.number == attempt
    )


def _set_off(tx: Transaction, *, payment: Payment, key: str) -> Money:
    """What of a payment settles what the player owes in its currency; the rest becomes units."""
    charging = tx.get(Charging)
    owed = charging.owed(player=payment.player, currency=payment.amount.currency.code)
    settled = min(owed, payment.amount)
    if settled.minor <= 0:
        return Money.zero(payment.amount.currency)
    left = payment.amount - settled
    if left and not round(Fraction(payment.units.minor * left.minor, payment.amount.minor)):
        # What is left would bring no unit: nothing of it may vanish, so a debt keeps that much.
        settled -= Money(1, left.currency) * (payment.amount.minor // payment.units.minor + 1)
        if settled.minor <= 0:
            return Money.zero(payment.amount.currency)
    charging.note_debt(
        player=payment.player, kind=DebtKind.SET_OFF, amount=settled, reference=key, at=tx.command.at
    )
    return settled


def give_back(
    tx: Transaction, *, payment: Payment, report: Report, attempt: int, reason: str = "paid twice"
) -> Payment:
    """Paid a second time, by an attempt that was given up, or refused by a person: it is booked as owed to the payer, and goes
    back."""
    amount = report.amount or payment.amount
    provider = _provider(tx, payment, attempt)
    refund = tx.get(Payments).open_refund(
        refund_id=new_id(),
        payment_id=payment.id,
        amount=amount,
        kind=RefundKind.SURPLUS,
        reason=reason,
        asked_by="house",
        attempt=attempt,
        at=tx.command.at,
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=new_id(),
            key=f"surplus:{refund.id}",
            kind="surplus",
            occurred_at=tx.command.at,
            legs=tx.get(Accounting).surplus_legs(player=payment.player, provider=provider, amount=amount),
            reference=str(payment.id),
            details={"provider": provider, "attempt": attempt},
        )
    )
    tx.announce(
        "payments.paid_twice" if payment.credited_at else "payments.not_accepted",
        key=str(payment.player),
        payment=payment.id,
        refund=refund.id,
        player=payment.player,
        amount_minor=amount.minor,
        currency=amount.currency.code,
    )
    return payment
