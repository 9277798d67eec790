"""Calls between processes: the same contract, the same answers, the same refusals."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec
import pytest
from django.utils import translation

from tests.builders.broker import RunningBroker, a_broker, wait_until
from tests.builders.people import a_player
from warchest.cards.contract import Cards
from warchest.charging.contract import WALLET_BOOK
from warchest.journeys.refusals import explain
from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.runtime import at_work
from warchest.runtime.broker import carried, client, host, remote
from warchest.runtime.broker.client import Answer, Silent, Unreachable
from warchest.runtime.broker.directory import NatsDirectory
from warchest.runtime.broker.failures import CODE_HEADER, ERROR_HEADER, Misunderstood, RemoteFailure
from warchest.runtime.broker.host import Host
from warchest.runtime.broker.methods import REQUEST_BYTES_MAX, methods_of, subject
from warchest.runtime.configuration import Broker, Configuration
from warchest.runtime.services import ServiceManager, open_work, services

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class UnableToBrew(UnableTo):
    reasons = frozenset({"kettle_empty"})


@dataclass(frozen=True, slots=True)
class Cup:
    number: int
    price: Money
    player: UUID


class Kitchen(Protocol):
    """A contract of this test's, to ask a host for what the real ones seldom do."""

    def brew(self, *, number: int, player: UUID, at: datetime, note: str = "") -> Cup: ...

    def refuse(self) -> None: ...

    def pass_by(self) -> None: ...

    def break_down(self) -> None: ...

    def who(self) -> Mapping[str, str]: ...

    def seconds_left(self) -> float: ...

    def wait_for(self, *, seconds: float) -> int: ...

    @at_most_once
    def count(self, *, seconds: float) -> int: ...

    def long_text(self, *, length: int) -> str: ...


class LocalKitchen:
    secret = "not part of the contract"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.go_on = threading.Event()

    def brew(self, *, number: int, player: UUID, at: datetime, note: str = "") -> Cup:
        self.calls.append("brew")
        return Cup(number, Money.parse("1.50", "EUR"), player)

    def refuse(self) -> None:
        raise UnableToBrew("kettle_empty", cups=3, tea="green")

    def pass_by(self) -> None:
        raise TryAgain("busy", retry_after_s=7, cups=3)

    def break_down(self) -> None:
        raise ZeroDivisionError("the password is swordfish")

    def who(self) -> Mapping[str, str]:
        task = at_work.current()
        assert task is not None
        return {
            "actor": task.actor,
            "request_id": task.request_id,
            "language": translation.get_language() or "",
        }

    def seconds_left(self) -> float:
        return carried.seconds_left()

    def wait_for(self, *, seconds: float) -> int:
        self.calls.append("wait_for")
        self.go_on.wait(seconds)
        return len(self.calls)

    def count(self, *, seconds: float) -> int:
        self.calls.append("count")
        self.go_on.wait(seconds)
        return len(self.calls)

    def long_text(self, *, length: int) -> str:
        return "x" * length

    def not_in_the_contract(self) -> None:
        self.calls.append("not_in_the_contract")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    with a_broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@contextmanager
def hosting(broker: RunningBroker, kitchen: LocalKitchen, *, name: str = "cards") -> Iterator[Kitchen]:
    """The kitchen, offered under the name of a service that has a user; answers a stub."""
    manager = ServiceManager()
    manager.register(Kitchen, kitchen, name=name)
    offered = Host(manager, link_of=broker.link).start()
    try:
        yield broker.stub(Kitchen, name=name)
    finally:
        kitchen.go_on.set()
        offered.stop(within_s=5)


