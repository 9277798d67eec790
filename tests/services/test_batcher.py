"""Callers joined into sets: what befalls one of them befalls no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from django.db import Error, connection, connections

from tests.builders.books import assert_books_prove
from tests.services.test_ledger import entry, issue, ledger, units
from warchest.ledger.contract import Ledger, credit, debit
from warchest.runtime import batcher
from warchest.runtime.batcher import Batcher

__all__ = ["ledger"]


class Post:
    """Stands for the database: the first set waits until it is let go, so that all others must join."""

    def __init__(self) -> None:
        self.sets: list[tuple[str, ...]] = []
        self.threads_that_fail: set[int] = set()
        self.has_begun, self.may_go = threading.Event(), threading.Event()

    def __call__(self, drafts: Sequence[str]) -> Sequence[str]:
        if not self.has_begun.is_set():
            self.has_begun.set()
            assert self.may_go.wait(10)
        self.sets.append(tuple(drafts))
        if "unsound" in drafts or threading.get_ident() in self.threads_that_fail:
            raise ValueError("cannot be posted")
        return [draft.upper() for draft in drafts]


class Crowd:
    """One who is at work, and others who wait for him one behind the other."""

    def __init__(self) -> None:
        self.post = Post()
        self.batcher: Batcher[str, str] = Batcher(self.post, lanes=1)
        self.threads = ThreadPoolExecutor(8)
        self.first = self.threads.submit(self.batcher.do, ["first"])
        assert self.post.has_begun.wait(10)

    def join(self, *drafts: str):
        waiting = len(self.batcher._waiting)
        answer = self.threads.submit(self.batcher.do, drafts)
        while len(self.batcher._waiting) == waiting:
            pass
        return answer

    def go(self) -> None:
        self.post.may_go.set()
        self.threads.shutdown(wait=True)


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


class TestBatcher:
    def test_joins_all_who_wait(self, crowd: Crowd) -> None:
        answers = [crowd.join("one"), crowd.join("two", "three")]
        crowd.go()

        assert [list(answer.result()) for answer in answers] == [["ONE"], ["TWO", "THREE"]]
        assert crowd.post.sets == [("first",), ("one", "two", "three")]

    def test_tells_only_the_one_whose_fault_it_is(self, crowd: Crowd) -> None:
        sound, unsound, other = crowd.join("one"), crowd.join("unsound"), crowd.join("two")
        crowd.go()

        assert list(sound.result()) == ["ONE"]
        assert list(other.result()) == ["TWO"]
        with pytest.raises(ValueError):
            unsound.result()

    def test_lets_others_post_by_themselves_where_the_leader_cannot(self, crowd: Crowd) -> None:
        def lead() -> Sequence[str]:
            crowd.post.threads_that_fail.add(threading.get_ident())
            return crowd.batcher.do(["leader"])

        leader = crowd.threads.submit(lead)
        while not crowd.batcher._waiting:
            pass
        others = [crowd.join("one"), crowd.join("two")]
        crowd.go()

        assert [list(answer.result()) for answer in others] == [["ONE"], ["TWO"]]
        with pytest.raises(ValueError):
            leader.result()

    def test_loses_no_lane_where_two_are_handed_on_before_anybody_wakes(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at_work, may_go, may_wake = threading.Barrier(3), threading.Event(), threading.Event()

        class Sleepy(InterruptedWhenWoken):
            def acquire(self) -> None:
                first = not self._lock.locked()
                self._lock.acquire()
                assert first or may_wake.wait(10)

        def post(drafts: Sequence[str]) -> Sequence[str]:
            if drafts[0].startswith("lane"):
                at_work.wait(10)
                assert may_go.wait(10)
            return drafts

        two_lanes: Batcher[str, str] = Batcher(post, lanes=2)
        with ThreadPoolExecutor(3) as threads:
            leaders = [threads.submit(two_lanes.do, ["lane 1"]), threads.submit(two_lanes.do, ["lane 2"])]
            at_work.wait(10)
            with monkeypatch.context() as patch:
                patch.setattr(batcher, "threading", SimpleNamespace(Lock=Sleepy))
                waiter = threads.submit(two_lanes.do, ["one"])
                while not two_lanes._waiting:
                    pass
            may_go.set()
            assert [list(leader.result()) for leader in leaders] == [["lane 1"], ["lane 2"]]
            may_wake.set()
            assert list(waiter.result()) == ["one"]
        assert two_lanes._free_lanes == 2

    def test_hands_no_lane_to_a_leader_who_gathers_but_to_who_has_none(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batcher, "_GATHER_S", 30.0)
        at_work, may_go = threading.Event(), threading.Event()

        def post(drafts: Sequence[str]) -> Sequence[str]:
            if "first" in drafts:
                at_work.set()
                assert may_go.wait(10)
            return drafts

        two_lanes: Batcher[str, str] = Batcher(post, lanes=2)
        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(two_lanes.do, ["first"])
            assert at_work.wait(10)
            # As after a crowd that was answered a moment ago: whoever leads now waits for three.
            two_lanes._usual, two_lanes._ended = 3, time.monotonic()
            gathers = threads.submit(two_lanes.do, ["gathers"])
            while not two_lanes._awaited:
                pass
            waits = threads.submit(two_lanes.do, ["waits"])
            while len(two_lanes._waiting) < 2:
                pass
            may_go.set()
            assert list(waits.result(10)) == ["waits"]
            two_lanes._enough.set()
            assert list(first.result()) == ["first"]
            assert list(gathers.result()) == ["gathers"]
        assert two_lanes._free_lanes == 2

    def test_hands_the_lane_on_where_the_next_leader_was_interrupted(
        self, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(batcher, "threading", SimpleNamespace(Lock=InterruptedWhenWoken))
            gone = crowd.join("gone")
        other = crowd.join("one")
        crowd.go()

        assert isinstance(gone.exception(), KeyboardInterrupt)
        assert list(other.result()) == ["ONE"]
        assert list(crowd.batcher.do(["later"])) == ["LATER"]


class InterruptedWhenWoken:
    """The lock that a caller sleeps at, for one whom somebody interrupts just when he is woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.locked, self.release = self._lock.locked, self._lock.release

    def acquire(self) -> None:
        if self._lock.locked():
            self._lock.acquire()
            raise KeyboardInterrupt
        self._lock.acquire()


