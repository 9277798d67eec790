"""Routing as this process sees its providers: who is configured, switched on, and answers."""

from __future__ import annotations

from datetime import datetime, timedelta

from warchest.kernel.money import Money
from warchest.payments import bulkhead, house_rules, providers, route_rules
from warchest.payments.contract import AmountLimits, UnableToUseProvider
from warchest.payments.contract.house_rules import RuleKind
from warchest.payments.contract.routing import RouteChoice, Why, Wish
from warchest.payments.models import ProviderHealth
from warchest.payments.route_rules import Candidate

_HEALTH_GOOD_FOR = timedelta(minutes=5)


def routes(*, wish: Wish, at: datetime) -> tuple[RouteChoice, ...]:
    return route_rules.choose(
        wish=wish,
        candidates=_candidates(wish, at=at),
        rules=house_rules.house_rules(kinds=(RuleKind.ROUTE, RuleKind.METHOD), at=at),
    )


def bounds(*, wish: Wish, at: datetime) -> AmountLimits | None:
    found = []
    for candidate in _candidates(wish, at=at):
        if wish.provider in ("", candidate.provider) and candidate.limits and candidate.enabled:
            limits = candidate.limits[""]
            middle = Wish(limits.least, wish.country, wish.method, wish.provider)
            (choice,) = route_rules.choose(
                wish=middle,
                candidates=[candidate],
                rules=house_rules.house_rules(kinds=(RuleKind.METHOD,), at=at),
            )
            if choice.takes_it or choice.why in (Why.DOWN, Why.AMOUNT):
                found.append(limits)
    if not found:
        return None
    return AmountLimits(min(each.least for each in found), max(each.most for each in found))


def _candidates(wish: Wish, *, at: datetime) -> list[Candidate]:
    unwell = set(
        ProviderHealth.objects.filter(well=False, at__gt=at - _HEALTH_GOOD_FOR).values_list(
            "provider", flat=True
        )
    )
    here = bulkhead.states()
    found = []
    for name in providers.installed():
        is_down = name in unwell or (name in here and here[name].is_down)
        try:
            methods = providers.configured(name).description.methods
            limits = _limits(name, wish.amount.currency.code, methods, at=at)
            found.append(Candidate(name, methods, limits, providers.is_enabled(name), is_down))
        except UnableToUseProvider:
            found.append(Candidate(name, (), None, misconfigured=True))
    return found


def _limits(
    provider: str, currency: str, methods: tuple[str, ...], *, at: datetime
) -> dict[str, AmountLimits] | None:
    try:
        return {
            method: providers.limits(provider=provider, currency=currency, method=method, at=at)
            for method in ("", *methods)
        }
    except UnableToUseProvider as refusal:
        if refusal.reason == "currency_not_supported":
            return None
        raise


def bonus_for(*, paid: Money, units: Money, at: datetime) -> Money:
    return route_rules.bonus(paid=paid, units=units, rules=house_rules.in_force(RuleKind.BONUS, at=at))[0]
