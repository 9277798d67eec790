"""SUB-01: a player prolongs a subscription from the wallet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue, Offer
from warchest.charging.contract import Charging
from warchest.journeys.steps.tax import taxed_by_currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, Player, PlayerState
from warchest.referrals.contract import Referrals
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import GrantSource, Subscriptions

PERIODS_MAX = 36
"""So many periods can be bought at once."""


class UnableToProlong(UnableTo):
    """Nothing was bought and nothing charged."""

    reasons = frozenset({"periods_out_of_range", "player_frozen", "price_changed"})


@dataclass(frozen=True, slots=True)
class Prolonged:
    """What was bought: ``starts_at`` until ``ends_at`` is the time added now, ``charged`` in units."""

    id: UUID
    online_service: UUID
    plan: UUID
    starts_at: datetime
    ends_at: datetime
    charged: Money
    journal_entry: UUID


@dataclass(frozen=True, slots=True)
class ProlongPreview:
    """What prolonging would charge and add, if it were done now."""

    offer: Offer
    starts_at: datetime
    ends_at: datetime
    charge: Money


@journey("subscriptions.prolong")
def prolong_subscription(
    tx: Transaction, *, player: UUID, plan: UUID, periods: int, charge_shown: Money | None = None
) -> Prolonged:
    """Buy ``periods`` terms of a plan: price, tax, commissions and deferral of revenue in one entry.

    ``charge_shown`` is the price in units that the player agreed to; where another is in force by now, nothing is bought.

    Raises UnableToFindPlayer, UnableToProlong, UnableToOffer, UnableToGrant and UnableToSpend (``insufficient_funds``).
    """
    at = tx.command.at
    tx.about("player", player, plan=str(plan), periods=periods)
    buyer, offer = _checked(
        tx.get(Members), tx.get(Catalogue), player=player, plan=plan, periods=periods, at=at
    )
    service = offer.online_service.id
    charge = offer.price_units * periods
    if charge_shown is not None and charge_shown != charge:
        raise UnableToProlong("price_changed", charge=charge.major)
    grant_id, entry_id = new_id(), new_id()

    subscription = tx.get(Subscriptions).lock(player=player, online_service=service, plan=plan, at=at)
    slices = tx.get(Charging).consume(
        player=player, units=charge, reference=f"subscription:{grant_id}", at=at
    )
    taxed = taxed_by_currency(tx.get(Accounting), slices, country=buyer.country, at=at)
    net = [part.net for part in taxed if part.net]
    granted = (
        tx.get(Subscriptions)
        .grant(
            grant_id=grant_id,
            player=player,
            online_service=service,
            plan=plan,
            source=GrantSource.PAID,
            term=offer.plan.term * periods,
            zone=buyer.time_zone,
            net=net,
            entry_id=entry_id,
            reference=str(grant_id),
            at=at,
        )
        .grant
    )
    owed = tx.get(Referrals).earn(sale=subscription.id, buyer=player, entry_id=entry_id, base=net, at=at)
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"subscription:{grant_id}",
            kind="subscription",
            occurred_at=at,
            legs=(
                *tx.get(Accounting).spend_legs(player=player, units=charge, taxed=taxed),
                *tx.get(Accounting).commission_legs(owed=owed),
            ),
            reference=str(subscription.id),
            details={
                "plan": offer.plan.code,
                "online_service": offer.online_service.code,
                "periods": periods,
            },
        )
    )
    tx.about("subscription", subscription.id, charged_minor=charge.minor, entry=str(entry_id))
    tx.announce(
        "subscriptions.prolonged",
        key=str(player),
        player=player,
        subscription=subscription.id,
        grant=grant_id,
        online_service=service,
        plan=plan,
        starts_at=granted.starts_at,
        ends_at=granted.ends_at,
        charged_minor=charge.minor,
        country=buyer.country,
        source=GrantSource.PAID,
        commission=[line.amount for line in owed],
        journal_entry=entry_id,
    )
    return Prolonged(
        id=subscription.id,
        online_service=service,
        plan=plan,
        starts_at=granted.starts_at,
        ends_at=granted.ends_at,
        charged=charge,
        journal_entry=entry_id,
    )


def prolong_preview(*, player: UUID, plan: UUID, periods: int, at: datetime) -> ProlongPreview:
    """What a page shows before the player says yes. Refuses as the journey does, but does not look at the wallet."""
    members, catalogue = services.get(Members), services.get(Catalogue)
    buyer, offer = _checked(members, catalogue, player=player, plan=plan, periods=periods, at=at)
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


def _checked(
    members: Members, catalogue: Catalogue, *, player: UUID, plan: UUID, periods: int, at: datetime
) -> tuple[Player, Offer]:
    if not 1 <= periods <= PERIODS_MAX:
        raise UnableToProlong("periods_out_of_range", periods_max=PERIODS_MAX)
    buyer = members.player(player_id=player)
    if buyer.state is not PlayerState.ACTIVE:
        raise UnableToProlong("player_frozen")
    return buyer, catalogue.offer(plan_id=plan, country=buyer.country, at=at)
