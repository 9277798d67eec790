"""PAY-08: a subscription is prolonged, and what the wallet lacks is topped up first where its player has ordered that."""

from __future__ import annotations

from functools import partial
from hashlib import sha256
from uuid import UUID

from warchest.charging.contract import UnableToSpend
from warchest.journeys.prolong_subscription import Prolonged, prolong_preview, prolong_subscription
from warchest.journeys.top_up_by_itself import top_up_by_itself
from warchest.kernel.money import Money
from warchest.payments.contract import Occasion, Payments
from warchest.runtime.command import Command
from warchest.runtime.journey import Done
from warchest.runtime.services import services


def prolong_topping_up(
    command: Command,
    *,
    player: UUID,
    plan: UUID,
    periods: int,
    charge_shown: Money | None = None,
    begin_at_once: bool = False,
    wording: str = "",
) -> Done[Prolonged]:
    """As ``prolong_subscription``; where units are lacking, the player's order for top-ups may bring them, once.

    Where the money is still on its way then, it is refused as before (``insufficient_funds``). The same key again answers what
    was bought, or buys it if the units have come meanwhile. Raises what ``prolong_subscription`` raises.
    """
    prolong = partial(
        prolong_subscription,
        player=player,
        plan=plan,
        periods=periods,
        charge_shown=charge_shown,
        begin_at_once=begin_at_once,
        wording=wording,
    )
    try:
        return prolong(command)
    except UnableToSpend as refusal:
        if refusal.reason != "insufficient_funds":
            raise
        order = services.get(Payments).auto_top_up(player=player)
        if order is None or not order.is_on():
            raise
        # A refusal stays the answer to its key: what is bought after it has one that follows from it.
        after = command.under(f"topped:{sha256(command.key.encode()).hexdigest()[:40]}")
        if not refusal.replayed:
            needed = prolong_preview(player=player, plan=plan, periods=periods, at=command.at).charge
            paid = top_up_by_itself(command, player=player, occasion=Occasion.PROLONGING, needed=needed)
            if paid is None or paid.credited_at is None:
                raise
        try:
            return prolong(after)
        except UnableToSpend:
            raise refusal from None
