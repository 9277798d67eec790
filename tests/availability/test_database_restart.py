"""The database is restarted, or dies, under load: callers are told to wait, and then it goes on where it was."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.availability.house import a_house
from tests.availability.workload import Workload
from warchest.runtime.postgres import EmbeddedPostgres


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["restarted", pytest.param("killed", marks=pytest.mark.long_round)])
def test_callers_are_told_to_wait_and_lose_nothing(how: str) -> None:
    with a_house() as house, EmbeddedPostgres(house.home) as server:
        furniture = house.furnish()
        portals = house.portals("portal")
        worker = house.worker()
        with Workload(furniture, [portal.url for portal in portals]) as workload:
            workload.wait_for_answers(more=30)
            if how == "killed":
                pid = server.status().pid
                assert pid
                os.kill(pid, signal.SIGKILL)
            else:
                server.stop()
            until = time.monotonic() + 20
            while not workload.tally.met["503"]:
                assert time.monotonic() < until, workload.tally.met
                time.sleep(0.01)
            assert portals[0].readiness() == 503
            server.start()
            workload.wait_for_answers(more=30)
        tally = workload.tally
        workload.ask_all_again()
        assert portals[0].readiness() == 200
        assert all(process.is_running for process in (*portals, worker))
        print(f"\n{how}: {len(tally.acknowledged)} acknowledged, answers {dict(tally.met)}, "
              f"longest silence {tally.longest_silence_s():.1f} s")  # fmt: skip
        house.assert_as_acknowledged(furniture, tally)
