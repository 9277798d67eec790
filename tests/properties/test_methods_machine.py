"""Saved cards and top-ups by order, in any order, beside a provider that answers anything and counts its own money.

After every step: no order has two runs that are open, no run took its month beyond the cap of its moment, nothing was charged by
a token that the provider had let go, and what the provider took is what wallets and books say.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import ClassVar
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.house import ARENA_MONTH
from tests.builders.paying import TestProvider, Till
from tests.builders.people import NOW, a_command, a_player
from tests.properties.machines import run_machine
from tests.sweep import Sweep
from warchest.charging.contract import Charging, UnableToSpend
from warchest.jobs.methods import forget_methods
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.forget_method import forget_method
from warchest.journeys.order_auto_top_up import order_auto_top_up
from warchest.journeys.prolong_topping_up import prolong_topping_up
from warchest.journeys.settle_payment import settle_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.top_up_by_itself import close_run, top_up_by_itself
from warchest.kernel.money import Money
from warchest.payments import providers
from warchest.payments.contract import (
    AUTO_WORDING,
    SAVING_WORDING,
    MethodState,
    Occasion,
    Payments,
    Status,
    UnableToOrderAutoTopUp,
    UnableToUseMethod,
)
from warchest.runtime.services import services
from warchest.sdk.payments import Ability, Description, Instrument, PaymentRequest, Report, Standing

_numbers = count()

EUR = Money.parse("1", "EUR").currency
amounts = st.integers(1, 5)
openings = st.sampled_from(
    [Standing.SUCCEEDED, Standing.SUCCEEDED, Standing.PENDING, Standing.UNKNOWN, Standing.FAILED]
)
words = st.sampled_from([Standing.SUCCEEDED, Standing.SUCCEEDED, Standing.FAILED, Standing.UNKNOWN])


class SavingProvider(TestProvider):
    """Saves what it is asked to, each card with a token of its own, and charges no token that it has let go."""

    __test__ = False
    saved: ClassVar[set[str]] = set()
    charged_after_forgetting: ClassVar[list[str]] = []
    forgets: ClassVar[list[Standing]] = []

    @property
    def description(self) -> Description:
        able = frozenset({Ability.INQUIRE, Ability.SAVED_METHODS})
        return Description("Bank", ("card",), frozenset({"EUR"}), able)

    def start(self, payment: PaymentRequest) -> Report:
        if payment.saved_method and payment.saved_method not in self.saved:
            self.charged_after_forgetting.append(payment.reference)
        said = super().start(payment)
        if not payment.save_method or said.standing is not Standing.SUCCEEDED:
            return said
        token = f"token-{payment.reference}"
        self.saved.add(token)
        card = Instrument("visa", "Visa •••• 4242", fingerprint=f"card-{next(_numbers)}", token=token)
        return replace(said, instrument=card)

    def forget_method(self, *, payer: str, token: str) -> Report:
        standing = self.forgets.pop(0) if self.forgets else Standing.SUCCEEDED
        if standing is Standing.SUCCEEDED:
            self.saved.discard(token)
        return Report(standing)


class MethodsMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        name = f"saver{next(_numbers)}"
        TestProvider.till = self.till = Till()
        SavingProvider.saved, SavingProvider.forgets = set(), []
        SavingProvider.charged_after_forgetting = []
        plugins = {
            **providers.installed(),
            name: providers.Plugin(name, "tests", "1", lambda: SavingProvider),
        }
        self.stack.enter_context(mock.patch.object(providers, "installed", lambda: plugins))
        self.stack.enter_context(changed_configuration(providers={name: {}}))
        self.provider, self.hours = name, 0
        self.player = a_player().id
        self.methods: list = []
        self.seen: set = set()
        self.save()
        self.order(2, 6)

    @property
    def at(self):
        return NOW + timedelta(hours=self.hours, minutes=1)

    @property
    def command(self):
        return a_command(at=self.at)

    @property
    def payments(self) -> Payments:
        return services.get(Payments)

    @rule()
    def save(self) -> None:
        self.till.starts = [Standing.SUCCEEDED]
        payment = start_top_up(
            self.command,
            player=self.player,
            amount=Money(100, EUR),
            provider=self.provider,
            consent=SAVING_WORDING,
        ).answer
        assert payment.status is Status.SUCCEEDED
        self.methods = [method.id for method in self.payments.saved_methods(player=self.player)]

    @rule(amount=amounts, cap=st.integers(1, 12))
    def order(self, amount: int, cap: int) -> None:
        method = self.methods[-1]
        try:
            order_auto_top_up(
                self.command,
                player=self.player,
                below=Money.parse("900", "XCR"),
                amount=Money(amount * 100, EUR),
                cap=Money(cap * 100, EUR),
                method_id=method,
                wording=AUTO_WORDING,
            )
        except UnableToOrderAutoTopUp:
            assert cap < amount
        except UnableToUseMethod:
            assert self.payments.saved_method(method_id=method).state is not MethodState.USABLE

    @rule(opening=openings)
    def look(self, opening: Standing) -> None:
        self.till.starts = [opening]
        top_up_by_itself(self.command, player=self.player, occasion=Occasion.BALANCE)
        self.check_new_runs()

    @rule(opening=openings)
    def prolong(self, opening: Standing) -> None:
        self.till.starts = [opening]
        try:
            prolong_topping_up(self.command, player=self.player, plan=ARENA_MONTH, periods=1)
        except UnableToSpend as refusal:
            assert refusal.reason == "insufficient_funds"
        self.check_new_runs()

    @rule(word=words, number=st.integers(0, 20))
    def hear(self, word: Standing, number: int) -> None:
        """Of any payment of a run, also one that had failed: its provider says how it stands."""
        runs = self.payments.auto_runs(player=self.player)
        if not runs:
            return
        payment = self.payments.payment(payment_id=runs[number % len(runs)].payment)
        (attempt,) = self.payments.attempts(payment_id=payment.id)
        report = Report(word, provider_reference=attempt.provider_reference, amount=payment.amount)
        if word is Standing.SUCCEEDED:
            request = PaymentRequest(attempt.reference, payment.amount, "", "", "", "en", "DE")
            self.till.paid.setdefault(attempt.reference, request)
        elif attempt.reference in self.till.paid:
            return
        if word is Standing.SUCCEEDED and payment.credited_at is None:
            # As providers do, and as their word is kept before it is acted on.
            inquire_and_settle(self.command, payment_id=payment.id)
        settle_payment(self.command, payment_id=payment.id, report=report)

    @rule()
    def close(self) -> None:
        for run in self.payments.open_runs():
            close_run(self.command, run_id=run)

    @rule(standing=words)
    def forget(self, standing: Standing) -> None:
        SavingProvider.forgets = [standing]
        forget_method(self.command, player=self.player, method_id=self.methods[-1])
        if len(self.methods) > 1:
            self.methods.pop()

    @rule(hours=st.sampled_from([2, 25, 24 * 10, 24 * 31]))
    def time_passes(self, hours: int) -> None:
        self.hours += hours
        forget_methods(at=self.at)

    def check_new_runs(self) -> None:
        order = self.payments.auto_top_up(player=self.player)
        assert order is not None
        runs = self.payments.auto_runs(player=self.player, limit=1000)
        for run in runs:
            if run.id in self.seen:
                continue
            self.seen.add(run.id)
            # Counted by ourselves: what failed for certain took nothing, and all else may have.
            may_have = [
                one.amount.minor
                for one in runs
                if one.month == run.month and one.status not in (Status.FAILED, Status.CANCELLED)
            ]
            assert sum(may_have) <= order.cap.minor, f"{sum(may_have)} of {order.cap}"
            used = self.payments.month_used(player=self.player, month=run.month, currency="EUR")
            assert used.minor == sum(may_have)

    @invariant()
    def one_at_a_time(self) -> None:
        if hasattr(self, "player"):
            runs = self.payments.auto_runs(player=self.player, limit=1000)
            assert sum(run.closed_at is None for run in runs) <= 1
            assert not SavingProvider.charged_after_forgetting

    @invariant()
    def money_is_where_it_belongs(self) -> None:
        if not hasattr(self, "player"):
            return
        mine = self.payments.payments_of(player=self.player, limit=500)
        credited = sum(payment.amount.minor for payment in mine if payment.credited_at)
        known = {str(payment.id) for payment in mine if payment.credited_at}
        assert credited == sum(
            paid.amount.minor for reference, paid in self.till.paid.items() if reference in known
        )
        lots = services.get(Charging).wallet(player=self.player, at=self.at)
        assert lots.available.minor >= 0

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            try:
                assert_books_prove()
            finally:
                self.stack.close()


@pytest.mark.timeout(0)
@pytest.mark.use_case("PAY-07")
@pytest.mark.use_case("PAY-08")
@pytest.mark.in_process("the provider is an object of the tests")
def test_cards_are_charged_as_ordered_whatever_happens(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with lasting_database():
        run_machine(MethodsMachine, sweep, examples=6, steps=25)
