"""Payments, spending, refunds and disputes in any order, beside a provider that counts its own money.

After every step: what the provider has of ours is what the books say it has, no payment went back beyond itself, the lots of
each wallet carry what was paid for them, and the whole house proves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA_MONTH
from tests.builders.paying import a_test_provider
from tests.builders.people import NOW, a_command, a_player
from tests.properties.machines import run_machine
from tests.sweep import Sweep
from warchest.charging.contract import Charging, UnableToSpend, UnableToTransfer
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.refund_found import take_refund_from_outside
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.payments import attempts
from warchest.payments.contract import Payments, Status, UnableToRefund
from warchest.runtime.services import services
from warchest.sdk.payments import DisputeReport, DisputeStanding, Report, Standing

_numbers = count()

players = st.integers(0, 1)
which = st.integers(0, 30)
cents = st.integers(1, 1500)
shares = st.integers(1, 100)
answers = st.sampled_from([Standing.SUCCEEDED, Standing.PENDING, Standing.UNKNOWN, Standing.FAILED])
openings = st.sampled_from([Standing.SUCCEEDED, Standing.SUCCEEDED, Standing.PENDING, Standing.UNKNOWN])


class PaymentsMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.stack = ExitStack()
        # All examples share a database: each has a provider of its own.
        self.provider = f"bank{next(_numbers)}"
        self.till = self.stack.enter_context(a_test_provider(self.provider))
        self.sponsor = a_player()
        self.players = [a_player(sponsor=self.sponsor).id for _ in range(2)]
        self.payments: list = []
        self.fetched: dict[str, Money] = {}
        self.outside: list[Money] = []
        self.days = 0

    @property
    def at(self):
        return NOW + timedelta(days=self.days, minutes=1)

    @property
    def command(self):
        return a_command(at=self.at)

    @rule(player=players, minor=cents, opening=openings)
    def top_up(self, player, minor, opening):
        self.till.starts = [opening]
        amount = Money(100 + minor, Money.parse("1", "EUR").currency)
        done = start_top_up(self.command, player=self.players[player], amount=amount, provider=self.provider)
        self.payments.append(done.answer.id)

    def _payment(self, number):
        return services.get(Payments).payment(payment_id=self.payments[number % len(self.payments)])

    @precondition(lambda self: self.payments)
    @rule(number=which)
    def player_pays_after_all(self, number):
        payment = self._payment(number)
        (attempt,) = services.get(Payments).attempts(payment_id=payment.id)
        if payment.status in {Status.PENDING, Status.UNKNOWN}:
            row = attempts.row_of(payment_id=payment.id, number=attempt.number)
            self.till.paid[attempt.reference] = attempts.request_of(payment, row)
        if payment.status in {Status.PENDING, Status.UNKNOWN, Status.CREATED}:
            inquire_and_settle(self.command, payment_id=payment.id)

    @rule(player=players)
    def subscribe(self, player):
        with suppress(UnableToSpend):
            prolong_subscription(self.command, player=self.players[player], plan=ARENA_MONTH, periods=1)

    @rule(player=players, units=st.integers(1, 40_000))
    def charge_in_game(self, player, units):
        try:
            hold = reserve_units(
                self.command,
                player=self.players[player],
                amount=Money.units(units),
                purpose="match",
                expires_in_s=600,
            ).answer
        except UnableToSpend:
            return
        capture_hold(self.command, hold_id=hold.id, amount=None)

    @rule(sender=players, units=st.integers(1, 30_000))
    def send(self, sender, units):
        with suppress(UnableToTransfer):
            transfer_units(
                self.command,
                sender=self.players[sender],
                recipient=self.players[1 - sender],
                amount=Money.units(units),
            )

    @precondition(lambda self: self.payments)
    @rule(number=which, share=shares, answer=answers)
    def refund(self, number, share, answer):
        payment = self._payment(number)
        wanted = Money(max(1, payment.amount.minor * share // 100), payment.amount.currency)
        if answer is not Standing.SUCCEEDED:
            self.till.answers = [Report(answer, provider_reference="")]
        try:
            refund_payment(self.command, payment_id=payment.id, amount=wanted, reason="asked")
        except UnableToRefund:
            assert payment.refundable < wanted
        self.till.answers = []

    @precondition(lambda self: self.payments)
    @rule(number=which, share=shares)
    def refund_at_the_providers_desk(self, number, share):
        payment = self._payment(number)
        amount = Money(max(1, payment.amount.minor * share // 100), payment.amount.currency)
        if payment.credited_at is None or amount > payment.refundable:
            return
        self.outside.append(amount)
        made = Report(Standing.SUCCEEDED, provider_reference=f"desk-{len(self.outside)}", amount=amount)
        for _ in range(2):
            take_refund_from_outside(self.command, payment_id=payment.id, report=made)

    @precondition(lambda self: self.payments)
    @rule(number=which, share=shares, standing=st.sampled_from(list(DisputeStanding)))
    def dispute(self, number, share, standing):
        payment = self._payment(number)
        if payment.credited_at is None:
            return
        known = {one.provider_dispute: one for one in services.get(Payments).disputes(payment_id=payment.id)}
        told = f"d-{payment.id}"
        if told not in known and payment.refundable.minor == 0:
            return
        amount = known[told].amount if told in known else payment.refundable * 1
        hear_dispute(
            self.command,
            payment_id=payment.id,
            provider=self.provider,
            report=DisputeReport(id=told, standing=standing, amount=amount),
        )

    @rule(days=st.integers(1, 9))
    def time_passes(self, days):
        for _ in range(days):
            day = self.at.date()
            self.days += 1
            recognise_revenue(a_command(at=self.at), day=day)
        settle_open_payments(at=self.at)

    @invariant()
    def provider_and_books_agree(self) -> None:
        if not hasattr(self, "till"):
            return
        sums = services.get(Ledger).book_sums_by_owner(book="provider_clearing")
        fetched = given = open_at_provider = 0
        for payment_id in self.payments:
            payment = services.get(Payments).payment(payment_id=payment_id)
            assert payment.refundable.minor >= 0
            fetched += payment.disputed.minor
            for refund in services.get(Payments).refunds(payment_id=payment_id):
                if (
                    refund.kind == "asked"
                    and refund.decided_at is None
                    and refund.reference in self.till.given
                ):
                    # The provider has given it back, and its answer was lost: the next question tells.
                    open_at_provider += refund.amount.minor
        given = sum(amount.minor for amount in self.outside)
        unpaid = sum(
            services.get(Payments).payment(payment_id=payment_id).amount.minor
            for payment_id in self.payments
            if services.get(Payments).payment(payment_id=payment_id).credited_at is None
            and str(payment_id) in self.till.paid
        )
        has = self.till.has()["EUR"] - fetched - given + open_at_provider - unpaid
        assert sums.get((self.provider, "EUR"), 0) == has
        for player in self.players:
            wallet = services.get(Charging).wallet(player=player)
            assert wallet.posted.minor >= wallet.held.minor >= 0
        assert_books_prove()

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            # What nobody knew is known in the end: every refund is decided, one way or the other.
            for _ in range(3):
                settle_open_payments(at=self.at + timedelta(days=40), limit=500)
            assert not services.get(Payments).open_refunds()
            self.provider_and_books_agree()
            self.stack.close()


@pytest.mark.timeout(0)
@pytest.mark.use_case("PAY-02")
@pytest.mark.in_process("the provider is an object of the tests")
def test_money_that_goes_back_never_parts_from_what_it_brought(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    with lasting_database():
        run_machine(PaymentsMachine, sweep, examples=6, steps=25)
