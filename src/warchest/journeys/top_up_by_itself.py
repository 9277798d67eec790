"""PAY-08: a wallet is topped up by its player's order, without the player.

A run and its payment are written down in one transaction, behind the order's lock: of many who notice at the same moment that
the wallet is low one begins, and the others see that it is under way until everybody knows how it ended.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import structlog

from warchest.charging.contract import Charging
from warchest.journeys.order_auto_top_up import month_of
from warchest.journeys.start_top_up import open_at_provider, write_down
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.members.contract import Members
from warchest.payments.contract import (
    ClosedRun,
    Occasion,
    PauseReason,
    Payment,
    Payments,
    UnableToTopUpByItself,
    UnableToUseProvider,
)
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

log = structlog.get_logger(__name__)

_AGAIN_AFTER = timedelta(hours=1)
_PAUSED_BY = {
    "method_forgotten": PauseReason.METHOD_FORGOTTEN,
    "method_expired": PauseReason.METHOD_EXPIRED,
}


def top_up_by_itself(
    command: Command, *, player: UUID, occasion: Occasion, needed: Money | None = None
) -> Payment | None:
    """Begin a top-up where the player has ordered one and it is due now; None where it is not.

    ``needed`` (with PROLONGING) are the units without which nothing is begun: those that are there and those that would come
    have to be as many. Answers the payment as far as it has come. Raises TryAgain.
    """
    # A key for each time: what may begin, the order and its open run say.
    attempt = command.under(f"auto:{new_id()}")
    try:
        opened = _begin(attempt, player=player, occasion=occasion, needed=needed).answer
    except UnableToTopUpByItself as refusal:
        if refusal.reason == "cap_reached":
            # Not looked at each time again: a month lasts longer than an hour.
            _put_off(command.under(f"auto-off:{new_id()}"), player=player, reason=refusal.reason)
        return None
    except UnableTo as refusal:
        log.warning("auto_top_up_not_opened", player=str(player), reason=refusal.reason)
        _put_off(command.under(f"auto-off:{new_id()}"), player=player, reason=refusal.reason)
        return None
    payment_id, run_id = opened
    payments = services.get(Payments)
    try:
        # Blocked by the fraud rules it is over before anybody hears of it; else the provider of the method is the only one.
        found = payments.payment(payment_id=payment_id)
        if found.next_inquiry_at is not None:
            open_at_provider(attempt, payment=found, may_change=False)
    except (UnableToUseProvider, TryAgain) as refusal:
        # Written down it is: the job that looks after open payments asks how it stands.
        log.warning("auto_top_up_not_told", player=str(player), reason=refusal.reason)
    ended = payments.payment(payment_id=payment_id)
    if ended.next_inquiry_at is None:
        close_run(command, run_id=run_id)
    return ended


@journey("payments.begin_auto_top_up")
def _begin(tx: Transaction, *, player: UUID, occasion: Occasion, needed: Money | None) -> tuple[UUID, UUID]:
    """Write a run and its payment down. Raises UnableToTopUpByItself, and what ``start_top_up`` raises."""
    payments, at = tx.get(Payments), tx.command.at
    month = month_of(tx.get(Members).player(player_id=player), at=at)
    order = payments.begin_run(player=player, month=month, at=at)
    available = tx.get(Charging).wallet(player=player, at=at).available
    if occasion is Occasion.BALANCE and available >= order.below:
        raise UnableToTopUpByItself("balance_sufficient")
    payment = write_down(
        tx, player=player, amount=order.amount, saved_method=order.method, player_present=False
    )
    if needed is not None and available + payment.units < needed:
        raise UnableToTopUpByItself("amount_too_small")
    run = payments.keep_run(
        run_id=new_id(), player=player, payment_id=payment.id, month=month, occasion=occasion, at=at
    )
    tx.about("payment", payment.id, auto_run=str(run.id), occasion=occasion)
    return payment.id, run.id


@journey("payments.close_auto_top_up")
def _close(tx: Transaction, *, run_id: UUID) -> ClosedRun | None:
    closed = tx.get(Payments).close_run(run_id=run_id, at=tx.command.at)
    if closed is None:
        return None
    run = closed.run
    tx.about("auto_top_up", run.player, run=str(run.id), paid=closed.paid, declines=closed.declines)
    if not closed.paid:
        tx.announce(
            "payments.auto_top_up_paused" if closed.paused else "payments.auto_top_up_declined",
            key=str(run.player),
            player=run.player,
            payment=run.payment,
            run=run.id,
            reason=run.reason,
            declines=closed.declines,
            paused_at=tx.command.at,
        )
    return closed


def close_run(command: Command, *, run_id: UUID) -> ClosedRun | None:
    """Note how a run ended; None while nobody knows, and where it was noted before."""
    return _close(command.under(f"auto-closed:{new_id()}"), run_id=run_id).answer


@journey("payments.put_off_auto_top_up")
def _put_off(tx: Transaction, *, player: UUID, reason: str) -> None:
    """Nothing could be opened: it begins again later, or, where the method is gone, when the player orders it anew."""
    payments, at = tx.get(Payments), tx.command.at
    tx.about("auto_top_up", player, reason=reason)
    if reason in _PAUSED_BY:
        if payments.pause_auto_top_up(player=player, reason=_PAUSED_BY[reason], at=at):
            tx.announce(
                "payments.auto_top_up_paused",
                key=str(player),
                player=player,
                reason=reason,
                declines=0,
                paused_at=at,
            )
        return
    payments.put_off(player=player, until=at + _AGAIN_AFTER, problem=reason, at=at)
