"""Which provider takes a payment: a choice among candidates by the rules of the house. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from warchest.kernel.currency import INNER
from warchest.kernel.money import Money
from warchest.payments.contract import AmountLimits
from warchest.payments.contract.house_rules import HouseRule, MethodSwitch, Route, TopUpBonus
from warchest.payments.contract.routing import RouteChoice, Why, Wish
from warchest.payments.rule_checks import amount, percent

_USUAL_PRIORITY = 100


@dataclass(frozen=True, slots=True)
class Candidate:
    """An installed provider, as far as choosing needs to know it. ``limits`` by method, "" for any; None where it does not
    take the currency."""

    provider: str
    methods: tuple[str, ...]
    limits: dict[str, AmountLimits] | None
    enabled: bool = True
    is_down: bool = False
    misconfigured: bool = False


def choose(
    *, wish: Wish, candidates: Iterable[Candidate], rules: Sequence[HouseRule]
) -> tuple[RouteChoice, ...]:
    """All candidates: those who take it first, by priority, then by cost, then by name."""
    routes = [(rule.name, rule.terms) for rule in rules if isinstance(rule.terms, Route)]
    switches = [(rule.name, rule.terms) for rule in rules if isinstance(rule.terms, MethodSwitch)]
    found = [_of(candidate, wish, routes, switches) for candidate in candidates]
    return tuple(sorted(found, key=_order))


def _order(choice: RouteChoice) -> tuple[bool, int, bool, int, str]:
    # Whose cost nobody has written down comes after those whose is known.
    cost = choice.cost.minor if choice.cost is not None else 0
    return not choice.takes_it, choice.priority, choice.cost is None, cost, choice.provider


def _of(
    candidate: Candidate,
    wish: Wish,
    routes: Sequence[tuple[str, Route]],
    switches: Sequence[tuple[str, MethodSwitch]],
) -> RouteChoice:
    choice = RouteChoice(candidate.provider, False, Why.FITS)
    if wish.provider and candidate.provider != wish.provider:
        return replace(choice, why=Why.NOT_WISHED)
    if candidate.misconfigured:
        return replace(choice, why=Why.MISCONFIGURED)
    if not candidate.enabled:
        return replace(choice, why=Why.DISABLED)
    if candidate.limits is None:
        return replace(choice, why=Why.CURRENCY)
    offered = tuple(method for method in candidate.methods if wish.method in ("", method))
    if not offered and (wish.method or candidate.methods):
        return replace(choice, why=Why.METHOD)
    off = {method: name for method in offered if (name := _switched_off(candidate, method, wish, switches))}
    if offered and len(off) == len(offered):
        return replace(choice, why=Why.METHOD_OFF, rule=next(iter(off.values())))
    on = tuple(
        method
        for method in offered
        if method not in off and _within(wish.amount, candidate.limits.get(method))
    )
    if not _within(wish.amount, candidate.limits.get("")) or (offered and not on):
        return replace(choice, why=Why.AMOUNT)
    fitting = [(name, route) for name, route in routes if _fits(route, candidate, wish)]
    for name, route in fitting:
        if route.never:
            return replace(choice, why=Why.RULE, rule=name)
    choice = replace(choice, methods=on)
    if fitting:
        name, best = min(fitting, key=lambda each: (each[1].priority, _cost(each[1], wish.amount).minor))
        choice = replace(choice, priority=best.priority, cost=_cost(best, wish.amount), rule=name)
    if candidate.is_down:
        return replace(choice, why=Why.DOWN)
    return replace(choice, takes_it=True)


def _within(paid: Money, limits: AmountLimits | None) -> bool:
    return limits is None or limits.least <= paid <= limits.most


def _switched_off(
    candidate: Candidate, method: str, wish: Wish, switches: Sequence[tuple[str, MethodSwitch]]
) -> str:
    for name, switch in switches:
        concerns = switch.method == method and switch.provider in ("", candidate.provider)
        if concerns and (wish.country in switch.countries) != switch.only:
            return name
    return ""


def _fits(route: Route, candidate: Candidate, wish: Wish) -> bool:
    if route.provider != candidate.provider or (route.countries and wish.country not in route.countries):
        return False
    # A route of one method shuts nobody out who has others: it is about payments that wish for it.
    if route.method and route.method != wish.method:
        return False
    if not route.currency:
        return True
    if route.currency != wish.amount.currency.code:
        return False
    if route.amount_from and wish.amount < amount(route.amount_from, route.currency):
        return False
    return not route.amount_below or wish.amount < amount(route.amount_below, route.currency)


def _cost(route: Route, paid: Money) -> Money:
    code = paid.currency.code
    share = Money(round(Fraction(paid.minor) * percent(route.fee_percent)), paid.currency)
    fixed = amount(route.fee_fixed, code) if route.currency == code else Money.zero(paid.currency)
    return share + fixed


def bonus(*, paid: Money, units: Money, rules: Sequence[HouseRule]) -> tuple[Money, TopUpBonus | None]:
    """The units on top, rounded down, and the rule that gives them."""
    fitting = [
        rule.terms
        for rule in rules
        if isinstance(rule.terms, TopUpBonus)
        and rule.terms.currency == paid.currency.code
        and paid >= amount(rule.terms.amount_from, rule.terms.currency)
    ]
    if not fitting:
        return Money.zero(INNER), None
    best = max(
        fitting, key=lambda terms: (amount(terms.amount_from, terms.currency).minor, percent(terms.percent))
    )
    return Money.units(int(units.minor * percent(best.percent))), best
