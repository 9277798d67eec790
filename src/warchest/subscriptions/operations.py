"""Writes of subscriptions. All run inside a journey's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.kernel.period import Term
from warchest.runtime.services import services
from warchest.subscriptions import queries, rules
from warchest.subscriptions.contract import (
    Earned,
    Granted,
    GrantSource,
    Subscription,
    UnableToRecognise,
)
from warchest.subscriptions.models import Deferral as DeferralRow
from warchest.subscriptions.models import Grant as GrantRow
from warchest.subscriptions.models import Recognition as RecognitionRow
from warchest.subscriptions.models import Subscription as SubscriptionRow

# One run at a time: the second reads what the first has committed. The lock's number is this app's own.
_ONE_RUN_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('subscriptions.recognise'))"

# ``rules.recognised_minor``, over all deferrals that are open. ``div`` is exact: it never rounds up.
_RECOGNISE = """
    WITH earned AS (
        SELECT id, currency, recognised_minor AS before_minor,
               CASE WHEN ends_at <= %(until)s THEN net_minor
                    ELSE div(net_minor * floor(extract(epoch FROM %(until)s - starts_at)),
                             floor(extract(epoch FROM ends_at - starts_at)))::bigint END AS earned_minor
          FROM subscriptions_deferral
         WHERE recognised_minor < net_minor AND starts_at < %(until)s
           FOR UPDATE),
    changed AS (
        UPDATE subscriptions_deferral AS deferral SET recognised_minor = earned_minor
          FROM earned WHERE earned.id = deferral.id AND earned_minor > before_minor
        RETURNING earned.currency, earned_minor - before_minor AS minor)
    SELECT currency, sum(minor)::bigint FROM changed GROUP BY currency ORDER BY currency"""


def lock(*, player: UUID, online_service: UUID, plan: UUID, at: datetime) -> Subscription:
    return queries.subscription_of(_locked(player=player, online_service=online_service, plan=plan, at=at))


def grant(
    *,
    grant_id: UUID,
    player: UUID,
    online_service: UUID,
    plan: UUID,
    source: GrantSource,
    term: Term,
    zone: str,
    net: Sequence[Money],
    entry_id: UUID | None,
    reference: str,
    at: datetime,
) -> Granted:
    row = _locked(player=player, online_service=online_service, plan=plan, at=at)
    there = GrantRow.objects.filter(id=grant_id).first()
    if there is not None:
        return Granted(grant=queries.grant_of(there), subscription=queries.subscription_of(row))
    begins_anew = row.ends_at <= at
    period, anchor_day = rules.next_term(
        at=at, ends_at=row.ends_at, anchor_day=row.anchor_day, term=term, zone=zone
    )
    if begins_anew:
        row.starts_at = period.starts_at
    row.plan, row.ends_at, row.anchor_day = plan, period.ends_at, anchor_day
    row.save(update_fields=["plan", "starts_at", "ends_at", "anchor_day"])
    granted = GrantRow.objects.create(
        id=grant_id,
        subscription=row,
        source=source,
        plan=plan,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        entry_id=entry_id,
        reference=reference,
        granted_at=at,
    )
    DeferralRow.objects.bulk_create(
        DeferralRow(
            grant=granted,
            currency=part.currency.code,
            net_minor=part.minor,
            starts_at=period.starts_at,
            ends_at=period.ends_at,
        )
        for part in net
        if part
    )
    _publish_change(row, source=source, at=at)
    return Granted(grant=queries.grant_of(granted), subscription=queries.subscription_of(row))


def recognise(*, day: date, at: datetime) -> Earned:
    until = datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC)
    if until > at:
        raise UnableToRecognise("day_not_over", day=day.isoformat())
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(_ONE_RUN_AT_A_TIME)
        cursor.execute(_RECOGNISE, {"until": until})
        amounts = tuple(Money(int(minor), currency(code)) for code, minor in cursor.fetchall())
    runs_before = RecognitionRow.objects.filter(day=day).order_by().values_list("run", flat=True).distinct()
    run = max(runs_before, default=0) + 1
    RecognitionRow.objects.bulk_create(
        RecognitionRow(day=day, run=run, currency=part.currency.code, amount_minor=part.minor, occurred_at=at)
        for part in amounts
    )
    return Earned(day=day, run=run, amounts=amounts)


def _locked(*, player: UUID, online_service: UUID, plan: UUID, at: datetime) -> SubscriptionRow:
    place = {"player": player, "online_service": online_service}
    mine = SubscriptionRow.objects.select_for_update().filter(**place)
    row = mine.first()
    if row is None:
        # Whoever comes at the same time waits here for the unique pair, and then reads the other's row.
        empty = SubscriptionRow(
            id=new_id(),
            plan=plan,
            starts_at=at,
            ends_at=at,
            anchor_day=at.day,
            **place,
        )
        SubscriptionRow.objects.bulk_create([empty], ignore_conflicts=True)
        row = mine.get()
    return row


def _publish_change(row: SubscriptionRow, *, source: GrantSource, at: datetime) -> None:
    with services.database("subscriptions").cursor() as cursor:
        # Behind the change before it, even if that one was made in a transaction that began later: see runtime.outbox.
        cursor.execute(
            "INSERT INTO subscriptions_entitlementchange"
            " (transaction, player, online_service, starts_at, until, source, occurred_at)"
            " VALUES (greatest(pg_current_xact_id()::text::bigint,"
            "                  (SELECT max(transaction) FROM subscriptions_entitlementchange"
            "                    WHERE player = %s AND online_service = %s)), %s, %s, %s, %s, %s, %s)",
            [
                *(row.player, row.online_service),
                *(row.player, row.online_service, row.starts_at, row.ends_at, source.value, at),
            ],
        )
