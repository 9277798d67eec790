"""A player's subscriptions as a page shows them: what each is called, what is left, and what prolonging would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from warchest.catalogue.contract import Catalogue, ListedPlan, ListedService, in_language
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.members.contract import Player
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscription, Subscriptions

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SubscribedTime:
    """``price`` (units) and ``new_ends_at`` are None where the plan cannot be bought again. Days are begun days."""

    id: UUID
    online_service: UUID
    service_name: str
    plan: UUID
    plan_name: str
    starts_at: datetime
    ends_at: datetime
    is_running: bool
    days_left: int
    days_total: int
    price: Money | None
    new_ends_at: datetime | None


def subscribed_times(
    *, player: Player, listed: Sequence[ListedService], language: str, at: datetime
) -> tuple[SubscribedTime, ...]:
    """All of a player's subscriptions, the running ones first, the next to end first of all.

    ``listed`` is the catalogue as this player reads it: what is not in it is asked for by name alone.
    """
    held = services.get(Subscriptions).subscriptions(player=player.id)
    offers = {plan.id: (service, plan) for service in listed for plan in service.plans}
    names = _names_of([row for row in held if row.plan not in offers], language=language, at=at)
    times = [
        _offered(player, row, *offers[row.plan], at=at)
        if row.plan in offers
        else _time(row, *names[row.plan], at=at)
        for row in held
    ]
    running = sorted((time for time in times if time.is_running), key=lambda time: time.ends_at)
    return (*running, *(time for time in times if not time.is_running))


def _offered(
    player: Player, row: Subscription, service: ListedService, plan: ListedPlan, *, at: datetime
) -> SubscribedTime:
    try:
        added = services.get(Subscriptions).preview(
            player=player.id, online_service=row.online_service, term=plan.term, zone=player.time_zone, at=at
        )
    except UnableTo:
        return _time(row, service.name, plan.name, at=at)
    return _time(row, service.name, plan.name, at=at, price=plan.price_units, new_ends_at=added.ends_at)


def _time(
    row: Subscription,
    service_name: str,
    plan_name: str,
    *,
    at: datetime,
    price: Money | None = None,
    new_ends_at: datetime | None = None,
) -> SubscribedTime:
    return SubscribedTime(
        id=row.id,
        online_service=row.online_service,
        service_name=service_name,
        plan=row.plan,
        plan_name=plan_name,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_running=row.is_running(at),
        days_left=max(0, -((at - row.ends_at) // _DAY)),
        days_total=max(1, -((row.starts_at - row.ends_at) // _DAY)),
        price=price,
        new_ends_at=new_ends_at,
    )


def _names_of(rows: Sequence[Subscription], *, language: str, at: datetime) -> dict[UUID, tuple[str, str]]:
    """Names of plans that are not sold any more, or not to this player."""
    if not rows:
        return {}
    catalogue = services.get(Catalogue)
    plans = catalogue.plans(plan_ids=[row.plan for row in rows], at=at)
    sold = {service.id: service for service in catalogue.online_services()}
    return {
        plan.id: (in_language(sold[plan.online_service].names, language), in_language(plan.names, language))
        for plan in plans.values()
    }
