"""Time that an older system has granted, and what of it is still to be served and earned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime import statements, wire
from warchest.subscriptions.contract import (
    GrantCount,
    MovedGrant,
    Place,
    Subscription,
    SubscriptionState,
    UnableToTakeOver,
)
from warchest.subscriptions.models import Deferral as DeferralRow
from warchest.subscriptions.models import Grant as GrantRow
from warchest.subscriptions.models import Subscription as SubscriptionRow

# As ``subscriptions_grant`` does it; what is over is no change for a game server.
_TELL = """
    INSERT INTO subscriptions_entitlementchange (transaction, player, online_service, starts_at, until, source, occurred_at)
    SELECT greatest(pg_current_xact_id()::text::bigint,
                    (SELECT max(earlier.transaction) FROM subscriptions_entitlementchange AS earlier
                      WHERE earlier.player = g.player AND earlier.online_service = g.online_service)),
           g.player, g.online_service, g.since, g.until, g.source, g.occurred_at
      FROM jsonb_to_recordset(%s) AS g(player uuid, online_service uuid, since timestamptz, until timestamptz,
                                       source text, occurred_at timestamptz)
    RETURNING 1"""
_COUNT = """
    SELECT count(*), (SELECT coalesce(jsonb_object_agg(d.currency, d.minor::text), '{}')
                        FROM (SELECT currency, sum(net_minor) AS minor FROM subscriptions_deferral
                               WHERE grant_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)::uuid))
                               GROUP BY currency) AS d)
      FROM subscriptions_grant WHERE id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)::uuid))"""


def take_grants(*, grants: Sequence[MovedGrant], locked: Mapping[Place, Subscription], at: datetime) -> None:
    now: dict[Place, Subscription] = {}
    rows: list[tuple[MovedGrant, Subscription]] = []
    for grant in grants:
        after = _after(grant, now.get(grant.place) or locked.get(grant.place), at)
        now[grant.place] = after
        rows.append((grant, after))
    SubscriptionRow.objects.bulk_create(_row(one) for place, one in now.items() if place not in locked)
    for place, one in now.items():
        if place in locked:
            SubscriptionRow.objects.filter(id=one.id).update(
                plan=one.plan, starts_at=one.starts_at, ends_at=one.ends_at, anchor_day=one.anchor_day
            )
    GrantRow.objects.bulk_create(
        GrantRow(
            id=grant.id,
            subscription_id=after.id,
            source=grant.source,
            plan=grant.plan,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            entry_id=grant.entry_id,
            reference=grant.reference,
            granted_at=at,
        )
        for grant, after in rows
    )
    DeferralRow.objects.bulk_create(
        DeferralRow(
            grant_id=grant.id,
            currency=grant.net.currency.code,
            net_minor=grant.net.minor,
            # Of what the older system had left to earn, nothing belongs to time that it served.
            starts_at=max(grant.starts_at, at),
            ends_at=grant.ends_at,
        )
        for grant, _ in rows
        if grant.net
    )
    told = [
        {
            "player": grant.place.player,
            "online_service": grant.place.online_service,
            "since": after.starts_at,
            "until": grant.ends_at,
            "source": grant.source,
            "occurred_at": at,
        }
        for grant, after in rows
        if grant.ends_at > at
    ]
    if told:
        statements.rows("subscriptions", _TELL, [statements.document(told)])


def _after(grant: MovedGrant, before: Subscription | None, at: datetime) -> Subscription:
    """The subscription with this term behind what it had."""
    if before is None:
        return Subscription(
            id=new_id(),
            player=grant.place.player,
            online_service=grant.place.online_service,
            plan=grant.plan,
            starts_at=grant.starts_at,
            ends_at=grant.ends_at,
            anchor_day=grant.starts_at.day,
            state=SubscriptionState.ACTIVE,
        )
    if grant.starts_at < before.ends_at:
        raise UnableToTakeOver("terms_overlap")
    if grant.starts_at == before.ends_at:
        return replace(before, plan=grant.plan, ends_at=grant.ends_at)
    # A subscription knows its latest stretch only: a later one would take away what is left of this.
    if before.ends_at > at:
        raise UnableToTakeOver("terms_apart")
    return replace(
        before,
        plan=grant.plan,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        anchor_day=grant.starts_at.day,
    )


def _row(one: Subscription) -> SubscriptionRow:
    return SubscriptionRow(
        id=one.id,
        player=one.player,
        online_service=one.online_service,
        plan=one.plan,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        anchor_day=one.anchor_day,
        state=one.state,
    )


def count_grants(*, grant_ids: Sequence[UUID]) -> GrantCount:
    wanted = statements.document(list(grant_ids))
    ((grants, sums),) = statements.rows("subscriptions", _COUNT, [wanted, wanted])
    net = sorted(wire.decode(sums, dict[str, str]).items())
    return GrantCount(grants=grants, net=tuple(Money(int(minor), currency(code)) for code, minor in net))
