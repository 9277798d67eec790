"""A rule of the house for payments begins, or ends: routes, methods, limits, bonuses, fraud, reviews."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.members.contract import Members, require
from warchest.payments.contract import Payments, RuleDraft
from warchest.runtime import wire
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("payment_rules.set")
def set_payment_rule(tx: Transaction, *, draft: RuleDraft, instead_of: UUID | None = None) -> UUID:
    """The new rule. ``instead_of`` is one that ends in the moment in which it begins.

    Raises UnableToAdminister, UnableToSetRule.
    """
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment_rule.set")
    payments, actor = tx.get(Payments), str(tx.command.actor)
    rule = payments.set_rule(draft=draft, actor=actor, at=tx.command.at)
    if instead_of is not None:
        payments.end_rule(rule_id=instead_of, until=rule.valid_from, actor=actor, at=tx.command.at)
    tx.about(
        "payment_rule",
        rule.id,
        rule_kind=rule.kind,
        name=rule.name,
        terms=wire.encode(rule.terms).decode(),
        valid_from=rule.valid_from,
        valid_until=rule.valid_until,
        instead_of=str(instead_of or ""),
    )
    return rule.id


@journey("payment_rules.end")
def end_payment_rule(tx: Transaction, *, rule: UUID, until: datetime | None = None) -> UUID:
    """Have a rule end at ``until`` (None: at once). Raises UnableToAdminister, UnableToSetRule."""
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "payment_rule.set")
    ended = tx.get(Payments).end_rule(
        rule_id=rule, until=until or tx.command.at, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("payment_rule", ended.id, rule_kind=ended.kind, name=ended.name, valid_until=ended.valid_until)
    return ended.id
