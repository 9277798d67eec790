"""A provider that hangs takes no thread away from the others, and is left alone until it answers again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.db import connections

from tests.builders.configuration import change_configuration
from tests.builders.people import a_command, a_player
from warchest.journeys.receive_notice import receive_notice
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.payments import bulkhead, exchanges, providers
from warchest.payments.bulkhead import LEFT_ALONE_S, SILENT_MAX, Bulkhead, NoAnswerInTime
from warchest.payments.contract import Payment, Payments, Status, UnableToUseProvider
from warchest.runtime.services import services
from warchest.sdk.payments import (
    Description,
    Health,
    Notice,
    PaymentProvider,
    Report,
    Standing,
    Subject,
    UnableToTrustNotice,
)

NOW = datetime.now(UTC).replace(microsecond=0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestPlaces:
    def test_there_are_so_many_and_no_more(self) -> None:
        hanging, goes_on = Bulkhead("hanging", calls_max=2), threading.Event()

        def call() -> str:
            with hanging.place() as place:
                return place.call(lambda: str(goes_on.wait(20)), within_s=20, silent=lambda _: False)

        with ThreadPoolExecutor(2) as pool:
            called = [pool.submit(call) for _ in range(2)]
            until(lambda: hanging.state.under_way == 2)
            with pytest.raises(UnableToUseProvider, match="provider_busy"), hanging.place():
                pass
            goes_on.set()
            assert [one.result() for one in called] == ["True", "True"]
        assert call() == "True" and hanging.state.under_way == 0

    def test_one_is_taken_until_the_call_itself_has_ended(self) -> None:
        """Whoever stopped waiting has gone; the thread that hangs is still there."""
        hanging, goes_on = Bulkhead("hanging", calls_max=1), threading.Event()
        with pytest.raises(NoAnswerInTime), hanging.place() as place:
            place.call(lambda: goes_on.wait(20), within_s=0.05, silent=lambda _: False)
        with pytest.raises(UnableToUseProvider, match="provider_busy"), hanging.place():
            pass
        goes_on.set()
        until(lambda: not hanging.state.under_way)
        with hanging.place() as place:
            assert place.call(lambda: 1, within_s=1, silent=lambda _: False) == 1

    def test_one_that_is_not_used_is_given_back(self) -> None:
        one = Bulkhead("one", calls_max=1)
        for _ in range(3):
            with pytest.raises(RuntimeError), one.place():
                raise RuntimeError
        assert one.state.under_way == 0

    def test_what_the_call_raises_comes_to_its_caller(self) -> None:
        with pytest.raises(TimeoutError, match="mine"), Bulkhead("one", calls_max=1).place() as place:
            place.call(_raises(TimeoutError("mine")), within_s=5, silent=lambda _: False)


def _raises(error: Exception):
    def call() -> None:
        raise error

    return call


class TestCircuit:
    @pytest.fixture
    def clock(self) -> SimpleNamespace:
        return SimpleNamespace(now=1000.0)

    @pytest.fixture
    def silent(self, clock: SimpleNamespace) -> Bulkhead:
        return Bulkhead("silent", calls_max=4, clock=lambda: clock.now)

    def ask(self, one: Bulkhead, *, answers: bool) -> None:
        with one.place() as place:
            place.call(lambda: answers, within_s=5, silent=lambda said: not said)

    def test_opens_after_silences_in_a_row_and_not_by_their_sum(self, silent: Bulkhead) -> None:
        for _ in range(3):
            for _ in range(SILENT_MAX - 1):
                self.ask(silent, answers=False)
            self.ask(silent, answers=True)
        assert not silent.state.is_down

        for _ in range(SILENT_MAX):
            self.ask(silent, answers=False)
        assert silent.state.is_down
        with pytest.raises(UnableToUseProvider, match="provider_down"):
            self.ask(silent, answers=True)

    def test_lets_one_caller_try_after_a_while(self, silent: Bulkhead, clock: SimpleNamespace) -> None:
        for _ in range(SILENT_MAX):
            self.ask(silent, answers=False)
        clock.now += LEFT_ALONE_S
        assert not silent.state.is_down
        with silent.place() as trial:
            assert silent.state.is_down
            with pytest.raises(UnableToUseProvider, match="provider_down"):
                self.ask(silent, answers=True)
            trial.call(lambda: True, within_s=5, silent=lambda said: not said)
        self.ask(silent, answers=True)
        assert not silent.state.is_down

    def test_waits_once_more_when_the_trial_was_silent(
        self, silent: Bulkhead, clock: SimpleNamespace
    ) -> None:
        for _ in range(SILENT_MAX):
            self.ask(silent, answers=False)
        clock.now += LEFT_ALONE_S
        self.ask(silent, answers=False)
        with pytest.raises(UnableToUseProvider, match="provider_down"):
            self.ask(silent, answers=True)
        clock.now += LEFT_ALONE_S
        self.ask(silent, answers=True)

    def test_a_trial_that_was_not_used_leaves_it_to_the_next(
        self, silent: Bulkhead, clock: SimpleNamespace
    ) -> None:
        for _ in range(SILENT_MAX):
            self.ask(silent, answers=False)
        clock.now += LEFT_ALONE_S
        with silent.place():
            pass
        self.ask(silent, answers=True)

    def test_what_says_nothing_of_the_provider_neither_opens_nor_closes_it(
        self, silent: Bulkhead, clock: SimpleNamespace
    ) -> None:
        def forged() -> None:
            with silent.place() as place:
                place.call(lambda: "forged", within_s=5, silent=lambda _: None)

        for _ in range(SILENT_MAX - 1):
            self.ask(silent, answers=False)
            forged()
        assert not silent.state.is_down
        self.ask(silent, answers=False)
        assert silent.state.is_down
        clock.now += LEFT_ALONE_S
        forged()
        # It is still to be tried.
        self.ask(silent, answers=False)
        assert silent.state.is_down

    def test_one_place_may_be_left_to_others(self) -> None:
        for calls_max, taken in ((3, 2), (1, 1)):
            one = Bulkhead("one", calls_max=calls_max)
            with ExitStack() as places:
                for _ in range(taken):
                    places.enter_context(one.place(left_free=1))
                with pytest.raises(UnableToUseProvider, match="provider_busy"), one.place(left_free=1):
                    pass
                if taken < calls_max:
                    places.enter_context(one.place())


@dataclass
class Stuck(PaymentProvider):
    """Never answers until it is told to go on."""

    goes_on: threading.Event = field(default_factory=threading.Event)
    name: str = "stuck"
    settings_type: ClassVar[type] = dict

    @property
    def description(self) -> Description:
        return Description(self.name, ("visa",), frozenset({"EUR"}))

    def start(self, payment):
        if self.name == "stuck":
            self.goes_on.wait(30)
        return Report(Standing.PENDING, provider_reference=f"{self.name}-{payment.reference}")

    def inquire(self, payment, *, provider_reference):
        return Report(Standing.PENDING, provider_reference=provider_reference)

    asks_about_notices: ClassVar[bool] = True

    def read_notice(self, notice):
        if notice.body == b"forged":
            raise UnableToTrustNotice("notice_signature_wrong")
        self.goes_on.wait(30)
        return Notice(notice.body.decode(), "", Report(Standing.PENDING), subject=Subject.NOTHING)

    def health(self) -> Health:
        return Health(True)


@pytest.mark.usefixtures("database")
class TestAtTheDoor:
    @pytest.fixture
    def stuck(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
        stuck, well = Stuck(), Stuck(name="well")
        both = {
            one.name: providers.Plugin(one.name, "tests", "1", lambda one=one: _factory(one))
            for one in (stuck, well)
        }
        monkeypatch.setattr(providers, "installed", lambda: both)
        change_configuration(
            providers={"stuck": {"calls_at_once": 3, "call_s_max": 0.5}, "well": {"calls_at_once": 3}}
        )
        monkeypatch.setattr(providers, "_built", {})
        bulkhead.forget_all()
        yield stuck
        stuck.goes_on.set()
        bulkhead.forget_all()
        change_configuration()

    def pay(self, provider: str) -> Payment:
        try:
            return start_top_up(
                a_command(at=NOW),
                player=a_player().id,
                amount=Money.parse("10.00", "EUR"),
                provider=provider,
            ).answer
        finally:
            connections.close_all()

    def test_the_others_go_on_while_one_hangs(self, stuck: Stuck) -> None:
        with ThreadPoolExecutor(3) as pool:
            hanging = [pool.submit(self.pay, "stuck") for _ in range(3)]
            until(lambda: bulkhead.of("stuck", calls_max=3).state.under_way == 3)
            assert self.pay("well").status is Status.PENDING
            with pytest.raises(UnableToUseProvider, match="provider_busy") as refused:
                self.pay("stuck")
            # Whoever waited too long knows no more than that, and the money may have been taken.
            ended = [one.result().status for one in hanging]
        assert ended == [Status.UNKNOWN] * 3 and refused.value.reason in refused.value.passing
        assert services.get(Payments).counts()[Status.CREATED] == 1

    def test_who_finds_it_busy_has_said_nothing_and_may_come_again(self, stuck: Stuck) -> None:
        player, command = a_player(), a_command(at=NOW)
        with ThreadPoolExecutor(3) as pool:
            for _ in range(3):
                pool.submit(self.pay, "stuck")
            until(lambda: bulkhead.of("stuck", calls_max=3).state.under_way == 3)
            pay = {"player": player.id, "amount": Money.parse("10.00", "EUR"), "provider": "stuck"}
            with pytest.raises(UnableToUseProvider, match="provider_busy"):
                start_top_up(command, **pay)
        (created,) = services.get(Payments).payments_of(player=player.id)
        assert services.get(Payments).messages(payment_id=created.id) == ()
        stuck.goes_on.set()
        until(lambda: not bulkhead.of("stuck", calls_max=3).state.under_way)

        again = start_top_up(command, **pay)

        assert (again.answer.id, again.answer.status) == (created.id, Status.PENDING)

    def notice(self, body: bytes = b"n-1") -> str:
        """Why it was refused; empty where it was stored."""
        try:
            receive_notice(provider="stuck", headers={}, body=body, at=NOW)
        except UnableToTrustNotice as refusal:
            return refusal.reason
        finally:
            connections.close_all()
        return ""

    def test_notices_that_only_the_provider_can_confirm_leave_a_place_to_payments(self, stuck: Stuck) -> None:
        with ThreadPoolExecutor(4) as pool:
            notices = [pool.submit(self.notice) for _ in range(4)]
            until(lambda: bulkhead.of("stuck", calls_max=3).state.under_way == 2)
            paid = pool.submit(self.pay, "stuck")
            # Whether it is right nobody knows: it comes again.
            assert [one.result() for one in notices] == ["notice_unverifiable"] * 4
            assert paid.result().status is Status.UNKNOWN
        stuck.goes_on.set()
        until(lambda: not bulkhead.of("stuck", calls_max=3).state.under_way)
        assert self.notice() == ""

    def test_forged_notices_do_not_make_a_provider_one_that_is_down(self, stuck: Stuck) -> None:
        refused = {self.notice(b"forged") for _ in range(2 * SILENT_MAX)}
        assert refused == {"notice_signature_wrong"}
        assert bulkhead.of("stuck", calls_max=3).state == bulkhead.State(0, False, 0)


def _factory(one: Stuck):
    def factory(settings: object) -> Stuck:
        return one

    factory.settings_type = dict  # type: ignore[attr-defined]
    return factory


@pytest.mark.parametrize(
    ("report", "silent"),
    [
        (Report(Standing.UNKNOWN, reason="timeout"), True),
        (Report(Standing.UNKNOWN, reason="unreachable", never_sent=True), True),
        (Report(Standing.UNKNOWN, reason="http_503", raw="<html>Bad gateway</html>"), True),
        (Report(Standing.UNKNOWN, reason="unreadable", raw="<html>Something else</html>"), False),
        (Report(Standing.UNKNOWN, reason="reference_differs", raw="{}"), False),
        (Report(Standing.PENDING), False),
    ],
)
def test_who_answers_something_else_is_not_silent(report: Report, silent: bool) -> None:
    assert exchanges._is_silence(report) is silent
