"""Everything at once, from many connections: nobody is told of a deadlock, and the books prove at any moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from uuid import UUID

import pytest

from tests.simulation import callers
from tests.simulation.callers import Caller
from tests.simulation.checks import Answer, assert_everything_is_as_answered
from tests.simulation.house import a_house
from tests.sweep import Sweep

CONNECTIONS = 16
# All others do everything. These look, as soon as they can, whether what they do and see is true.
DUTIES = {
    0: ("fold", "fold", "fold", "read"),
    1: ("fold", "fold", "fold", "read"),
    2: ("seal_and_sign", "read_at_once"),
    3: ("prove",),
}


class Answers:
    """Who was answered what, over all callers of this process."""

    def __init__(self) -> None:
        self.all: list[Answer] = []
        self.holds: list[UUID] = []

    def posted(self, key: str, entry_id: UUID) -> None:
        self.all.append((key, entry_id))

    def held(self, hold_id: UUID) -> None:
        self.holds.append(hold_id)


@pytest.mark.timeout(0)
def test_sixteen_at_once_leave_the_books_proved(
    lasting_database: Callable[[], AbstractContextManager[str]], sweep: Sweep
) -> None:
    for seed in sweep.seeds(short=1):
        with lasting_database():
            answers, players = Answers(), callers.prepare()
            crowd = [
                Caller(
                    seed=seed * CONNECTIONS + number,
                    players=players,
                    notes=answers,
                    only=DUTIES.get(number, ()),
                )
                for number in range(CONNECTIONS)
            ]
            until = time.monotonic() + (60 if sweep.is_long else 4)
            with ThreadPoolExecutor(CONNECTIONS) as threads:
                ends = [threads.submit(caller.run, until=until) for caller in crowd]
            for end in ends:
                end.result()
            print(f"{sum(caller.done for caller in crowd)} done, {len(answers.all)} posted")
            assert_everything_is_as_answered(answers.all, holds=answers.holds)


@pytest.mark.timeout(0)
def test_so_do_many_processes(sweep: Sweep) -> None:
    if not sweep.is_long:
        pytest.skip("takes a minute: --sweep=SECONDS")
    with a_house() as house:
        for seed in sweep.seeds(short=1):
            for number, role in enumerate(["call"] * 5 + ["fold", "fold", "seal", "seal"]):
                house.employ(role, seed=seed * 1000 + number)
            time.sleep(60)
            house.dismiss_all()
            assert house.tell("check") == 0, f"seed {seed}: see what was said above"
