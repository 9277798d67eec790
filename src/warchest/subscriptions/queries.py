"""Reads of subscriptions. All answer frozen rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import F, Sum

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.kernel.period import Period, Term
from warchest.runtime.services import services
from warchest.subscriptions import rules, tokens
from warchest.subscriptions.contract import (
    Deferral,
    Entitlement,
    EntitlementChange,
    Grant,
    GrantSource,
    SignedEntitlement,
    Subscription,
    SubscriptionState,
    UnableToFindSubscription,
    UnableToListChanges,
)
from warchest.subscriptions.models import Deferral as DeferralRow
from warchest.subscriptions.models import Grant as GrantRow
from warchest.subscriptions.models import PassDeferral as PassDeferralRow
from warchest.subscriptions.models import Subscription as SubscriptionRow
from warchest.subscriptions.models import Withholding as WithholdingRow


def subscription(*, subscription_id: UUID) -> Subscription:
    row = SubscriptionRow.objects.filter(id=subscription_id).first()
    if row is None:
        raise UnableToFindSubscription("subscription_unknown")
    return subscription_of(row)


def subscriptions(*, player: UUID) -> tuple[Subscription, ...]:
    rows = SubscriptionRow.objects.filter(player=player).order_by("-ends_at", "id")
    return tuple(subscription_of(row) for row in rows)


def grants(*, subscription_id: UUID) -> tuple[Grant, ...]:
    rows = GrantRow.objects.filter(subscription_id=subscription_id).order_by("-starts_at")
    return tuple(grant_of(row) for row in rows.prefetch_related("deferrals"))


def bought_since(*, player: UUID, since: datetime) -> tuple[Grant, ...]:
    rows = GrantRow.objects.filter(
        subscription__player=player, source=GrantSource.PAID, granted_at__gte=since
    ).exclude(reference__startswith="withheld:")
    return tuple(grant_of(row) for row in rows.order_by("-id").prefetch_related("deferrals"))


def preview(*, player: UUID, online_service: UUID, term: Term, zone: str, at: datetime) -> Period:
    row = SubscriptionRow.objects.filter(player=player, online_service=online_service).first()
    period, _ = rules.next_term(
        at=at,
        ends_at=row.ends_at if row else None,
        anchor_day=row.anchor_day if row else None,
        term=term,
        zone=zone,
    )
    return period


def entitlement(*, player: UUID, online_service: UUID, at: datetime) -> Entitlement:
    until = (
        SubscriptionRow.objects.filter(
            player=player,
            online_service=online_service,
            state=SubscriptionState.ACTIVE,
            starts_at__lte=at,
            ends_at__gt=at,
        )
        .values_list("ends_at", flat=True)
        .first()
    )
    return Entitlement(player=player, online_service=online_service, entitled=until is not None, until=until)


def entitlement_token(*, player: UUID, online_service: UUID, at: datetime) -> SignedEntitlement:
    right = entitlement(player=player, online_service=online_service, at=at)
    if right.until is None:
        return SignedEntitlement(right, token="")
    token = tokens.signed(player=player, online_service=online_service, until=right.until, at=at)
    return SignedEntitlement(right, token=token)


def entitlement_changes(*, after: str = "", limit: int = 100) -> tuple[EntitlementChange, ...]:
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(
            "SELECT transaction, id, player, online_service, starts_at, until, source, occurred_at"
            "  FROM subscriptions_entitlementchange"
            " WHERE (transaction, id) > (%s, %s)"
            "   AND transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            " ORDER BY transaction, id LIMIT %s",
            [*_place(after), limit],
        )
        rows = cursor.fetchall()
    return tuple(
        EntitlementChange(
            cursor=f"{row[0]}-{row[1]}",
            player=row[2],
            online_service=row[3],
            starts_at=row[4],
            until=row[5],
            source=GrantSource(row[6]),
            occurred_at=row[7],
        )
        for row in rows
    )


def _place(cursor: str) -> tuple[int, int]:
    if not cursor:
        return 0, 0
    transaction, _, number = cursor.partition("-")
    if not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in (transaction, number)):
        raise UnableToListChanges("cursor_malformed")
    return int(transaction), int(number)


def deferrals(*, grant_id: UUID) -> tuple[Deferral, ...]:
    return tuple(
        Deferral(
            grant=row.grant_id,
            net=Money(row.net_minor, currency(row.currency)),
            recognised=Money(row.recognised_minor, currency(row.currency)),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
        )
        for row in DeferralRow.objects.filter(grant_id=grant_id).order_by("currency")
    )


def deferred() -> Mapping[str, int]:
    """What is deferred and not earned, with what is withheld of it and what passes defer, per currency in minor units."""
    left = Counter({code: minor for code, minor in _unearned()})
    held = WithholdingRow.objects.filter(state="held").values("currency").annotate(minor=Sum("net_minor"))
    left.update({row["currency"]: int(row["minor"]) for row in held.order_by("currency")})
    ahead = PassDeferralRow.objects.filter(recognised_minor=0).values("currency")
    for row in ahead.annotate(minor=Sum("net_minor")).order_by("currency"):
        left[row["currency"]] += int(row["minor"])
    return left


def _unearned() -> Iterator[tuple[str, int]]:
    sums = (
        DeferralRow.objects.filter(recognised_minor__lt=F("net_minor"))
        .values("currency")
        .annotate(left_minor=Sum(F("net_minor") - F("recognised_minor")))
        .order_by("currency")
    )
    return ((row["currency"], int(row["left_minor"])) for row in sums)


def subscription_of(row: SubscriptionRow) -> Subscription:
    return Subscription(
        id=row.id,
        player=row.player,
        online_service=row.online_service,
        plan=row.plan,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        anchor_day=row.anchor_day,
        state=SubscriptionState(row.state),
    )


def grant_of(row: GrantRow) -> Grant:
    net = sorted(row.deferrals.all(), key=lambda part: part.currency)
    return Grant(
        id=row.id,
        subscription=row.subscription_id,
        source=GrantSource(row.source),
        plan=row.plan,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        net=tuple(Money(part.net_minor, currency(part.currency)) for part in net),
        entry_id=row.entry_id,
        reference=row.reference,
        granted_at=row.granted_at,
    )
