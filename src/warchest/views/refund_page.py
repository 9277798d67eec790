"""What giving a payment back would take, as things are now: for who decides about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.charging.contract import Charging, Debt
from warchest.kernel.money import Money
from warchest.payments.contract import Dispute, Payment, Payments, Refund
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

_BOUGHT_TIME = "subscription:"


@dataclass(frozen=True, slots=True)
class WouldTake:
    """Of ``amount`` so much is for ``units`` that are left, for time that is not served, and for what was used, which the
    player would owe. Only the refund itself decides: somebody may spend meanwhile."""

    amount: Money
    in_wallet: Money
    unserved: Money
    used: Money


@dataclass(frozen=True, slots=True)
class MoneyBack:
    """All that went back of a payment or is going, and what its player owes."""

    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]
    debts: tuple[Debt, ...]


def money_back(*, payment: Payment) -> MoneyBack:
    payments = services.get(Payments)
    return MoneyBack(
        refunds=payments.refunds(payment_id=payment.id),
        disputes=payments.disputes(payment_id=payment.id),
        debts=services.get(Charging).debts(player=payment.player),
    )


def would_take(*, payment: Payment, amount: Money, at: datetime) -> WouldTake:
    """``amount`` is at most what of the payment can still go back."""
    zero = Money.zero(amount.currency)
    in_wallet = unserved = zero
    if payment.lot is not None:
        trace = services.get(Charging).trace_lot(lot=payment.lot)
        in_wallet = min(amount, trace.free_consideration)
        ahead: dict[UUID, tuple[int, int]] = {}
        grants = [_grant(part.reference) for part in trace.spent if part.reference.startswith(_BOUGHT_TIME)]
        for piece in services.get(Subscriptions).unserved(grant_ids=list(dict.fromkeys(grants)), at=at):
            seconds, _ = ahead.get(piece.sold, (0, 0))
            ahead[piece.sold] = (seconds + piece.seconds, piece.of_seconds)
        for part in trace.spent:
            if part.reference.startswith(_BOUGHT_TIME) and (found := ahead.get(_grant(part.reference))):
                seconds, of_seconds = found
                unserved += Money(part.consideration.minor * seconds // of_seconds, amount.currency)
        unserved = min(amount - in_wallet, unserved)
    return WouldTake(amount, in_wallet, unserved, amount - in_wallet - unserved)


def _grant(reference: str) -> UUID:
    return UUID(reference.removeprefix(_BOUGHT_TIME))
