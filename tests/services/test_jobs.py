"""Background work: pulses that run in one worker at a time, tasks by the calendar, and what a dead worker leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connections
from procrastinate.contrib.django import app as tasks

from tests.builders.feed import publish
from tests.builders.people import NOW, a_command, a_player
from warchest.charging.contract import Charging
from warchest.jobs import app, housekeeping, outbox, pulse
from warchest.jobs.pulse import Pulse
from warchest.journeys.hold_units import reserve_units
from warchest.journeys.register_player import register_player
from warchest.kernel.money import Money
from warchest.runtime import health, idempotency
from warchest.runtime.services import services
from warchest.statistics.contract import Statistics

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _not_draining_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is told to stop says for good that its process is not ready; here that is the process of all tests."""
    monkeypatch.setattr(health, "_draining", False)
    monkeypatch.setattr(health, "_movements", {})


FORTY = Money.parse("40", "XCR")


def wait_for(condition: Callable[[], object], *, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.05)


def in_thread(call: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class TestPulse:
    def test_runs_in_one_worker_at_a_time(self) -> None:
        entered, leave = threading.Event(), threading.Event()

        def slow() -> None:
            entered.set()
            leave.wait(10)

        thread = in_thread(lambda: pulse.beat(Pulse("slow", 1, slow)))
        entered.wait(10)
        assert pulse.beat(Pulse("slow", 1, slow)) is False
        assert pulse.beat(Pulse("other", 1, lambda: None)) is True
        leave.set()
        thread.join()
        assert pulse.beat(Pulse("slow", 1, slow)) is True

    def test_lets_go_when_what_it_calls_fails(self) -> None:
        def fail() -> None:
            raise ValueError("as planned")

        with pytest.raises(ValueError, match="as planned"):
            pulse.beat(Pulse("failing", 1, fail))
        ran = []
        in_thread(lambda: ran.append(pulse.beat(Pulse("failing", 1, lambda: None)))).join()
        assert ran == [True]

    def test_lets_go_when_its_worker_dies(self, superuser_dsn: str) -> None:
        def die() -> None:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                process = cursor.fetchone()[0]
            with psycopg.connect(superuser_dsn, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(%s)", [process])
            raise ConnectionError("as planned")

        with pytest.raises(ConnectionError, match="as planned"):
            pulse.beat(Pulse("dying", 1, die))
        assert pulse.beat(Pulse("dying", 1, lambda: None)) is True

    def test_goes_on_after_errors(self) -> None:
        stop, beats = threading.Event(), []

        def fail_first() -> None:
            beats.append(1)
            if len(beats) == 1:
                raise ValueError("as planned")
            stop.set()

        pulse.keep_beating(Pulse("failing", 0, fail_first), stop)
        assert len(beats) == 2

    def test_names_every_lock_apart(self) -> None:
        assert len({each.lock for each in app.PULSES}) == len(app.PULSES)


class TestWorker:
    def test_carries_events_on_until_it_is_stopped(self) -> None:
        publish("players.registered", key="nobody", at=NOW, country="DE")
        stop = threading.Event()
        worker = in_thread(lambda: app.run_worker(stop))
        try:
            wait_for(lambda: not services.get(Statistics).behind())
        finally:
            stop.set()
            worker.join(15)
        assert not worker.is_alive()

    def test_runs_the_tasks_that_the_calendar_asks_for(self) -> None:
        job = tasks.configure_task("recognise_revenue").defer(timestamp=0)
        stop = threading.Event()
        worker = in_thread(lambda: app.run_worker(stop))
        try:
            wait_for(lambda: _status_of(job) == "succeeded")
        finally:
            stop.set()
            worker.join(15)

    def test_knows_when_to_run_each_task(self) -> None:
        crons = {task.task.name: task.cron for task in tasks.periodic_registry.periodic_tasks.values()}
        assert crons["recognise_revenue"] == "5 * * * *"
        assert {"forget_old_keys", "prove_books", "retry_stalled_jobs", "remove_old_jobs"} < set(crons)


def _status_of(job: int) -> str:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT status FROM procrastinate_jobs WHERE id = %s", [job])
        return str(cursor.fetchone()[0])


class TestHousekeeping:
    def test_lets_expired_holds_go(self) -> None:
        player = a_player(with_units="100")
        reserve_units(
            a_command(),
            player=player.id,
            amount=FORTY,
            purpose="duel",
            expires_in_s=60,
        )
        assert services.get(Charging).wallet(player=player.id).held == FORTY
        assert housekeeping.lapse_holds(at=NOW + timedelta(seconds=61)) == 1
        assert housekeeping.lapse_holds(at=NOW + timedelta(seconds=61)) == 0
        assert not services.get(Charging).wallet(player=player.id).held

    def test_recognises_a_day_once_however_often_it_is_asked(self) -> None:
        for _ in range(3):
            housekeeping.recognise_yesterday(at=NOW)
        with connections["default"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM runtime_operation WHERE name = 'subscriptions.recognise_revenue'"
            )
            assert cursor.fetchone()[0] == 1

    def test_forgets_keys_after_their_time_and_no_others(self) -> None:
        command = a_command()
        details = {"email": "ann@example.org", "password": None, "country": "DE", "language": "en"}
        register_player(command, nickname="ann", **details)
        assert housekeeping.forget_old_keys(at=datetime.now(UTC) + timedelta(days=29)) == 0
        assert register_player(command, nickname="ann", **details).replayed
        assert housekeeping.forget_old_keys(at=datetime.now(UTC) + timedelta(days=31)) == 1
        assert idempotency.forget(before=datetime.now(UTC) + timedelta(days=1)) == 0

    def test_forgets_many_keys_in_small_steps(self) -> None:
        for number in range(5):
            publish("tests.nothing", number=number)
        assert idempotency.forget(before=datetime.now(UTC) + timedelta(days=1), batch=2) == 5

    def test_proves_the_books_of_a_living_house(self) -> None:
        a_player()
        outbox.count_events()
        outbox.take_in_events()
        assert housekeeping.prove_books() == 0
