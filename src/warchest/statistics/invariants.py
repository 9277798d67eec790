"""What must hold between the figures and the books."""

from __future__ import annotations

from collections.abc import Iterator

from warchest.payments.contract import Payments
from warchest.runtime import feed
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services
from warchest.statistics.operations import CONSUMER
from warchest.statistics.queries import paid_minor

_TRIES_MAX = 5


def _every_event_counted() -> Iterator[str]:
    if parked := feed.standing(CONSUMER).parked:
        yield f"{parked} events could not be counted and are set aside: correct the rule, then rebuild"


def _top_ups_equal_payments() -> Iterator[str]:
    """Compared only at a moment when every event was counted: before that the figures may lag behind the payments."""
    payments = services.get(Payments)
    for _ in range(_TRIES_MAX):
        before = feed.standing(CONSUMER)
        counted = paid_minor()
        credited = {
            (balance.provider, balance.collected.currency.code): balance.collected.minor
            for balance in payments.provider_balances()
        }
        if not before.behind and feed.standing(CONSUMER) == before:
            break
    else:
        return
    known = {provider.name for provider in payments.providers()} | {provider for provider, _ in credited}
    for provider, code in sorted(counted.keys() | credited.keys()):
        said, paid = counted.get((provider, code), 0), credited.get((provider, code), 0)
        if provider in known and said != paid:
            yield f"{code} by {provider}: top-ups sum to {said} minor units, the credited payments to {paid}"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        name="every_event_counted",
        says="No published event is set aside uncounted.",
        violations=_every_event_counted,
    ),
    Invariant(
        name="top_ups_equal_payments",
        says="Per provider and currency, what statistics count as paid is what the credited payments sum to.",
        violations=_top_ups_equal_payments,
    ),
)