class TestOneProcessAsksAnother:
    def test_an_answer_is_what_it_is_here(self, broker: RunningBroker, database: str) -> None:
        player = a_player(with_units="100")
        with broker.hosting("members", "ledger", "cards", database=database):
            members, ledger = broker.stub(Members, name="members"), broker.stub(Ledger, name="ledger")
            assert members.player(player_id=player.id) == services.get(Members).player(player_id=player.id)
            assert members.players(player_ids=[player.id]) == {player.id: members.player(player_id=player.id)}
            # Keys of two words, balances, and a chart of dataclasses.
            sums = services.get(Ledger).book_sums_by_owner(book=WALLET_BOOK)
            assert sums and ledger.book_sums_by_owner(book=WALLET_BOOK) == sums
            assert ledger.books() == services.get(Ledger).books()

            with pytest.raises(UnableToFindPlayer) as refusal:
                members.player(player_id=new_id())
            assert refusal.value.reason == "player_unknown" and not refusal.value.replayed

            cards = broker.stub(Cards, name="cards")
            guesses = {"player": player.id, "client_address": "192.0.2.7", "at": MOMENT}
            for _ in range(5):
                cards.count_guess(**guesses)
            with pytest.raises(TryAgain) as locked:
                cards.check_not_locked(**guesses)
            with pytest.raises(TryAgain) as locked_here:
                services.get(Cards).check_not_locked(**guesses)
            assert locked.value.reason == "too_many_attempts"
            assert (locked.value.retry_after_s, locked.value.details) == (
                locked_here.value.retry_after_s,
                locked_here.value.details,
            )

    def test_half_a_character_is_nobodys_code_there_too(self) -> None:
        """JSON brings such texts; none that is kept has one."""
        method = methods_of(Cards)["code_hash"]
        assert method.arguments is not None
        assert method.arguments.decode(method.arguments.encode({"typed": "A\ud800B"})) == {
            "typed": "A\ufffd\ufffd\ufffdB"
        }

    def test_what_cannot_travel_runs_here(self, broker: RunningBroker, database: str) -> None:
        # Nobody hosts the ledger: an answer can only come from here.
        difference = broker.stub(Ledger, name="ledger").first_difference(
            book=WALLET_BOOK, accounts=[], kept=lambda entries: ()
        )
        assert str(difference) == "no entry differs by itself"


