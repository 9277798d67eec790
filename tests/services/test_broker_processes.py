"""Processes that die, freeze, leave and come back, while others go on calling."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from click.testing import CliRunner

from tests.builders.broker import HostProcess, RunningBroker, a_broker, wait_until
from tests.builders.people import a_player
from warchest.catalogue.contract import Catalogue
from warchest.cli import serve
from warchest.cli.main import main
from warchest.kernel.errors import TryAgain
from warchest.members.contract import Members
from warchest.runtime.broker import carried
from warchest.runtime.broker.directory import NatsDirectory, UnableToControlInstance
from warchest.runtime.configuration import Broker, Configuration
from warchest.runtime.services import Instance, services


@pytest.fixture(scope="module")
def database(lasting_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    with lasting_database() as name:
        yield name


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with a_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture(scope="module")
def copies(broker: RunningBroker, database: str) -> Iterator[tuple[HostProcess, HostProcess]]:
    """Two processes that host the same service, for all tests here: whoever ends one, ends a third."""
    started = tuple(HostProcess(broker, ["members"], database=database, environment={}) for _ in range(2))
    try:
        for process in started:
            process.wait_until_registered()
        yield started[0], started[1]
    finally:
        for process in started:
            process.end()


class Callers:
    """Threads that go on calling, and count what they are answered."""

    def __init__(self, broker: RunningBroker, *, threads: int = 2) -> None:
        self.answers = 0
        self.failures: list[BaseException] = []
        self._player = services.get(Members).player(player_id=a_player().id)
        self._members = broker.stub(Members, name="members")
        self._stop = threading.Event()
        self._guard = threading.Lock()
        self._threads = [threading.Thread(target=self._call) for _ in range(threads)]

    def _call(self) -> None:
        while not self._stop.is_set():
            try:
                assert self._members.player(player_id=self._player.id) == self._player
                with self._guard:
                    self.answers += 1
            except BaseException as failure:
                self.failures.append(failure)
                return

    def go_on(self, *, for_answers: int = 50) -> None:
        """Wait until so many more were answered."""
        wanted = self.answers + for_answers
        wait_until(lambda: self.answers >= wanted or self.failures, lambda: f"{self.answers} answered")
        assert not self.failures, self.failures

    @contextmanager
    def calling(self) -> Iterator[Callers]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()


def _of(directory: NatsDirectory, process: HostProcess) -> Instance | None:
    return next((found for found in directory.refresh() if found.process == process.pid), None)


def _calls(directory: NatsDirectory, process: HostProcess) -> int:
    found = _of(directory, process)
    return found.calls if found else 0


@pytest.mark.use_case("SMG-09")
def test_one_service_in_a_process_of_its_own_registers_and_is_found_by_name(
    broker: RunningBroker, database: str, copies: tuple[HostProcess, HostProcess]
) -> None:
    with broker.hosting("catalogue", database=database) as process:
        (found,) = process.instances()
        assert (found.name, found.cluster, found.database) == ("catalogue", "main", "default")
        assert (found.process, found.calls, found.errors) == (process.pid, 0, 0)
        catalogue = broker.stub(Catalogue, name="catalogue")
        assert catalogue.online_services() == services.get(Catalogue).online_services()
        (found,) = process.instances()
        assert (found.calls, found.errors) == (1, 0)
        assert found.latency_ms > 0
        everybody = broker.directory().refresh()
        assert [each for each in everybody if each.name == "catalogue"] == [found]
        assert len([each for each in everybody if each.name == "members"]) == 2


@pytest.mark.use_case("SMG-01")
def test_copies_share_the_load_and_when_one_is_killed_callers_go_on(
    broker: RunningBroker, database: str, copies: tuple[HostProcess, HostProcess]
) -> None:
    directory = broker.directory()
    with (
        broker.hosting("members", database=database) as third,
        Callers(broker).calling() as callers,
    ):
        wait_until(lambda: all(_calls(directory, each) for each in (*copies, third)))
        third.send(signal.SIGKILL)
        callers.go_on(for_answers=100)
        # Nobody took it out of a list: who does not answer is not there.
        wait_until(lambda: _of(directory, third) is None)
        assert all(_of(directory, each) for each in copies)


def test_a_process_that_is_told_to_stop_lets_no_call_fail(
    broker: RunningBroker, database: str, copies: tuple[HostProcess, HostProcess]
) -> None:
    directory = broker.directory()
    with (
        broker.hosting("members", database=database) as third,
        Callers(broker, threads=4).calling() as callers,
    ):
        wait_until(lambda: _calls(directory, third))
        third.send(signal.SIGTERM)
        assert third.process.wait(20) == 0, third.log
        callers.go_on()
        assert "calls_left" not in third.log


def test_a_frozen_process_is_noticed_and_callers_go_on(
    broker: RunningBroker, copies: tuple[HostProcess, HostProcess]
) -> None:
    directory, (one, other) = broker.directory(), copies
    with Callers(broker).calling() as callers:
        callers.go_on()
        one.send(signal.SIGSTOP)
        try:
            callers.go_on(for_answers=100)
            wait_until(lambda: _of(directory, one) is None)
        finally:
            one.send(signal.SIGCONT)
        # It signs in anew, and is given its share again.
        wait_until(lambda: _of(directory, one) is not None)
        took = _calls(directory, one)
        wait_until(lambda: _calls(directory, one) > took)
        callers.go_on()
        assert _of(directory, other)


def test_an_instance_is_taken_out_and_put_back_while_it_lives(
    broker: RunningBroker, copies: tuple[HostProcess, HostProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, (one, other) = broker.directory(), copies
    members = broker.stub(Members, name="members")
    player = services.get(Members).player(player_id=a_player().id)
    with Callers(broker).calling() as callers:
        callers.go_on()
        found = _of(directory, one)
        assert found is not None and not found.taken_out
        directory.take_out(found.id)
        assert _of(directory, one).taken_out  # type: ignore[union-attr]
        rested = _calls(directory, one)
        callers.go_on()
        assert _calls(directory, one) == rested
        assert one.process.poll() is None

    # With the last one out there is nobody left to ask.
    last = _of(directory, other)
    assert last is not None
    directory.take_out(last.id)
    with carried.within(0.3), pytest.raises(TryAgain) as failure:
        members.player(player_id=player.id)
    assert failure.value.reason == "service_unavailable"

    for instance in (found, last, last):
        # Putting back twice is as once: no call is heard twice.
        directory.put_back(instance.id)
    with Callers(broker).calling() as callers:
        wait_until(lambda: _calls(directory, one) > rested)
        callers.go_on()
    assert not any(each.taken_out for each in directory.refresh())


def test_an_instance_that_nobody_knows_cannot_be_taken_out(broker: RunningBroker) -> None:
    with pytest.raises(UnableToControlInstance) as refusal:
        broker.directory().take_out("0" * 32)
    assert refusal.value.reason == "instance_unknown"


class TestServe:
    """Which processes ``warchest serve`` runs; that they do what they should is shown elsewhere."""

    @pytest.mark.parametrize(
        ("broker", "told", "answering"),
        [
            (Broker(), None, None),
            (Broker(embedded=True), None, {}),
            (Broker(urls=("nats://10.0.0.1:4222",)), "cards", {"WARCHEST_SERVICES": "cards"}),
            (Broker(embedded=True), "", None),
        ],
        ids=["no broker", "all services", "one service", "no service"],
    )
    def test_a_whole_house_answers_others_calls_for_the_services_it_has(
        self,
        monkeypatch: pytest.MonkeyPatch,
        broker: Broker,
        told: str | None,
        answering: dict[str, str] | None,
    ) -> None:
        monkeypatch.setattr(serve, "configuration", lambda: Configuration(broker=broker))
        monkeypatch.delenv("WARCHEST_SERVICES", raising=False)
        if told is not None:
            monkeypatch.setenv("WARCHEST_SERVICES", told)
        found = [dict(child.environment) for child in serve.children() if child.name == "services"]
        assert found == ([] if answering is None else [answering])

    def test_single_services_need_a_broker(self) -> None:
        done = CliRunner().invoke(main, ["serve", "--services", "cards"])
        assert done.exit_code == 1
        assert "[broker]" in done.output

    def test_a_service_that_does_not_exist_is_told_with_those_that_do(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            serve, "configuration", lambda: Configuration(broker=Broker(urls=("nats://127.0.0.1:9",)))
        )
        done = CliRunner().invoke(main, ["serve", "--services", "cards,magic"])
        assert done.exit_code == 1
        assert "'magic'" in done.output and "subscriptions" in done.output
