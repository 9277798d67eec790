"""SUB-01: a player prolongs a subscription from the wallet, having seen what it will charge and add."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.catalogue.contract import Catalogue, Offer
from warchest.journeys.prolong_subscriptions import (
    PERIODS_MAX,
    Prolonged,
    UnableToProlong,
    checked,
    prolong_subscriptions,
    purchase,
)
from warchest.kernel.money import Money
from warchest.members.contract import Members
from warchest.runtime.command import Command
from warchest.runtime.journey import Done
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

__all__ = [
    "PERIODS_MAX",
    "ProlongPreview",
    "Prolonged",
    "UnableToProlong",
    "prolong_preview",
    "prolong_subscription",
]


@dataclass(frozen=True, slots=True)
class ProlongPreview:
    """What prolonging would charge and add, if it were done now."""

    offer: Offer
    starts_at: datetime
    ends_at: datetime
    charge: Money


def prolong_subscription(
    command: Command,
    *,
    player: UUID,
    plan: UUID,
    periods: int,
    charge_shown: Money | None = None,
    begin_at_once: bool = False,
    wording: str = "",
) -> Done[Prolonged]:
    """Buy ``periods`` terms of a plan: a set of one of ``prolong_subscriptions``.

    ``charge_shown`` is the price in units that the player agreed to; where another is in force by now, nothing is bought.
    ``begin_at_once`` and ``wording`` are the consent that is kept where the player may withdraw.

    Raises UnableToFindPlayer, UnableToProlong, UnableToOffer, UnableToGrant and UnableToSpend (``insufficient_funds``).
    """
    asked = purchase(
        player=player,
        plan=plan,
        periods=periods,
        charge_shown=charge_shown,
        begin_at_once=begin_at_once,
        wording=wording,
    )
    return prolong_subscriptions.one(command, asked)


def prolong_preview(*, player: UUID, plan: UUID, periods: int, at: datetime) -> ProlongPreview:
    """What a page shows before the player says yes. Refuses as the journey does, but does not look at the wallet."""
    buyer, offer = checked(
        services.get(Members).player(player_id=player),
        services.get(Catalogue),
        plan=plan,
        periods=periods,
        at=at,
    )
    added = services.get(Subscriptions).preview(
        player=player,
        online_service=offer.online_service.id,
        term=offer.plan.term * periods,
        zone=buyer.time_zone,
        at=at,
    )
    return ProlongPreview(
        offer=offer, starts_at=added.starts_at, ends_at=added.ends_at, charge=offer.price_units * periods
    )
