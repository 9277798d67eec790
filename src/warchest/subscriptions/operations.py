"""Writes of subscriptions. All run inside a journey's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.kernel.period import Term
from warchest.runtime import statements
from warchest.runtime.services import services
from warchest.subscriptions import queries, rules
from warchest.subscriptions.contract import (
    Earned,
    Grant,
    GrantDraft,
    Granted,
    GrantSource,
    Place,
    Subscription,
    SubscriptionState,
    UnableToRecognise,
)
from warchest.subscriptions.models import Grant as GrantRow
from warchest.subscriptions.models import Recognition as RecognitionRow

_LOCK = """
    SELECT id, player, online_service, plan, starts_at::text, ends_at::text, anchor_day, state
      FROM subscriptions_lock(%s)"""
_GRANT = "SELECT subscriptions_grant(%s, %s, %s)"

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
        RETURNING earned.currency, earned_minor - before_minor AS minor),
    -- A pass is earned as a whole when its tournament has been held.
    held AS (
        UPDATE subscriptions_passdeferral SET recognised_minor = net_minor
         WHERE recognised_minor = 0 AND ends_at <= %(until)s
        RETURNING currency, net_minor AS minor)
    SELECT currency, sum(minor)::bigint FROM (SELECT * FROM changed UNION ALL SELECT * FROM held) AS earned
     GROUP BY currency ORDER BY currency"""


def lock_set(*, places: Sequence[Place]) -> dict[Place, Subscription]:
    found = statements.rows("subscriptions", _LOCK, [statements.document(list(dict.fromkeys(places)))])
    # Moments as text, since the driver takes ten times as long for them.
    moment = datetime.fromisoformat
    return {
        Place(player, online_service): Subscription(
            identity,
            player,
            online_service,
            plan,
            moment(starts_at),
            moment(ends_at),
            anchor_day,
            SubscriptionState(state),
        )
        for identity, player, online_service, plan, starts_at, ends_at, anchor_day, state in found
    }


def grant_set(*, grants: Sequence[GrantDraft], locked: Mapping[Place, Subscription]) -> tuple[Granted, ...]:
    changed: dict[Place, Subscription] = {}
    done: list[Granted] = []
    for draft in grants:
        granted = _granted(draft, changed.get(draft.place) or locked.get(draft.place))
        changed[draft.place] = granted.subscription
        done.append(granted)
    statements.rows(
        "subscriptions",
        _GRANT,
        [
            statements.document([now for place, now in changed.items() if place not in locked]),
            statements.document([now for place, now in changed.items() if place in locked]),
            statements.document(
                [_row_of(granted, draft) for granted, draft in zip(done, grants, strict=True)]
            ),
        ],
    )
    return tuple(done)


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
    place = Place(player, online_service)
    locked = lock_set(places=[place])
    there = GrantRow.objects.filter(id=grant_id).first()
    if there is not None:
        return Granted(grant=queries.grant_of(there), subscription=locked[place])
    draft = GrantDraft(
        id=grant_id,
        place=place,
        plan=plan,
        source=source,
        term=term,
        zone=zone,
        net=net,
        entry_id=entry_id,
        reference=reference,
        at=at,
    )
    (granted,) = grant_set(grants=[draft], locked=locked)
    return granted


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


def _granted(draft: GrantDraft, before: Subscription | None) -> Granted:
    """What a grant adds to the subscription as it stands."""
    period, anchor_day = rules.next_term(
        at=draft.at,
        ends_at=before.ends_at if before else None,
        anchor_day=before.anchor_day if before else None,
        term=draft.term,
        zone=draft.zone,
    )
    goes_on = before is not None and before.ends_at > draft.at
    after = Subscription(
        id=before.id if before else new_id(),
        player=draft.place.player,
        online_service=draft.place.online_service,
        plan=draft.plan,
        starts_at=before.starts_at if before and goes_on else period.starts_at,
        ends_at=period.ends_at,
        anchor_day=anchor_day,
        state=before.state if before else SubscriptionState.ACTIVE,
    )
    granted = Grant(
        id=draft.id,
        subscription=after.id,
        source=draft.source,
        plan=draft.plan,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        net=tuple(sorted((part for part in draft.net if part), key=lambda part: part.currency.code)),
        entry_id=draft.entry_id,
        reference=draft.reference,
        granted_at=draft.at,
    )
    return Granted(grant=granted, subscription=after)


def _row_of(granted: Granted, draft: GrantDraft) -> dict[str, object]:
    grant = granted.grant
    return {
        "id": grant.id,
        "subscription": grant.subscription,
        "player": draft.place.player,
        "online_service": draft.place.online_service,
        "source": grant.source,
        "plan": grant.plan,
        "starts_at": grant.starts_at,
        "ends_at": grant.ends_at,
        "since": granted.subscription.starts_at,
        "entry_id": grant.entry_id,
        "reference": grant.reference,
        "granted_at": grant.granted_at,
        "net": [{"currency": part.currency.code, "minor": part.minor} for part in grant.net],
    }
