"""Services spread over processes, and databases, by configuration alone; the API answers as it does in one process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders.broker import wait_until
from tests.builders.second_house import House, a_house

SPREAD = """
[broker]
embedded = true

[databases.people]

[services]
members = "people"
"""
EVERYBODY = "accounting,audit,cards,catalogue,charging,delivery,ledger,members,payments,referrals,statistics,subscriptions"


class Deployment:
    """Pages and background work without a service of their own, and servers that have them all."""

    def __init__(self, house: House, stack: ExitStack) -> None:
        self._house = house
        self._stack = stack
        self._port, backoffice_port = _free_ports()
        house.environment |= {
            "WARCHEST_PORT": str(self._port),
            "WARCHEST_ADMIN_PORT": str(backoffice_port),
        }
        self._key = ""
        self._started: list[tuple[subprocess.Popen[str], Path]] = []

    def start(self, *arguments: str, services: str | None) -> subprocess.Popen[str]:
        environment = dict(self._house.environment)
        if services is not None:
            self._house.environment["WARCHEST_SERVICES"] = services
        log = self._house.home.parent / f"serve-{len(self._started)}.log"
        process = self._house.start(*arguments, log=log)
        self._house.environment = environment
        self._started.append((process, log))
        self._stack.callback(_end, process)
        return process

    def wait_until_ready(self) -> None:
        self.wait_until(lambda: self._status("/readyz") == 200, within_s=90)
        made = self._house.done("api-key", "a shop", "--scope", "players:read", "--scope", "players:write")
        self._key = made.split()[-1]

    def wait_until(self, true: Callable[[], object], *, within_s: float) -> None:
        """Until it is so, while all that was started lives; else fails with what each of them wrote."""

        def told() -> str:
            return "\n".join(
                f"{' '.join(process.args)}: {process.poll()}\n{log.read_text()[-3000:]}"  # type: ignore[arg-type]
                for process, log in self._started
            )

        def ends() -> object:
            return true() or any(process.poll() is not None for process, _ in self._started)

        wait_until(ends, told, within_s=within_s)
        assert all(process.poll() is None for process, _ in self._started), told()

    def found(self, service: str) -> list[dict[str, Any]]:
        """What ``services.find`` knows in a process of this house, and which database it is offered."""
        told = self._house.work(
            f"""
            import json
            import time
            services.all()
            # Answers are gathered for a moment; on a busy machine some come with the next round, two seconds later.
            time.sleep(3)
            print(json.dumps([
                {{"process": each.process, "cluster": each.cluster, "alias": each.database, "calls": each.calls,
                  "database": services.database(each.name).settings_dict["NAME"]}}
                for each in services.find({service!r})
            ]))
            """
        )
        return list(json.loads(told))

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._key}"}
        if body is not None:
            headers["Idempotency-Key"] = f"key-{body.get('nickname')}"
        return httpx.request(
            method, f"http://127.0.0.1:{self._port}/api/v1{path}", json=body, headers=headers, timeout=60
        )

    def _status(self, path: str) -> int:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://127.0.0.1:{self._port}{path}", timeout=5).status_code
        return 0


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with a_house(toml=SPREAD) as house, ExitStack() as stack:
        yield Deployment(house, stack)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.use_case("SMG-01", "SMG-09")
def test_pages_without_services_ask_those_who_have_them_and_one_killed_is_missed_by_nobody(
    deployment: Deployment,
) -> None:
    deployment.start("serve", services="")
    for _ in range(2):
        deployment.start("serve", "--services", EVERYBODY, services=None)
    deployment.wait_until_ready()
    deployment.wait_until(lambda: len(deployment.found("members")) == 2, within_s=60)

    # They registered themselves; whoever finds them is offered their database.
    found = deployment.found("members")
    assert {(each["cluster"], each["alias"], each["database"]) for each in found} == {
        ("main", "people", "warchest_people")
    }
    assert {each["database"] for each in deployment.found("charging")} == {"warchest"}

    player = {"nickname": "anna", "email": "anna@example.org", "country": "DE", "language": "en"}
    made = deployment.ask("POST", "/players", player)
    assert made.status_code == 201, made.text
    known = deployment.ask("GET", f"/players/{made.json()['id']}")
    assert known.status_code == 200, known.text
    assert known.json()["nickname"] == "anna"
    unknown = deployment.ask("GET", "/players/01a20472-68dc-7d2e-8f34-1d7b2f0ccb2a")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "player_unknown")

    # Two copies share the load.
    def both_were_called() -> bool:
        for _ in range(10):
            assert deployment.ask("GET", f"/players/{made.json()['id']}").status_code == 200
        return all(each["calls"] for each in deployment.found("members"))

    deployment.wait_until(both_were_called, within_s=60)

    os.kill(found[0]["process"], signal.SIGKILL)
    answers = [deployment.ask("GET", f"/players/{made.json()['id']}") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {200}


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _listening() -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield int(probe.getsockname()[1])


def _free_ports() -> tuple[int, int]:
    with _listening() as one, _listening() as other:
        return one, other
