"""PAY-08: a player orders top-ups in advance, changes the order, or ends it."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from warchest.accounting.contract import Accounting
from warchest.kernel.money import Money
from warchest.members.contract import Members, Player, PlayerState
from warchest.payments.contract import AutoTopUp, Payments, UnableToTopUp, UnableToUseProvider
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


def month_of(player: Player, *, at: datetime) -> date:
    """The first day of the month in which a player is at this moment: what is taken counts in its cap."""
    return at.astimezone(ZoneInfo(player.time_zone)).date().replace(day=1)


@journey("payments.order_auto_top_up")
def order_auto_top_up(
    tx: Transaction, *, player: UUID, below: Money, amount: Money, cap: Money, method_id: UUID, wording: str
) -> AutoTopUp:
    """Below so many units add ``amount``, at most ``cap`` a month, by a saved method; the player agreed to it by ``wording``.

    Raises UnableToFindPlayer, UnableToTopUp, UnableToQuote, UnableToUseProvider, UnableToUseMethod, UnableToOrderAutoTopUp.
    """
    found = tx.get(Members).player(player_id=player)
    if found.state is not PlayerState.ACTIVE:
        raise UnableToTopUp("player_not_active", state=found.state.value)
    payments, at = tx.get(Payments), tx.command.at
    tx.get(Accounting).quote(paid=amount, at=at)
    ordered = payments.order_auto_top_up(
        player=player,
        below=below,
        amount=amount,
        cap=cap,
        method_id=method_id,
        wording=wording,
        month=month_of(found, at=at),
        at=at,
    )
    provider = payments.saved_method(method_id=method_id).provider
    limits = payments.limits(provider=provider, currency=amount.currency.code, at=at)
    if not limits.least <= amount <= limits.most:
        raise UnableToUseProvider(
            "amount_out_of_range",
            currency=amount.currency.code,
            least=limits.least.major,
            most=limits.most.major,
        )
    tx.about(
        "auto_top_up",
        player,
        below_minor=below.minor,
        amount_minor=amount.minor,
        cap_minor=cap.minor,
        currency=amount.currency.code,
        method=str(method_id),
        wording=wording,
    )
    return ordered


@journey("payments.end_auto_top_up")
def end_auto_top_up(tx: Transaction, *, player: UUID) -> AutoTopUp:
    """Begin no further ones. Raises UnableToOrderAutoTopUp (``auto_top_up_unknown``)."""
    ended = tx.get(Payments).end_auto_top_up(player=player, at=tx.command.at)
    tx.about("auto_top_up", player, enabled=False)
    return ended
