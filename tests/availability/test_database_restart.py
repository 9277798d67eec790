"""The database is restarted, or dies, under load: callers are told to wait, and then it goes on where it was."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tests.availability.processes import Portal
from tests.availability.workload import Furniture, Workload
from warchest.runtime.postgres import EmbeddedPostgres


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["restarted", pytest.param("killed", marks=pytest.mark.long_round)])
def test_callers_are_told_to_wait_and_lose_nothing(how: str, a_furnished_house) -> None:
    with a_furnished_house() as (house, server, furniture):
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


@pytest.mark.timeout(120)
def test_what_no_replica_has_is_not_confirmed_by_asking_again(a_furnished_house) -> None:
    """A commit waits for its replica, the primary dies and comes back with it: whoever asks again waits as well."""
    with a_furnished_house() as (house, server, furniture):
        (portal,) = house.portals("portal")
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as admin:
            admin.execute("ALTER ROLE postgres SET synchronous_commit = local")
            _wait_for_replica(admin, "nobody")
        with ThreadPoolExecutor() as threads:
            first = threads.submit(_buy_once, furniture, portal)
            _wait_until(lambda: _commits_that_wait(server) == 1)
            pid = server.status().pid
            assert pid
            os.kill(pid, signal.SIGKILL)
            assert first.result() == (503, None)
            server.start()
            again = threads.submit(_buy_once, furniture, portal)
            _wait_until(lambda: again.done() or _commits_that_wait(server) == 1)
            assert not again.done(), "confirmed, and on one machine alone"
            with psycopg.connect(server.superuser_dsn(), autocommit=True) as admin:
                _wait_for_replica(admin, "")
            assert again.result() == (201, "true")


def _buy_once(furniture: Furniture, portal: Portal) -> tuple[int, str | None]:
    """The answer's status, and whether it said that it was given before."""
    answer = httpx.post(
        f"{portal.url}/api/v1/players/{furniture.players[0]}/subscriptions",
        json={"plan": furniture.plan, "periods": 1, "pay_with": "wallet"},
        headers={"Authorization": f"Bearer {furniture.api_key}", "Idempotency-Key": "only-once"},
        timeout=60,
        trust_env=False,
    )
    return answer.status_code, answer.headers.get("Idempotent-Replayed")


def _wait_for_replica(admin: psycopg.Connection[Any], name: LiteralString) -> None:
    admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    admin.execute("SELECT pg_reload_conf()")


def _commits_that_wait(server: EmbeddedPostgres) -> int:
    with psycopg.connect(server.superuser_dsn()) as admin:
        (found,) = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        ).fetchone() or (0,)
        return int(found)


def _wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)
