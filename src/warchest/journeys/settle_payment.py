"""What a provider said of a payment takes effect: paid as asked, it is credited; once, whatever comes."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, LotTerms, Source
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.payments.contract import Payment, Payments, Status, Verdict
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report


@journey("payments.settle")
def settle_payment(tx: Transaction, *, payment_id: UUID, report: Report) -> Payment:
    """The payment as it stands afterwards. Raises UnableToFindPayment."""
    return settle(tx, payment_id=payment_id, report=report)


def settle(tx: Transaction, *, payment_id: UUID, report: Report) -> Payment:
    """``settle_payment``, within another journey's transaction."""
    weighed = tx.get(Payments).weigh(payment_id=payment_id, report=report, at=tx.command.at)
    payment = weighed.payment
    tx.about("payment", payment.id, standing=report.standing, status=payment.status, reason=payment.reason)
    if weighed.verdict is Verdict.CREDIT:
        return _credit(tx, payment=payment, report=report)
    if weighed.verdict is Verdict.NOTED and payment.status is Status.REVIEW:
        tx.announce(
            "payments.review_needed", key=str(payment.player), payment=payment.id, reason=payment.reason
        )
    return payment


def _credit(tx: Transaction, *, payment: Payment, report: Report) -> Payment:
    key = f"top-up:{payment.id}"
    lot = tx.get(Charging).fund(
        lot_id=new_id(),
        player=payment.player,
        units=payment.units,
        consideration=payment.amount,
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
            player=payment.player, provider=payment.provider, paid=payment.amount, units=payment.units
        ),
        reference=str(payment.id),
        details={"provider": payment.provider},
    )
    succeeded = tx.get(Payments).credit(
        payment_id=payment.id, lot=lot.id, journal_entry=entry.id, report=report, at=tx.command.at
    )
    tx.get(Ledger).post(entry=entry)
    tx.about("payment", payment.id, status=succeeded.status, units_minor=payment.units.minor)
    tx.announce(
        "payments.succeeded",
        key=str(payment.player),
        payment=payment.id,
        player=payment.player,
        provider=payment.provider,
        country=payment.country,
        amount_minor=payment.amount.minor,
        currency=payment.amount.currency.code,
        units_minor=payment.units.minor,
        journal_entry=entry.id,
    )
    return succeeded
