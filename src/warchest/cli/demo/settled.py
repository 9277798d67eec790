"""What the demo's provider has settled: one settlement that agrees and is late at the bank, and one with a line to look into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

from warchest.cli.demo.sandbox import PROVIDER
from warchest.journeys.reconcile_settlement import take_settlement
from warchest.kernel.money import Money
from warchest.payments.contract import Payment, PaymentFilter, Payments, Status
from warchest.runtime.command import Command
from warchest.runtime.services import services
from warchest.sdk.payments import LineKind, SettlementLine, SettlementReport

CURRENCY = "EUR"
_PAYMENTS_EACH = 30
_FEE = Fraction("0.014")
_RESERVE = Fraction("0.05")
_SHORT = "1.00"
"""By so much the last settlement says less of one payment than our books."""


def settle_past(by: Callable[[str, datetime], Command], *, at: datetime) -> None:
    """Two settlements of the latest payments, as the accountant takes them in now; none where too few were paid."""
    paid = [
        payment
        for payment in services.get(Payments).recent_payments(
            only=PaymentFilter(
                statuses=(Status.SUCCEEDED,), provider=PROVIDER, opened_before=at - timedelta(days=3)
            ),
            limit=400,
        )
        if payment.amount.currency.code == CURRENCY
    ]
    for number, (days, short) in enumerate(((2, _SHORT), (12, "0.00"))):
        payments = paid[number * _PAYMENTS_EACH : (number + 1) * _PAYMENTS_EACH]
        if payments:
            report = _report(
                payments, settled_at=at - timedelta(days=days), short=Money.parse(short, CURRENCY)
            )
            take_settlement(by(f"demo:settlement:{number}", at), provider=PROVIDER, report=report)


def _report(payments: Sequence[Payment], *, settled_at: datetime, short: Money) -> SettlementReport:
    number = f"{settled_at:%Y-%m-%d}-{CURRENCY}"
    lines = [
        SettlementLine(
            id=f"{number}-{place}",
            kind=LineKind.PAYMENT,
            # The first is told as less than it was.
            gross=payment.amount - short if place == 1 else payment.amount,
            fee=Money(round(payment.amount.minor * _FEE), payment.amount.currency),
            occurred_at=payment.credited_at or payment.opened_at,
            reference=str(payment.id),
        )
        for place, payment in enumerate(payments, 1)
    ]
    gross = sum((line.gross for line in lines), Money.zero(short.currency))
    fees = sum((line.fee for line in lines), Money.zero(short.currency))
    reserve = Money(round(gross.minor * _RESERVE), short.currency)
    lines.append(
        SettlementLine(
            id=f"{number}-reserve",
            kind=LineKind.RESERVE,
            gross=-reserve,
            fee=Money.zero(short.currency),
            occurred_at=settled_at,
        )
    )
    return SettlementReport(
        id=number,
        currency=CURRENCY,
        lines=tuple(lines),
        settled_on=settled_at.date(),
        paid_out=gross - fees - reserve,
        payout_reference=f"PO-{number}",
    )
