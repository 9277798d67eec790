"""One server after the other is restarted under load. Whoever follows readiness, as a balancer does, notices nothing."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from tests.availability.house import House
from tests.availability.processes import (
    ROOT,
    Portal,
    Server,
    WholeServer,
    a_port,
    debian_environment,
    debian_program,
)
from tests.availability.workload import Workload

PAGE = ROOT / "docs" / "operations" / "rolling-restart.md"

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        pytest.param(Server, 2, id="faces", marks=pytest.mark.long_round),
        pytest.param(WholeServer, 2, id="everything", marks=pytest.mark.long_round),
    ],
)
def test_nobody_notices(kind: type[Portal], rounds: int, a_furnished_house) -> None:
    with a_furnished_house() as (house, _, furniture):
        (house.home / "warchest.toml").write_text("[telemetry]\ndrain_s = 3\n")
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


@pytest.mark.long_round
@pytest.mark.skipif(
    debian_program("haproxy") is None, reason="no haproxy: on Debian script/availability fetches it"
)
def test_behind_haproxy_nobody_notices(a_furnished_house) -> None:
    """By the very configuration that the page shows; callers know one address and nothing else."""
    with a_furnished_house() as (house, _, furniture):
        (house.home / "warchest.toml").write_text("[telemetry]\ndrain_s = 5\n")
        servers = house.portals("one", "two", kind=Server)
        haproxy = _haproxy(house, servers)
        haproxy.start()
        _wait_until(lambda: haproxy.readiness() == 200)
        with Workload(furniture, [haproxy.url]) as workload:
            workload.wait_for_answers(more=20)
            for server in servers:
                server.terminate()
                assert server.wait() == 0
                workload.wait_for_answers(more=20)
                server.start()
                server.wait_until_ready()
                # The balancer believes it after two of its checks; the page says to wait for that.
                time.sleep(5)
        tally = workload.tally
        print(f"\nbehind haproxy: {len(tally.acknowledged)} acknowledged, {dict(tally.met)}")
        assert tally.met.keys() == {"201"}, "somebody had to ask twice"
        house.assert_as_acknowledged(furniture, tally)


def _haproxy(house: House, servers: Sequence[Portal]) -> Portal:
    """The balancer of the page, on this machine and without TLS."""
    (block,) = re.findall(r"^```\n(defaults\n.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    balancer = Portal("haproxy", port=a_port(), given=house.given, folder=house.folder)
    block = block.replace("play.example.org", "localhost")
    block = re.sub(r"bind .*", f"bind {balancer.url.removeprefix('http://')}", block)
    for address, server in zip(("10.0.0.31:8000", "10.0.0.32:8000"), servers, strict=True):
        assert address in block
        block = block.replace(address, server.url.removeprefix("http://"))
    configuration = house.folder / "haproxy.cfg"
    configuration.write_text(block)
    program = debian_program("haproxy")
    assert program
    balancer.run_instead([program, "-db", "-f", str(configuration)], given=debian_environment())
    house.processes.append(balancer)
    return balancer


def test_what_runs_is_finished(a_furnished_house) -> None:
    """Told to stop while a purchase waits for a wallet and a worker for the journal: both end with what they were at."""
    with a_furnished_house() as (house, server, furniture):
        (portal,) = house.portals("portal")
        with psycopg.connect(server.superuser_dsn(database="warchest")) as blocker:
            blocker.execute("LOCK TABLE ledger_posting IN EXCLUSIVE MODE")
            worker = house.worker()
            _wait_until(lambda: _waiting(blocker) == 1)
            blocker.execute("LOCK TABLE charging_wallet IN EXCLUSIVE MODE")
            workload = Workload(furniture, [portal.url], callers=1)
            with workload:
                _wait_until(lambda: _waiting(blocker) == 2)
                portal.terminate()
                worker.terminate()
                # Nobody new is let in.
                _wait_until(lambda: portal.readiness() == 0)
                assert portal.is_running and worker.is_running
                workload.stop()
                blocker.rollback()
            assert (portal.wait(), worker.wait()) == (0, 0)
            assert workload.tally.met == {"201": 1}
            assert blocker.execute("SELECT count(*) FROM ledger_posting").fetchone() != (0,)
            assert "pulse_failed" not in worker.log()
        house.assert_as_acknowledged(furniture, workload.tally)


def _waiting(blocker: psycopg.Connection[tuple[Any, ...]]) -> int:
    # What a transaction has once seen of it, it goes on seeing.
    blocker.execute("SELECT pg_stat_clear_snapshot()")
    query = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    (found,) = blocker.execute(query).fetchone() or (0,)
    return found


def _wait_until(condition: Callable[[], bool]) -> None:
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
