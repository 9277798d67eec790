"""What is done after an answer: soon, in order, within bounds, and by nobody once it may be another's."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connections

from warchest.runtime import afterwards, at_work
from warchest.runtime.afterwards import Afterwards

pytestmark = pytest.mark.use_case("PAY-01")


def a_worker(
    do: Callable[[int, float], object], *, waiting_max: int = 100, within_s: float = 60
) -> Afterwards[int]:
    return Afterwards("a test", do, waiting_max=waiting_max, within_s=within_s)


def test_all_is_done_in_its_order_by_another_thread() -> None:
    done: list[tuple[int, int]] = []
    worker = a_worker(lambda what, _: done.append((what, threading.get_ident())))
    assert all([worker.hand_over(number) for number in range(50)])
    worker.finish()
    assert [what for what, _ in done] == list(range(50))
    assert threading.get_ident() not in {by for _, by in done}


def test_what_fails_keeps_nothing_else_from_being_done() -> None:
    done = []

    def fails_at_first(what: int, _: float) -> None:
        if what == 0:
            raise RuntimeError("no")
        done.append(what)

    worker = a_worker(fails_at_first)
    for number in range(3):
        worker.hand_over(number)
    worker.finish()
    assert done == [1, 2]


def test_no_more_wait_than_there_is_room_for() -> None:
    begun, go_on = threading.Event(), threading.Event()
    done = []

    def waits(what: int, _: float) -> None:
        begun.set()
        go_on.wait(20)
        done.append(what)

    worker = a_worker(waits, waiting_max=2)
    worker.hand_over(0)
    begun.wait(20)
    assert [worker.hand_over(number) for number in (1, 2, 3)] == [True, True, False]
    go_on.set()
    worker.finish()
    assert done == [0, 1, 2]


def test_what_waited_too_long_is_left_to_others() -> None:
    done: list[int] = []
    elapsed = []

    def slowly(what: int, since_s: float) -> None:
        done.append(what)
        elapsed.append(since_s)
        time.sleep(0.2)

    worker = a_worker(slowly, within_s=0.1)
    worker.hand_over(0)
    worker.hand_over(1)
    worker.finish()
    worker.hand_over(2)
    worker.finish()
    assert done == [0, 2]
    assert max(elapsed) < 0.1


def test_a_thread_that_is_idle_ends_and_another_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "_IDLE_S_MAX", 0.01)
    done: list[int] = []
    worker = a_worker(lambda what, _: done.append(what))
    for number in range(200):
        worker.hand_over(number)
        time.sleep(0.01 if number % 3 else 0)
    worker.finish()
    assert done == list(range(200))


def test_log_lines_belong_to_the_request_that_it_came_with() -> None:
    told: list[dict[str, str]] = []
    worker = a_worker(lambda what, _: told.append(at_work.told()))
    with at_work.task(request_id="request-7", actor="player:x"):
        worker.hand_over(0)
    worker.finish()
    assert told == [{"request_id": "request-7"}]


@pytest.mark.usefixtures("database")
def test_its_connections_are_given_back() -> None:
    kept = []

    def asks(what: int, _: float) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT 1")
        kept.append(connections["default"])

    worker = a_worker(asks)
    worker.hand_over(0)
    worker.hand_over(1)
    worker.finish()
    # One for both, of that thread.
    assert kept[0] is kept[1] and kept[0] is not connections["default"]
    assert kept[0].connection is None


def test_a_fork_has_threads_of_its_own_and_repeats_nothing() -> None:
    go_on, done = threading.Event(), []

    def waits(what: int, _: float) -> None:
        go_on.wait(20)
        done.append(what)

    worker = a_worker(waits)
    worker.hand_over(0)
    worker.hand_over(1)
    child = os.fork()
    if not child:
        go_on.set()
        worker.hand_over(2)
        worker.finish()
        os._exit(0 if done == [2] else 1)
    _, ended = os.waitpid(child, 0)
    go_on.set()
    worker.finish()
    assert ended == 0
    assert done == [0, 1]
