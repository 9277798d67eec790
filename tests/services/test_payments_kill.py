"""``kill -9`` before and after every step of a top-up and of a refund: each commit, and each word with the provider.

The one who dies is a process of its own. What comes after it is what comes in life: the caller asks again with the same key,
or does not, and the worker looks after whatever is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.killing import STEPS_MAX, dies_at
from tests.builders.people import NOW, a_command, a_player
from warchest.charging.contract import Charging
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.payments.contract import Payment, Payments, Status
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = [
    pytest.mark.usefixtures("database", "sandbox"),
    pytest.mark.use_case("PAY-01"),
    pytest.mark.use_case("PAY-02"),
    pytest.mark.in_process("processes of the test's own die"),
]
TEN = Money.parse("10.00", "EUR")


@pytest.fixture
def sandbox(tmp_path) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path) as running:
        running.control(lose_notices=True)
        with changed_configuration(providers={"sandbox": dict(running.settings)}):
            yield running


def payments_of(player: UUID) -> tuple[Payment, ...]:
    return services.get(Payments).payments_of(player=player)


def worker_comes_by() -> None:
    for hours in (30, 60, 90):
        settle_open_payments(at=NOW + timedelta(hours=hours), limit=500)


def refunded_at(sandbox: RunningSandbox, payment_id: UUID) -> str:
    """What the provider's own books say."""
    told = sandbox.desk(str(payment_id))
    assert told is not None
    made = [
        Money.parse(one["amount"]["amount"], "EUR") for one in told["refunds"] if one["status"] == "succeeded"
    ]
    return sum(made, Money.parse("0.00", "EUR")).major


def units(player: UUID) -> str:
    wallet = services.get(Charging).wallet(player=player)
    assert not wallet.held
    return wallet.posted.major


@pytest.mark.parametrize("caller_asks_again", [True, False])
def test_a_top_up_is_credited_once_or_was_never_taken(sandbox: RunningSandbox, caller_asks_again: bool):
    for step in range(1, STEPS_MAX):
        player = a_player().id
        command = a_command()

        def begin(command=command, player=player):
            return start_top_up(command, player=player, amount=TEN, provider="sandbox").answer

        died = dies_at(step, begin)
        if caller_asks_again:
            begin()
        for payment in payments_of(player):
            if sandbox.desk(str(payment.id)):
                sandbox.pay(str(payment.id))
        worker_comes_by()
        ends = [payment.status for payment in payments_of(player)]
        if caller_asks_again or not died:
            assert ends == [Status.SUCCEEDED], f"step {step}"
        else:
            assert ends in ([], [Status.FAILED], [Status.SUCCEEDED]), f"step {step}"
        assert units(player) == ("1000.00" if Status.SUCCEEDED in ends else "0.00")
        if not died:
            break
    assert 8 <= step < STEPS_MAX
    assert_books_prove()


def a_payment_at_the_provider(sandbox: RunningSandbox) -> tuple[UUID, Payment]:
    player = a_player().id
    payment = start_top_up(a_command(), player=player, amount=TEN, provider="sandbox").answer
    sandbox.pay(str(payment.id))
    return player, payment


def test_what_was_paid_is_credited_whoever_dies_in_asking(sandbox: RunningSandbox):
    for step in range(1, STEPS_MAX):
        player, payment = a_payment_at_the_provider(sandbox)
        died = dies_at(step, lambda payment=payment: inquire_and_settle(a_command(), payment_id=payment.id))
        worker_comes_by()
        assert units(player) == "1000.00", f"step {step}"
        if not died:
            break
    assert 6 <= step < STEPS_MAX
    assert_books_prove()


def test_a_refund_takes_the_units_once_or_never_began(sandbox: RunningSandbox):
    for step in range(1, STEPS_MAX):
        player, payment = a_payment_at_the_provider(sandbox)
        inquire_and_settle(a_command(), payment_id=payment.id)
        command = a_command()
        four = Money.parse("4.00", "EUR")
        died = dies_at(
            step,
            lambda command=command, payment=payment, four=four: refund_payment(
                command, payment_id=payment.id, amount=four, reason="asked"
            ),
        )
        worker_comes_by()
        refunded = services.get(Payments).payment(payment_id=payment.id).refunded.major
        assert refunded == refunded_at(sandbox, payment.id), f"step {step}"
        assert (refunded, units(player)) in {("4.00", "600.00"), ("0.00", "1000.00")}, f"step {step}"
        if not died:
            assert refunded == "4.00"
            break
    assert 8 <= step < STEPS_MAX
    assert_books_prove()
