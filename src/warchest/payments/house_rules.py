"""Rules of the house: set, ended, and kept by each process for as long as none was changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from warchest.payments import rule_checks
from warchest.payments.contract.house_rules import (
    AmountBounds,
    FraudRule,
    HouseRule,
    MethodSwitch,
    ReviewTerms,
    Route,
    RuleDraft,
    RuleKind,
    Terms,
    TopUpBonus,
    UnableToSetRule,
    WithdrawalTerms,
)
from warchest.payments.models import HouseRule as HouseRuleRow
from warchest.runtime import wire
from warchest.runtime.facts import Facts

_NAME_CHARACTERS_MAX = 80

KINDS: Mapping[RuleKind, type[Terms]] = {
    RuleKind.ROUTE: Route,
    RuleKind.METHOD: MethodSwitch,
    RuleKind.BOUNDS: AmountBounds,
    RuleKind.BONUS: TopUpBonus,
    RuleKind.FRAUD: FraudRule,
    RuleKind.REVIEW: ReviewTerms,
    RuleKind.WITHDRAWAL: WithdrawalTerms,
}


def set_rule(*, draft: RuleDraft, actor: str, at: datetime) -> HouseRule:
    kind = next(kind for kind, terms in KINDS.items() if isinstance(draft.terms, terms))
    name = draft.name.strip()
    if not 0 < len(name) <= _NAME_CHARACTERS_MAX or not name.isprintable():
        raise UnableToSetRule("rule_malformed", field="name", explanation="1 to 80 printable characters")
    rule_checks.check(draft.terms)
    valid_from = draft.valid_from or at
    if valid_from < at:
        raise UnableToSetRule("rule_in_past")
    if draft.valid_until is not None and draft.valid_until <= valid_from:
        raise UnableToSetRule("rule_malformed", field="valid_until", explanation="it ends before it begins")
    row = HouseRuleRow.objects.create(
        kind=kind,
        name=name,
        terms=wire.encode(draft.terms).decode(),
        valid_from=valid_from,
        valid_until=draft.valid_until,
        made_at=at,
        made_by=actor,
    )
    return _frozen(row)


def end_rule(*, rule_id: UUID, until: datetime, actor: str, at: datetime) -> HouseRule:
    row = HouseRuleRow.objects.select_for_update().filter(id=rule_id).first()
    if row is None:
        raise UnableToSetRule("rule_unknown")
    if until < at:
        raise UnableToSetRule("rule_in_past")
    if row.valid_until is not None and row.valid_until <= until:
        raise UnableToSetRule("rule_ended")
    # One that has not begun yet never will.
    row.valid_until, row.ended_by = max(until, row.valid_from), actor
    row.save(update_fields=["valid_until", "ended_by"])
    return _frozen(row)


def house_rules(*, kinds: Sequence[RuleKind] = (), at: datetime | None = None) -> tuple[HouseRule, ...]:
    if at is None:
        rows = HouseRuleRow.objects.filter(kind__in=kinds) if kinds else HouseRuleRow.objects.all()
        return tuple(_frozen(row) for row in rows.order_by("id"))
    return tuple(
        rule
        for rule in _all.now()
        if (not kinds or rule.kind in kinds) and rule.valid_from <= at
        if rule.valid_until is None or at < rule.valid_until
    )


def in_force(kind: RuleKind, *, at: datetime) -> tuple[HouseRule, ...]:
    return house_rules(kinds=(kind,), at=at)


def _read() -> tuple[HouseRule, ...]:
    return tuple(_frozen(row) for row in HouseRuleRow.objects.order_by("id"))


_all: Facts[tuple[HouseRule, ...]] = Facts(service="payments", read=_read)


def _frozen(row: HouseRuleRow) -> HouseRule:
    kind = RuleKind(row.kind)
    return HouseRule(
        id=row.id,
        kind=kind,
        name=row.name,
        terms=wire.decode(row.terms, KINDS[kind]),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        made_at=row.made_at,
        made_by=row.made_by,
        ended_by=row.ended_by,
    )
