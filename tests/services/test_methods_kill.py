"""``kill -9`` before and after every step of a top-up by order, of a direct purchase, and of forgetting a card.

What comes after the one who died is the worker, and nobody else: the player is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.house import ARENA_MONTH
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, a_command, a_player
from warchest.charging.contract import Charging
from warchest.jobs.methods import forget_methods, top_up_by_themselves
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.buy_directly import buy_directly
from warchest.journeys.forget_method import forget_method
from warchest.journeys.order_auto_top_up import order_auto_top_up
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.payments.contract import (
    AUTO_WORDING,
    SAVING_WORDING,
    MethodState,
    Payments,
    PurposeState,
    Status,
)
from warchest.payments.models import SavedMethod as MethodRow
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest_sandbox.testing import RunningSandbox

pytestmark = [
    pytest.mark.usefixtures("database", "sandbox"),
    pytest.mark.in_process("processes of the test's own die"),
]
TEN, FIVE = Money.parse("10.00", "EUR"), Money.parse("5.00", "EUR")


@pytest.fixture
def sandbox(tmp_path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path) as running:
        running.control(lose_notices=True)
        with changed_configuration(providers={"sandbox": dict(running.settings)}):
            yield running


def units(player: UUID) -> str:
    return services.get(Charging).wallet(player=player).posted.major


def who_saved(sandbox: RunningSandbox) -> tuple[UUID, UUID]:
    """A player with 1000 units, and the card that they saved."""
    player = a_player().id
    payment = start_top_up(
        a_command(), player=player, amount=TEN, provider="sandbox", consent=SAVING_WORDING
    ).answer
    sandbox.pay(str(payment.id))
    inquire_and_settle(a_command(), payment_id=payment.id)
    (method,) = services.get(Payments).saved_methods(player=player)
    return player, method.id


@pytest.mark.use_case("PAY-08")
def test_a_top_up_by_order_charges_once_whoever_dies(sandbox: RunningSandbox):
    payments = services.get(Payments)
    for step in range(1, STEPS_MAX):
        player, method = who_saved(sandbox)
        order_auto_top_up(
            a_command(),
            player=player,
            below=Money.parse("1500", "XCR"),
            amount=TEN,
            cap=TEN,
            method_id=method,
            wording=AUTO_WORDING,
        )
        died = dies_at(step, lambda: top_up_by_themselves(at=NOW))
        for hours in (1, 30, 60):
            settle_open_payments(at=NOW + timedelta(hours=hours), limit=500)
            top_up_by_themselves(at=NOW + timedelta(hours=hours))
        ended = [run.status for run in payments.auto_runs(player=player)]
        taken = [
            payment
            for payment in payments.payments_of(player=player)
            if (sandbox.desk(str(payment.id)) or {}).get("status") == "succeeded"
        ]
        # One of them paid, since whoever came later found the wallet as low; what nobody was told of failed before it.
        assert ended.count(Status.SUCCEEDED) == 1, f"step {step}"
        assert set(ended) <= {Status.SUCCEEDED, Status.FAILED}, f"step {step}"
        assert len(taken) == 2 and units(player) == "2000.00", f"step {step}"
        month = NOW.date().replace(day=1)
        assert payments.month_used(player=player, month=month, currency="EUR") == TEN, f"step {step}"
        if not died:
            break
    assert 8 <= step < STEPS_MAX
    assert_books_prove()


@pytest.mark.use_case("PAY-06")
def test_a_payment_buys_what_it_is_for_once_whoever_dies(sandbox: RunningSandbox):
    payments = services.get(Payments)
    for step in range(1, STEPS_MAX):
        player = a_player().id
        payment = buy_directly(
            a_command(),
            player=player,
            plan=ARENA_MONTH,
            periods=1,
            amount=FIVE,
            charge=Money.parse("500", "XCR"),
            provider="sandbox",
        ).answer
        sandbox.pay(str(payment.id))
        died = dies_at(step, lambda payment=payment: inquire_and_settle(a_command(), payment_id=payment.id))
        for hours in (1, 30, 60):
            settle_open_payments(at=NOW + timedelta(hours=hours), limit=500)
        purpose = payments.purpose(payment_id=payment.id)
        assert purpose is not None and purpose.state is PurposeState.DONE, f"step {step}"
        (subscription,) = services.get(Subscriptions).subscriptions(player=player)
        assert len(services.get(Subscriptions).grants(subscription_id=subscription.id)) == 1, f"step {step}"
        assert units(player) == "0.00", f"step {step}"
        if not died:
            break
    assert 6 <= step < STEPS_MAX
    assert_books_prove()


@pytest.mark.use_case("PAY-07")
def test_a_card_is_forgotten_whole_or_not_at_all_whoever_dies(sandbox: RunningSandbox):
    for step in range(1, STEPS_MAX):
        player, method = who_saved(sandbox)
        died = dies_at(
            step,
            lambda player=player, method=method: forget_method(a_command(), player=player, method_id=method),
        )
        for hours in (1, 30):
            forget_methods(at=NOW + timedelta(hours=hours))
        state = services.get(Payments).saved_method(method_id=method).state
        assert state in (MethodState.USABLE, MethodState.FORGOTTEN), f"step {step}"
        assert (MethodRow.objects.get(id=method).token is None) == (state is MethodState.FORGOTTEN)
        if state is MethodState.USABLE:
            paid = start_top_up(a_command(), player=player, amount=TEN, saved_method=method).answer
            assert paid.status is Status.SUCCEEDED, f"step {step}"
        if not died:
            assert state is MethodState.FORGOTTEN
            break
    assert 4 <= step < STEPS_MAX
