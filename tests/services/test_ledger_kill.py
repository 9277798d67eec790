"""``kill -9`` at any moment, of the database or of whoever works with it: what was acknowledged stays, nothing is half."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random

import pytest

from tests.simulation.house import a_house
from tests.sweep import Sweep

WORKERS = ("call", "call", "fold", "seal")


@pytest.mark.timeout(0)
@pytest.mark.skipif(
    not Path("/proc/self/cwd").exists(), reason="processes are found by their folder in /proc"
)
def test_nothing_acknowledged_is_lost_and_nothing_is_half_done(sweep: Sweep) -> None:
    with a_house() as house:
        for seed in sweep.seeds(short=2):
            chance = Random(seed)
            for number, role in enumerate(WORKERS):
                house.employ(role, seed=seed * 1000 + number)
            for number in range(3):
                house.wait_for_answers(count=10)
                time.sleep(chance.uniform(0, 0.7))
                match chance.choice(["server", "postmaster", "session", "worker", "worker"]):
                    case "server":
                        house.kill_server()
                    case "postmaster":
                        house.kill_postmaster()
                    case "session":
                        house.kill_one_session(chance)
                    case "worker":
                        role = house.kill_worker(chance.choice(list(house.workers)))
                        house.employ(role, seed=seed * 1000 + 100 + number)
            house.wait_for_answers(count=10)
            house.dismiss_all()
            assert house.tell("check") == 0, f"seed {seed}: see what was said above"
