"""Writes of referrals. All run inside a journey's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from uuid import UUID

from django.db.models import Sum
from django.db.models.functions import Coalesce

from warchest.accounting.contract import OwedCommission
from warchest.kernel.codes import random_code
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_ids
from warchest.kernel.money import Money
from warchest.referrals import queries, rules
from warchest.referrals.contract import (
    LEVELS_MAX,
    CommissionPlan,
    Node,
    Sale,
    UnableToJoin,
    UnableToPlanCommissions,
)
from warchest.referrals.models import Commission as CommissionRow
from warchest.referrals.models import CommissionPlan as CommissionPlanRow
from warchest.referrals.models import CommissionReversal as ReversalRow
from warchest.referrals.models import Node as NodeRow
from warchest.runtime import statements
from warchest.runtime.services import services
from warchest.runtime.statements import column

_CODES_TRIED_MAX = 10
_LOCK_SALE = "SELECT pg_advisory_xact_lock(hashtextextended('commissions of ' || %s, 0))"
_EARN = """
    SELECT number, sponsors
      FROM referrals_earn_in_sets(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ORDER BY number"""


def join(*, player: UUID, sponsor_code: str | None, at: datetime) -> Node:
    sponsor: UUID | None = None
    if sponsor_code:
        inviting = queries.by_code(sponsor_code=sponsor_code)
        if inviting is None:
            raise UnableToJoin("sponsor_code_unknown")
        sponsor = inviting.player
    # Seven free symbols are 34 thousand million codes: one taken already is rare, ten in a row a mistake.
    for _ in range(_CODES_TRIED_MAX):
        there = queries.node(player=player)
        if there is not None:
            if there.sponsor != sponsor:
                raise UnableToJoin("already_joined")
            return there
        row = NodeRow(
            player=player,
            sponsor_id=sponsor,
            sponsor_code=random_code(length=queries.CODE_LENGTH),
            joined_at=at,
        )
        NodeRow.objects.bulk_create([row], ignore_conflicts=True)
    raise RuntimeError("no free sponsor code was found")


def add_commission_plan(*, rates_bps: Sequence[int], valid_from: datetime, at: datetime) -> CommissionPlan:
    if not 1 <= len(rates_bps) <= LEVELS_MAX:
        raise UnableToPlanCommissions("levels_out_of_range", levels_max=LEVELS_MAX)
    if min(rates_bps) < 1 or sum(rates_bps) > rules.WHOLE_BPS:
        raise UnableToPlanCommissions("rates_out_of_range")
    # What is sold already was sold under the plan of its moment.
    if valid_from < at:
        raise UnableToPlanCommissions("plan_in_past")
    row, made = CommissionPlanRow.objects.get_or_create(
        valid_from=valid_from, defaults={"rates_bps": list(rates_bps)}
    )
    if not made and tuple(row.rates_bps) != tuple(rates_bps):
        raise UnableToPlanCommissions("plan_exists")
    return queries.plan_of(row)


def earn_set(*, sales: Sequence[Sale]) -> tuple[tuple[OwedCommission, ...], ...]:
    owed: list[list[OwedCommission]] = [[] for _ in sales]
    plans = queries.commission_plans()
    # One for each sale and currency: which sale it is, and what each level of the plan gets.
    parts = []
    for number, sale in enumerate(sales):
        plan = queries.plan_in_force(plans, at=sale.at)
        parts += [
            (number, sale, base, plan, _shares(base.minor, base.currency.code, plan.rates_bps))
            for base in sale.base
        ]
    if parts:
        levels = [len(shares) for *_, shares in parts]
        wanted: tuple[Sequence[object], ...] = (
            [sale.buyer for _, sale, *_ in parts],
            [sale.subscription for _, sale, *_ in parts],
            [sale.entry_id for _, sale, *_ in parts],
            [plan.version for _, _, _, plan, _ in parts],
            [base.minor for _, _, base, *_ in parts],
            [base.currency.code for _, _, base, *_ in parts],
            [sale.at for _, sale, *_ in parts],
            levels,
            list(accumulate(levels[:-1], initial=0)),
            new_ids(sum(levels)),
            [rate for _, _, _, plan, _ in parts for rate in plan.rates_bps],
            [share.minor for *_, shares in parts for share in shares],
        )
        for place, sponsors in statements.rows("referrals", _EARN, list(map(column, wanted))):
            number, *_, shares = parts[place - 1]
            owed[number] += [
                OwedCommission(sponsor=sponsor, amount=share)
                # There may be fewer sponsors above than the plan has levels.
                for sponsor, share in zip(sponsors, shares, strict=False)
                if share
            ]
    return tuple(map(tuple, owed))


@lru_cache(maxsize=4096)
def _shares(base_minor: int, code: str, rates_bps: tuple[int, ...]) -> tuple[Money, ...]:
    """What each level gets. A house has few prices, and sells at each of them many times."""
    shares, _kept = rules.shares(Money(base_minor, currency(code)), rates_bps=rates_bps)
    return shares


def reverse(*, entry_id: UUID, base: Money, reference: str, at: datetime) -> tuple[OwedCommission, ...]:
    with services.database("referrals").cursor() as cursor:
        cursor.execute(_LOCK_SALE, [str(entry_id)])
    earned = (
        CommissionRow.objects.filter(entry_id=entry_id, currency=base.currency.code)
        .annotate(
            base_back=Coalesce(Sum("reversals__base_minor"), 0),
            amount_back=Coalesce(Sum("reversals__amount_minor"), 0),
        )
        .order_by("level")
    )
    reversals = []
    for row in earned:
        back = min(base.minor, row.base_minor - row.base_back)
        if back <= 0:
            continue
        # By the sum of all parts, so that a sale that is taken back in many takes back every cent, and no more.
        whole = rules.share_of(row.amount_minor, part=row.base_back + back, whole=row.base_minor)
        reversals.append(
            ReversalRow(
                commission=row,
                base_minor=back,
                amount_minor=whole - row.amount_back,
                reference=reference,
                reversed_at=at,
            )
        )
    ReversalRow.objects.bulk_create(reversals)
    return tuple(
        OwedCommission(sponsor=part.commission.sponsor, amount=Money(part.amount_minor, base.currency))
        for part in reversals
        if part.amount_minor
    )
