"""What payments are for: each kind says whether it can be had, locks what it will write to, and is seen to with the credit.

A kind is a ``Sees`` in ``_KINDS``. It refuses with an ``UnableTo`` before it has written anything: then the money stays in the
wallet, in the same transaction, and the player is told. A passing refusal makes all of it be tried again.
"""

from __future__ import annotations

from typing import Protocol

from warchest.journeys.steps import buying, buying_card
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.payments.contract import Payment, Payments, Purpose, PurposeState, Wanted
from warchest.runtime.transactions import Transaction


class UnableToIntend(UnableTo):
    """The payment was not opened."""

    reasons = frozenset({"purpose_unknown"})


class Sees(Protocol):
    """Who sees to a kind of purpose. ``asked`` is the kind's own JSON (``Wanted.asked``)."""

    def check(self, tx: Transaction, *, player: Player, asked: str, units: Money) -> None:
        """Before anybody pays: whether ``units`` could buy it now. Raises what refuses it."""
        ...

    def prepare(self, tx: Transaction, *, payment: Payment, asked: str) -> None:
        """Lock what ``fulfil`` will write to and what is locked before wallets. Never refuses."""
        ...

    def fulfil(self, tx: Transaction, *, payment: Payment, asked: str) -> str:
        """Do it from the wallet, which has the money now; answers what came of it, as JSON. Raises what refuses it."""
        ...


_KINDS: dict[str, Sees] = {
    buying.KIND: buying.BuysSubscription(),
    buying_card.KIND: buying_card.BuysCard(),
}


def check(tx: Transaction, *, player: Player, wanted: Wanted, units: Money) -> None:
    if wanted.kind not in _KINDS:
        raise UnableToIntend("purpose_unknown", kind=wanted.kind[:20])
    _KINDS[wanted.kind].check(tx, player=player, asked=wanted.asked, units=units)


def prepare(tx: Transaction, *, payment: Payment) -> Purpose | None:
    """What the payment is for, where that waits for the money."""
    purpose = tx.get(Payments).purpose(payment_id=payment.id)
    if purpose is None or purpose.state is not PurposeState.WAITING:
        return None
    if seer := _KINDS.get(purpose.wanted.kind):
        seer.prepare(tx, payment=payment, asked=purpose.wanted.asked)
    return purpose


def fulfil(tx: Transaction, *, payment: Payment, purpose: Purpose) -> Purpose:
    """See to it, or leave the money in the wallet and say so."""
    payments, wanted = tx.get(Payments), purpose.wanted
    try:
        if wanted.kind not in _KINDS:
            # Of a kind that is gone: a plug-in, or a version of ours.
            raise UnableToIntend("purpose_unknown", kind=wanted.kind)
        result = _KINDS[wanted.kind].fulfil(tx, payment=payment, asked=wanted.asked)
    except UnableTo as refusal:
        if refusal.reason in refusal.passing:
            raise
        ended = payments.end_purpose(
            payment_id=payment.id, at=tx.command.at, reason=refusal.reason, details=refusal.details
        )
        tx.announce(
            "payments.purchase_refused",
            key=str(payment.player),
            payment=payment.id,
            player=payment.player,
            kind=wanted.kind,
            reason=refusal.reason,
        )
    else:
        ended = payments.end_purpose(payment_id=payment.id, at=tx.command.at, result=result)
    tx.about("payment", payment.id, purpose=wanted.kind, bought=ended.state, purpose_reason=ended.reason)
    return ended