class TestGathering:
    """Those who were answered together are waited for, once they may be on their way again."""

    @pytest.fixture
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("warchest.runtime.batcher._GATHER_S", 10.0)

    @pytest.fixture
    def three(self, crowd: Crowd, patient: None) -> Crowd:
        """A crowd whose last set was of three."""
        answers = [crowd.join(name) for name in ("one", "two", "three")]
        crowd.post.may_go.set()
        assert [list(answer.result()) for answer in answers] == [["ONE"], ["TWO"], ["THREE"]]
        return crowd

    def test_a_leader_waits_for_as_many_as_the_last_time(self, three: Crowd) -> None:
        answers = [three.join(name) for name in ("uno", "due", "tre")]
        three.threads.shutdown(wait=True)

        assert [len(one) for one in three.post.sets] == [1, 3, 3]
        assert sorted(answer.result()[0] for answer in answers) == ["DUE", "TRE", "UNO"]

    def test_one_who_comes_after_they_have_gone_is_served_at_once(self, three: Crowd) -> None:
        three.batcher._ended -= 11
        assert list(three.batcher.do(["late"])) == ["LATE"]
        # Nobody came along, so fewer are waited for next.
        assert three.batcher._usual == 1

    def test_one_who_always_comes_alone_is_waited_for_by_nobody(self, patient: None) -> None:
        alone: Batcher[str, str] = Batcher(lambda drafts: drafts)
        assert [list(alone.do([name])) for name in "abc"] == [["a"], ["b"], ["c"]]


@pytest.mark.usefixtures("database")
class TestPost:
    def test_of_many_at_once_fails_only_for_him_whose_connection_died(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 1))
        meet = threading.Barrier(12)

        def pay(number: int) -> bool:
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                    if number % 4 == 0:
                        connection.connection.close()
                meet.wait()
                for _ in range(10):
                    ledger.post(entry=issue("anna", 1))
                return True
            except Error:
                return False
            finally:
                connections.close_all()

        with ThreadPoolExecutor(12) as threads:
            paid = list(threads.map(pay, range(12)))
        # Where another leads, even he is served.
        assert [number for number, done in enumerate(paid) if not done and number % 4] == []
        assert_books_prove()

    def test_of_many_at_once_fails_only_for_him_whose_entry_cannot_be_kept(self, ledger: Ledger) -> None:
        meet = threading.Barrier(6)

        def pay(number: int) -> bool:
            key = f"k{number}" * (100 if number == 3 else 1)
            meet.wait()
            try:
                ledger.post(entry=entry(debit("issued", units(1)), credit("purse", units(1)), key=key))
                return True
            except Error:
                return False
            finally:
                connections.close_all()

        with ThreadPoolExecutor(6) as threads:
            paid = list(threads.map(pay, range(6)))
        assert [number for number, done in enumerate(paid) if not done] == [3]
        assert_books_prove()
