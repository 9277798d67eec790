"""Reads of referrals. All answer frozen rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import BigIntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from warchest.kernel import codes
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.referrals.contract import (
    LEVELS_MAX,
    Ancestor,
    Commission,
    CommissionPlan,
    Commissions,
    CommissionState,
    Descendant,
    Downline,
    Node,
    TreeStats,
    UnableToListReferrals,
)
from warchest.referrals.models import Commission as CommissionRow
from warchest.referrals.models import CommissionPlan as CommissionPlanRow
from warchest.referrals.models import CommissionReversal as ReversalRow
from warchest.referrals.models import Node as NodeRow
from warchest.runtime.facts import Facts
from warchest.runtime.services import services

CODE_LENGTH = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_UPLINE = """
    WITH RECURSIVE above AS (
        SELECT sponsor_id, 1 AS level FROM referrals_node WHERE player = %(player)s AND sponsor_id IS NOT NULL
        UNION ALL
        SELECT n.sponsor_id, above.level + 1
          FROM above JOIN referrals_node AS n ON n.player = above.sponsor_id
         WHERE n.sponsor_id IS NOT NULL AND above.level < %(levels)s)
    SELECT sponsor_id, level FROM above ORDER BY level"""

_BELOW = """
    WITH RECURSIVE below AS (
        SELECT player, sponsor_id, joined_at, 1 AS level FROM referrals_node WHERE sponsor_id = %(player)s
        UNION ALL
        SELECT n.player, n.sponsor_id, n.joined_at, below.level + 1
          FROM below JOIN referrals_node AS n ON n.sponsor_id = below.player
         WHERE below.level < %(depth)s)"""

# The counting comes after the page is cut: it looks only at those shown.
_DOWNLINE = f"""{_BELOW},
    page AS (
        SELECT * FROM below
         WHERE level > %(level)s
            OR level = %(level)s AND (joined_at, player) < (%(joined_at)s, %(last)s)
         ORDER BY level, joined_at DESC, player DESC LIMIT %(limit)s)
    SELECT player, sponsor_id, level, joined_at,
           (SELECT count(*) FROM referrals_node AS n WHERE n.sponsor_id = page.player)
      FROM page ORDER BY level, joined_at DESC, player DESC"""

_BY_LEVEL = f"{_BELOW} SELECT count(*) FROM below GROUP BY level ORDER BY level"


def by_code(*, sponsor_code: str) -> Node | None:
    typed = codes.normalise(sponsor_code)
    if not codes.is_whole(typed, length=CODE_LENGTH):
        return None
    row = NodeRow.objects.filter(sponsor_code=typed).first()
    return node_of(row) if row else None


def node(*, player: UUID) -> Node | None:
    row = NodeRow.objects.filter(player=player).first()
    return node_of(row) if row else None


def upline(*, player: UUID, levels: int = LEVELS_MAX) -> tuple[Ancestor, ...]:
    if levels < 1:
        return ()
    with services.database("referrals").cursor() as cursor:
        cursor.execute(_UPLINE, {"player": player, "levels": levels})
        return tuple(Ancestor(player=sponsor, level=level) for sponsor, level in cursor.fetchall())


def downline(*, player: UUID, depth: int = 1, cursor: str = "", limit: int = 50) -> Downline:
    if not NodeRow.objects.filter(player=player).exists():
        raise UnableToListReferrals("player_not_in_tree")
    level, joined_at, last = _place(cursor)
    with services.database("referrals").cursor() as connection:
        connection.execute(
            _DOWNLINE,
            {
                "player": player,
                "depth": max(depth, 1),
                "level": level,
                "joined_at": joined_at,
                "last": last,
                "limit": limit + 1,
            },
        )
        rows = connection.fetchall()
    members = tuple(
        Descendant(player=row[0], sponsor=row[1], level=row[2], joined_at=row[3], invited=row[4])
        for row in rows[:limit]
    )
    return Downline(
        members=members, next_cursor=_cursor(members[-1]) if len(rows) > limit and members else ""
    )


def _cursor(member: Descendant) -> str:
    return f"{member.level}-{(member.joined_at - _EPOCH) // _MICROSECOND}-{member.player.hex}"


def _place(cursor: str) -> tuple[int, datetime, UUID]:
    if not cursor:
        return 0, _EPOCH, UUID(int=0)
    try:
        level, joined_us, player = cursor.split("-")
        return int(level), _EPOCH + int(joined_us) * _MICROSECOND, UUID(player)
    except (ValueError, OverflowError):
        raise UnableToListReferrals("cursor_malformed") from None


def tree_stats(*, player: UUID, depth: int = 100) -> TreeStats:
    with services.database("referrals").cursor() as cursor:
        cursor.execute(_BY_LEVEL, {"player": player, "depth": max(depth, 1)})
        return TreeStats(by_level=tuple(count for (count,) in cursor.fetchall()))


def _plans() -> tuple[CommissionPlan, ...]:
    return tuple(plan_of(row) for row in CommissionPlanRow.objects.order_by("valid_from"))


_all_plans = Facts(service="referrals", read=_plans)


def commission_plans() -> tuple[CommissionPlan, ...]:
    """All that there ever were or are going to be, the earliest first."""
    return _all_plans.now()


def plan_in_force(plans: Sequence[CommissionPlan], *, at: datetime) -> CommissionPlan:
    return [plan for plan in plans if plan.valid_from <= at][-1]


def commission_plan(*, at: datetime) -> CommissionPlan:
    return plan_in_force(commission_plans(), at=at)


def commissions(*, player: UUID, cursor: str = "", limit: int = 50) -> Commissions:
    back = ReversalRow.objects.filter(commission=OuterRef("pk")).values("commission")
    back_minor = Subquery(
        back.annotate(minor=Sum("amount_minor")).values("minor"), output_field=BigIntegerField()
    )
    rows = (
        CommissionRow.objects.filter(sponsor=player)
        .annotate(back_minor=Coalesce(back_minor, 0))
        .order_by("-id")
    )
    if cursor:
        try:
            rows = rows.filter(id__lt=UUID(cursor))
        except ValueError:
            raise UnableToListReferrals("cursor_malformed") from None
    items = _commissions(rows[: limit + 1])
    page = items[:limit]
    return Commissions(items=page, next_cursor=str(page[-1].id) if len(items) > limit and page else "")


def node_of(row: NodeRow) -> Node:
    return Node(
        player=row.player, sponsor=row.sponsor_id, sponsor_code=row.sponsor_code, joined_at=row.joined_at
    )


def plan_of(row: CommissionPlanRow) -> CommissionPlan:
    return CommissionPlan(version=row.version, rates_bps=tuple(row.rates_bps), valid_from=row.valid_from)


def _commissions(rows: QuerySet[CommissionRow]) -> tuple[Commission, ...]:
    return tuple(
        Commission(
            id=row.id,
            sponsor=row.sponsor,
            buyer=row.buyer,
            sale=row.sale,
            entry_id=row.entry_id,
            level=row.level,
            plan_version=row.plan_id,
            base=Money(row.base_minor, currency(row.currency)),
            rate_bps=row.rate_bps,
            amount=Money(row.amount_minor, currency(row.currency)),
            state=CommissionState.REVERSED
            if row.back_minor == row.amount_minor
            else CommissionState(row.state),
            earned_at=row.earned_at,
            taken_back=Money(row.back_minor, currency(row.currency)),
        )
        for row in rows
    )
