"""Whatever providers answer: a player is never led to two of them at once, and nobody is asked in the place of one that may have
the money."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.books import assert_books_prove
from tests.builders.people import a_command, a_player
from tests.builders.providers import Scripted, hears, only
from warchest.charging.contract import Charging
from warchest.journeys.cancel_payment import cancel_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.try_payment_again import try_payment_again
from warchest.kernel.currency import currency
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.money import Money
from warchest.payments import route_rules
from warchest.payments.contract import (
    AmountLimits,
    Attempt,
    HouseRule,
    Payments,
    Route,
    RuleKind,
    Wish,
)
from warchest.payments.route_rules import Candidate
from warchest.runtime.services import services
from warchest.sdk.payments import Report, Standing

NOW = datetime.now(UTC).replace(microsecond=0)
EURO = currency("EUR")
TEN = Money(1000, EURO)

_STARTS = st.sampled_from(
    [
        Report(Standing.PENDING),
        Report(Standing.FAILED, reason="closed"),
        Report(Standing.UNKNOWN, reason="timeout"),
        Report(Standing.UNKNOWN, reason="unreachable", never_sent=True),
    ]
)
_STEPS = st.sampled_from(["start", "again", "cancel", "fails", "pays", "first_pays", "nothing"])


def may_still_be_paid(attempt: Attempt) -> bool:
    """As far as its provider's word goes."""
    return attempt.standing not in (Standing.FAILED, Standing.CANCELLED)


@pytest.mark.usefixtures("database")
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(answers=st.lists(_STARTS, min_size=1, max_size=6), steps=st.lists(_STEPS, max_size=8))
def test_no_two_attempts_are_ever_open_at_once(answers: list[Report], steps: list[str]) -> None:
    told: list[Report] = []

    def starts(_number: int) -> Report:
        told.append(answers[len(told) % len(answers)])
        return told[-1]

    three = [Scripted(name, starts=starts) for name in ("one", "two", "three")]
    with only(*three):
        player, command = a_player(), a_command(at=NOW)
        payment = start_top_up(command, player=player.id, amount=TEN).answer
        for step in ["nothing", *steps]:
            try:
                match step:
                    case "start":
                        start_top_up(command, player=player.id, amount=TEN)
                    case "again":
                        try_payment_again(a_command(at=NOW), payment_id=payment.id)
                    case "cancel":
                        cancel_payment(a_command(at=NOW), payment_id=payment.id)
                    case "fails":
                        hears(payment, Report(Standing.FAILED, reason="declined"))
                    case "pays":
                        known = services.get(Payments).payment(payment_id=payment.id)
                        hears(payment, _paid(known.attempt))
                    case "first_pays":
                        hears(payment, _paid(1), attempt=1)
            except (UnableTo, TryAgain):
                pass
            attempts = services.get(Payments).attempts(payment_id=payment.id)
            stands = services.get(Payments).payment(payment_id=payment.id)
            # Behind the last one nobody is open any more, but for those that paid after they had said no.
            assert not any(
                may_still_be_paid(attempt) and attempt.standing != Standing.SUCCEEDED
                for attempt in attempts[:-1]
            )
            assert stands.attempt <= len(attempts)
            lots = services.get(Charging).wallet(player=player.id, at=NOW).posted
            assert lots == (stands.units if stands.credited_at else Money.units(0))
        # Each provider was led to at most once for each attempt, under a reference of its own.
        references = [request.reference for one in three for request in one.opened]
        assert set(references) <= {attempt.reference for attempt in attempts}
        assert_books_prove()


def _paid(attempt: int) -> Report:
    return Report(Standing.SUCCEEDED, provider_reference=f"number-{attempt}-{id(object())}", amount=TEN)


_NAMES = st.sampled_from(["a", "b", "c"])
_ROUTES = st.builds(
    Route,
    provider=_NAMES,
    countries=st.sampled_from([(), ("DE",), ("AT", "DE"), ("US",)]),
    currency=st.just("EUR"),
    amount_from=st.sampled_from(["", "5.00", "10.00", "20.00"]),
    amount_below=st.sampled_from(["", "10.00", "20.00"]),
    priority=st.integers(0, 3),
    never=st.booleans(),
    fee_percent=st.sampled_from(["0", "1.4", "2.9"]),
    fee_fixed=st.sampled_from(["0", "0.25", "0.35"]),
)
_CANDIDATES = st.builds(
    Candidate,
    provider=_NAMES,
    methods=st.sampled_from([(), ("visa",), ("visa", "sepa")]),
    limits=st.sampled_from([None, {"": AmountLimits(Money(100, EURO), Money(1500, EURO))}]),
    enabled=st.booleans(),
    is_down=st.booleans(),
    misconfigured=st.booleans(),
)


@given(
    candidates=st.lists(_CANDIDATES, unique_by=lambda one: one.provider),
    routes=st.lists(_ROUTES, max_size=6),
    minor=st.integers(1, 3000),
    method=st.sampled_from(["", "visa", "sepa"]),
)
def test_who_takes_a_payment_is_able_and_first_by_priority_and_cost(
    candidates: list[Candidate], routes: list[Route], minor: int, method: str
) -> None:
    rules = [
        HouseRule(
            id=None, kind=RuleKind.ROUTE, name=str(number), terms=route, valid_from=NOW, valid_until=None,
            made_at=NOW, made_by="",
        )  # type: ignore[arg-type]
        for number, route in enumerate(routes)
    ]  # fmt: skip
    wish = Wish(Money(minor, EURO), "DE", method)
    choices = route_rules.choose(wish=wish, candidates=candidates, rules=rules)
    assert {choice.provider for choice in choices} == {one.provider for one in candidates}
    by_name = {one.provider: one for one in candidates}
    takers = [choice for choice in choices if choice.takes_it]
    assert list(choices[: len(takers)]) == takers
    for choice in takers:
        one = by_name[choice.provider]
        assert one.enabled and not one.is_down and not one.misconfigured and one.limits
        assert one.limits[""].least <= wish.amount <= one.limits[""].most
        assert not method or method in one.methods
    assert [choice.priority for choice in takers] == sorted(choice.priority for choice in takers)
    # Shuffled, it is the same choice.
    again = route_rules.choose(wish=wish, candidates=candidates[::-1], rules=rules[::-1])
    assert [choice.provider for choice in again] == [choice.provider for choice in choices]
