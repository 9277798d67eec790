"""One server after the other is restarted under load. Whoever follows readiness, as a balancer does, notices nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from tests.availability.house import House, a_house
from tests.availability.processes import Portal, Server, WholeServer
from tests.availability.workload import Furniture, Workload
from warchest.runtime.postgres import EmbeddedPostgres

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        pytest.param(Server, 1, id="faces"),
        pytest.param(WholeServer, 2, id="everything", marks=pytest.mark.long_round),
    ],
)
def test_nobody_notices(kind: type[Portal], rounds: int) -> None:
    with a_house() as house, EmbeddedPostgres(house.home):
        (house.home / "warchest.toml").write_text("[telemetry]\ndrain_s = 3\n")
        furniture = house.furnish()
        servers = house.portals("one", "two", kind=kind)
        workload = Workload(furniture, [server.url for server in servers])
        with _balanced(workload, servers), workload:
            workload.wait_for_answers(more=20)
            for server in servers * rounds:
                server.terminate()
                _wait_until(lambda server=server: server.readiness() == 503)
                assert server.is_running
                # It is still there for those who have not heard of it.
                assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == 200
                workload.wait_for_answers(more=20)
                assert server.wait() == 0
                server.start()
                server.wait_until_ready()
                workload.wait_for_answers(more=20)
        tally = workload.tally
        print(
            f"\n{len(servers) * rounds} restarts: {len(tally.acknowledged)} acknowledged, {dict(tally.met)}"
        )
        assert tally.met.keys() == {"201"}, "somebody had to ask twice"
        house.assert_as_acknowledged(furniture, tally)


class TestWhatRunsIsFinished:
    def test_a_request(self) -> None:
        """Killed in order while a purchase waits for a wallet: it is answered, and nobody new is let in."""
        with _one_that_waits("charging_wallet") as (house, furniture, blocker):
            (portal,) = house.portals("portal")
            workload = Workload(furniture, [portal.url], callers=1)
            with workload:
                _wait_until(lambda: _waiting(blocker))
                portal.terminate()
                _wait_until(lambda: portal.readiness() == 0)
                assert portal.is_running
                workload.stop()
                blocker.rollback()
            assert portal.wait() == 0
            assert len(workload.tally.acknowledged) == 1
            assert workload.tally.met.keys() == {"201"}
            house.assert_as_acknowledged(furniture, workload.tally)

    def test_a_pulse(self) -> None:
        """The worker ends when the journal that it was folding is folded, and not before."""
        with _one_that_waits("ledger_posting") as (house, _, blocker):
            worker = house.worker()
            _wait_until(lambda: _waiting(blocker))
            worker.terminate()
            time.sleep(0.5)
            assert worker.is_running
            blocker.rollback()
            assert worker.wait() == 0
            assert blocker.execute("SELECT count(*) FROM ledger_posting").fetchone() != (0,)
            assert "pulse_failed" not in worker.log()


@contextmanager
def _one_that_waits(
    table: str,
) -> Iterator[tuple[House, Furniture, psycopg.Connection[tuple[int, ...]]]]:
    """A house in which nobody can write to this table until the connection rolls back."""
    with a_house() as house, EmbeddedPostgres(house.home) as server:
        furniture = house.furnish()
        with psycopg.connect(server.superuser_dsn(database="warchest")) as blocker:
            blocker.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")  # type: ignore[arg-type]
            yield house, furniture, blocker


def _waiting(blocker: psycopg.Connection[tuple[int, ...]]) -> bool:
    # What a transaction has once seen of it, it goes on seeing.
    blocker.execute("SELECT pg_stat_clear_snapshot()")
    query = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    return blocker.execute(query).fetchone() != (0,)


def _wait_until(condition) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@contextmanager
def _balanced(workload: Workload, servers: Sequence[Portal]) -> Iterator[None]:
    """Send callers only to those who say that they are ready, as a balancer does that asks each ``/readyz``."""
    stop = threading.Event()

    def follow() -> None:
        while not stop.wait(0.1):
            ready = [server.url for server in servers if server.readiness() == 200]
            if ready:
                workload.addresses = ready

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