class TestFailures:
    def test_a_refusal_comes_back_with_reason_and_details(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen, pytest.raises(UnableToBrew) as refusal:
            kitchen.refuse()
        assert refusal.value.reason == "kettle_empty"
        assert refusal.value.details == {"cups": 3, "tea": "green"}
        assert type(refusal.value) is UnableToBrew

    def test_a_passing_failure_comes_back_with_its_pause(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen, pytest.raises(TryAgain) as failure:
            kitchen.pass_by()
        assert (failure.value.reason, failure.value.retry_after_s) == ("busy", 7)
        assert failure.value.details == {"cups": 3}

    def test_an_error_that_nobody_foresaw_tells_its_class_and_no_more(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen, pytest.raises(RemoteFailure) as failure:
            kitchen.break_down()
        assert "ZeroDivisionError" in str(failure.value)
        assert "swordfish" not in str(failure.value)

    def test_where_nobody_answers_the_caller_is_told_to_try_again(self, broker: RunningBroker) -> None:
        kitchen = broker.stub(Kitchen, name="referrals")
        with carried.within(0.3), pytest.raises(TryAgain) as failure:
            kitchen.who()
        assert failure.value.reason == "service_unavailable"
        with translation.override("de"):
            told = explain(failure.value)
        assert (told.status, told.text.partition(" ")[0]) == (503, "Dieser")


class TestWhatIsCarriedAlong:
    def test_the_callers_identity_and_language(self, broker: RunningBroker) -> None:
        with (
            hosting(broker, LocalKitchen()) as kitchen,
            at_work.task(request_id="request-123456", actor=f"player:{new_id()}") as task,
            translation.override("de"),
        ):
            assert kitchen.who() == {
                "actor": task.actor,
                "request_id": "request-123456",
                "language": "de",
            }
            with translation.override("en"):
                assert kitchen.who()["language"] == "en"

    def test_the_time_that_is_left(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen:
            assert kitchen.seconds_left() <= carried.CALL_S_MAX
            with carried.within(5):
                assert 0 < kitchen.seconds_left() <= 5

    def test_a_call_ends_when_its_callers_time_is_over(self, broker: RunningBroker) -> None:
        local = LocalKitchen()
        with (
            hosting(broker, local) as kitchen,
            carried.within(0.3),
            pytest.raises(TryAgain) as failure,
        ):
            kitchen.wait_for(seconds=60)
        assert failure.value.reason == "service_unavailable"

    def test_what_comes_too_late_is_not_begun(self, broker: RunningBroker) -> None:
        local = LocalKitchen()
        with hosting(broker, local):
            headers = {carried.DEADLINE: "0"}
            broker.link().publish(_place("wait_for"), b'{"seconds": 0}', headers)
            assert _asked(broker, "who", b"{}").data
        assert local.calls == []


class TestOnlyTheContractIsAccepted:
    @pytest.mark.parametrize(
        ("method", "data"),
        [
            ("brew", b'{"number": "1", "player": "01a20472-68dc-7d2e-8f34-1d7b2f0ccb2a", "at": "2026-01-01T00:00:00Z"}'),
            ("brew", b'{"number": 1, "player": "nobody", "at": "2026-01-01T00:00:00Z"}'),
            ("brew", b'{"number": 1, "player": "01a20472-68dc-7d2e-8f34-1d7b2f0ccb2a"}'),
            ("brew", b'{"number": 1.5, "player": "01a20472-68dc-7d2e-8f34-1d7b2f0ccb2a", "at": "2026-01-01T00:00:00Z"}'),
            (
                "brew",
                b'{"number": 1, "player": "01a20472-68dc-7d2e-8f34-1d7b2f0ccb2a", "at": "2026-01-01T00:00:00Z", "x": 1}',
            ),
            ("brew", b"[]"),
            ("brew", b"\x80\x04pickled"),
            ("brew", b""),
        ],
    )  # fmt: skip
    def test_arguments_of_other_types_are_refused(
        self, broker: RunningBroker, method: str, data: bytes
    ) -> None:
        local = LocalKitchen()
        with hosting(broker, local):
            answer = _asked(broker, method, data)
        assert answer.headers[CODE_HEADER] == "400"
        assert answer.headers[ERROR_HEADER] == "malformed"
        assert local.calls == []

    @pytest.mark.parametrize("method", ["not_in_the_contract", "secret", "__init__", "_brew", "__class__"])
    def test_only_the_contracts_methods_exist(self, broker: RunningBroker, method: str) -> None:
        local = LocalKitchen()
        with hosting(broker, local):
            answer = _asked(broker, method, b"{}")
        assert answer.headers[ERROR_HEADER] == "method_unknown"
        assert local.calls == []

    def test_a_request_that_is_too_long_is_refused_unread(self, broker: RunningBroker) -> None:
        local = LocalKitchen()
        with hosting(broker, local) as kitchen:
            answer = _asked(broker, "brew", b'"' + b"x" * REQUEST_BYTES_MAX + b'"')
            assert answer.headers[ERROR_HEADER] == "request_too_large"
            with pytest.raises(ValueError, match="too long"):
                kitchen.brew(number=1, player=new_id(), at=MOMENT, note="x" * REQUEST_BYTES_MAX)
        assert local.calls == []

    def test_an_answer_that_is_too_long_is_a_failure_and_not_a_silence(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen:
            assert len(kitchen.long_text(length=2_000_000)) == 2_000_000
            with pytest.raises(RemoteFailure):
                kitchen.long_text(length=9_000_000)

    def test_a_stub_takes_no_other_arguments_either(self, broker: RunningBroker) -> None:
        with hosting(broker, LocalKitchen()) as kitchen:
            with pytest.raises(TypeError, match="colour"):
                kitchen.brew(number=1, player=new_id(), at=MOMENT, colour="red")  # type: ignore[call-arg]
            with carried.within(0.3), pytest.raises(Misunderstood):
                kitchen.brew(number=1, player=new_id())  # type: ignore[call-arg]

    def test_an_answer_of_another_shape_is_an_error_here(self, broker: RunningBroker) -> None:
        """A host of another version must not make us believe what is not so."""

        class Other(Protocol):
            def who(self) -> Cup: ...

        with hosting(broker, LocalKitchen()), pytest.raises(msgspec.ValidationError):
            broker.stub(Other, name="cards").who()


class TestWhatIsRepeated:
    def test_a_long_call_is_waited_for_and_not_begun_twice(
        self, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host, "BEAT_S", 0.05)
        monkeypatch.setattr(remote, "SILENCE_S", 2.0)
        local = LocalKitchen()
        with hosting(broker, local) as kitchen:
            # Longer than silence may last: the one at work is heard of meanwhile.
            assert kitchen.wait_for(seconds=4.5) == 1

    def test_a_call_of_which_nothing_is_heard_is_asked_again(
        self, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "SILENCE_S", 0.2)
        deaf = broker.link("cards")
        taken = []
        subscription = deaf.subscribe(_place("*"), taken.append, queue_group="warchest")
        local = LocalKitchen()
        try:
            with hosting(broker, local) as kitchen:
                for _ in range(200):
                    assert kitchen.brew(number=1, player=new_id(), at=MOMENT).number == 1
                    if taken:
                        break
        finally:
            subscription.leave()
        assert taken, "one of two never got a call"

    def test_what_may_be_done_once_only_is_not_repeated(
        self, broker: RunningBroker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote, "SILENCE_S", 0.2)
        deaf = broker.link("cards")
        taken = []
        subscription = deaf.subscribe(_place("*"), taken.append, queue_group="warchest")
        try:
            with pytest.raises(TryAgain) as failure:
                broker.stub(Kitchen, name="cards").count(seconds=0)
        finally:
            subscription.leave()
        assert failure.value.reason == "service_unavailable"
        assert len(taken) == 1

    def test_what_surely_was_not_delivered_waits_for_somebody(self, broker: RunningBroker) -> None:
        answers: list[int] = []
        kitchen = broker.stub(Kitchen, name="cards")
        asking = threading.Thread(target=lambda: answers.append(kitchen.count(seconds=0)))
        asking.start()
        time.sleep(0.2)
        assert not answers
        with hosting(broker, LocalKitchen()):
            asking.join(10)
        assert answers == [1]


class TestBusinessTransactions:
    def test_a_stub_is_never_called_in_one(self, broker: RunningBroker) -> None:
        class Open:
            def join(self, alias: str) -> None: ...

        local = LocalKitchen()
        with hosting(broker, local) as kitchen:
            token = open_work.set(Open())
            try:
                with pytest.raises(RuntimeError, match="business transaction"):
                    kitchen.brew(number=1, player=new_id(), at=MOMENT)
            finally:
                open_work.reset(token)
        assert local.calls == []


def test_many_threads_share_one_connection(broker: RunningBroker) -> None:
    player = new_id()
    wrong: list[object] = []

    def ask(first: int) -> None:
        for number in range(first, first + 50):
            cup = kitchen.brew(number=number, player=player, at=MOMENT)
            if cup != Cup(number, Money.parse("1.50", "EUR"), player):
                wrong.append(cup)

    local = LocalKitchen()
    with hosting(broker, local) as kitchen:
        threads = [threading.Thread(target=ask, args=(100 * each,)) for each in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(local.calls) == 300


def test_a_forked_process_has_connections_of_its_own(broker: RunningBroker) -> None:
    """As web servers do: what the parent had is not the child's, and the parent's goes on."""
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        import django
        django.setup()
        from tests.services.test_broker_calls import Kitchen
        from warchest.runtime.broker import client, remote
        from warchest.runtime.broker.client import Place

        urls, authority, user, password = sys.argv[1:]
        place = Place((urls,), Path(authority), user, password)
        kitchen = remote.stub(Kitchen, name="cards", cluster="main", link=lambda: client.link_to(place))
        assert kitchen.wait_for(seconds=0) == 1
        for number in (2, 3):
            child = os.fork()
            if not child:
                os._exit(0 if kitchen.wait_for(seconds=0) == number else 1)
            assert os.waitpid(child, 0)[1] == 0
        assert kitchen.wait_for(seconds=0) == 4
        """
    )
    place = broker.place("caller")
    with hosting(broker, LocalKitchen()):
        done = subprocess.run(
            [sys.executable, "-c", script, place.urls[0], place.authority, place.user, place.password],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr


def test_calls_go_on_when_the_broker_restarts(broker: RunningBroker) -> None:
    local = LocalKitchen()
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                kitchen.brew(number=1, player=new_id(), at=MOMENT)
            except BaseException as error:
                failures.append(error)
                return

    with hosting(broker, local) as kitchen:
        thread = threading.Thread(target=ask)
        thread.start()
        wait_until(lambda: local.calls)
        broker.broker.restart()
        before = len(local.calls)
        wait_until(lambda: len(local.calls) > before + 10 or failures)
        stop.set()
        thread.join()
    assert not failures


def test_a_broker_that_was_never_started_is_nobody_who_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Configuration(broker=Broker(embedded=True))
    monkeypatch.setattr(client, "configuration", lambda: wanted)
    monkeypatch.setattr(client.server, "broker_folder", lambda: tmp_path)
    directory = NatsDirectory()
    assert directory.refresh() == ()
    with carried.within(0.2), pytest.raises(TryAgain) as failure:
        directory.stub(Kitchen, name="cards", cluster=services.cluster).who()
    assert failure.value.reason == "service_unavailable"


def _place(method: str) -> str:
    return subject(cluster="main", service="cards", method=method)


def _asked(broker: RunningBroker, method: str, data: bytes) -> Answer:
    """Asked again, as stubs do, where a busy machine let a connection break just now."""
    answers: list[Answer] = []

    def answered() -> bool:
        with suppress(Unreachable, Silent):
            answers.append(broker.link().call(_place(method), data, {}, silence_s=5, timeout_s=5))
        return bool(answers)

    wait_until(answered)
    return answers[0]
