"""Writes of referrals. All run inside a journey's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import OwedCommission
from warchest.kernel.codes import random_code
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.referrals import queries, rules
from warchest.referrals.contract import (
    LEVELS_MAX,
    CommissionPlan,
    Node,
    UnableToJoin,
    UnableToPlanCommissions,
)
from warchest.referrals.models import Commission as CommissionRow
from warchest.referrals.models import CommissionPlan as CommissionPlanRow
from warchest.referrals.models import Node as NodeRow

_CODES_TRIED_MAX = 10


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


def earn(
    *, sale: UUID, buyer: UUID, entry_id: UUID, base: Sequence[Money], at: datetime
) -> tuple[OwedCommission, ...]:
    plan = queries.commission_plan(at=at)
    upline = queries.upline(player=buyer, levels=len(plan.rates_bps))
    earned: list[CommissionRow] = []
    owed: list[OwedCommission] = []
    for part in base:
        shares, _kept = rules.shares(part, rates_bps=plan.rates_bps)
        for ancestor in upline:
            amount = shares[ancestor.level - 1]
            if not amount:
                continue
            earned.append(
                CommissionRow(
                    id=new_id(),
                    sponsor=ancestor.player,
                    buyer=buyer,
                    sale=sale,
                    entry_id=entry_id,
                    level=ancestor.level,
                    plan_id=plan.version,
                    base_minor=part.minor,
                    rate_bps=plan.rates_bps[ancestor.level - 1],
                    amount_minor=amount.minor,
                    currency=amount.currency.code,
                    earned_at=at,
                )
            )
            owed.append(OwedCommission(sponsor=ancestor.player, amount=amount))
    CommissionRow.objects.bulk_create(earned)
    return tuple(owed)
