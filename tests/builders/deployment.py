"""Four processes that answer for all services between them, over three databases; the test's own answers for none.

What a test asks of a service outside of a journey is then a call to another process, through a real broker. Journeys run
here, over the three databases, as they do in the doors' processes of a deployment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY

from tests.builders import configuration, databases
from tests.builders.broker import wait_until
from warchest.runtime.broker import client, server
from warchest.runtime.broker.directory import directory
from warchest.runtime.services import services

GROUPS = (
    ("ledger", "charging", "accounting"),
    ("members", "referrals", "delivery"),
    ("catalogue", "cards", "subscriptions"),
    ("payments", "audit", "statistics"),
)
CONFIGURATION = f"""{databases.SPREAD}
[broker]
embedded = true
"""
ENVIRONMENT = {"WARCHEST_SERVICES": ""}
"""Of this process and of all that tests start: they have no service themselves."""


def is_apart() -> bool:
    """Whether this run asks other processes."""
    return os.environ.get("WARCHEST_SERVICES") == ""


class Deployment:
    """Its broker runs from the beginning; its processes start with the first set of databases that is used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._broker = server.embedded_broker([name for group in GROUPS for name in group])
        self._processes: dict[tuple[str, ...], subprocess.Popen[str]] = {}
        self._apart = True
        self._name = ""

    def start(self) -> Deployment:
        self._broker.start()
        # Until somebody answers, everything is here.
        services.connect(None)
        databases.followers.append(self.use)
        configuration.followers.append(self.configure)
        return self

    def use(self, name: str) -> None:
        """Have all processes work in this set of databases."""
        self._name = name
        if not self._processes:
            self._start()
        self._tell(use=name)
        self._connect()

    def configure(self, tables: Mapping[str, Any]) -> None:
        """Have all processes find these tables in their configuration."""
        self._tell(configure=tables)

    @contextmanager
    def in_one_process(self) -> Iterator[None]:
        """As if this process answered for every service."""
        self._apart = False
        self._connect()
        try:
            yield
        finally:
            self._apart = True
            self._connect()

    def asked(self) -> Counter[str]:
        """How many calls this process has made to others so far, by service."""
        found: Counter[str] = Counter()
        for metric in REGISTRY.restricted_registry(["warchest_service_calls_total"]).collect():
            for sample in metric.samples:
                if sample.name.endswith("_total") and sample.labels["side"] == "caller":
                    found[sample.labels["service"]] += int(sample.value)
        return found

    def answered(self) -> dict[tuple[str, ...], int]:
        """How many calls each process has answered, as it tells the broker itself; who does not answer is not there."""
        processes = {process.pid: group for group, process in self._processes.items()}
        # A test that ended a broker of its own has closed this process's connections: they come again.
        with suppress(AssertionError):
            wait_until(self._are_there, within_s=10)
        calls: Counter[tuple[str, ...]] = Counter()
        for instance in directory.refresh() if processes else ():
            if group := processes.get(instance.process):
                calls[group] += instance.calls
        return dict(calls)

    def stop(self) -> None:
        services.connect(None)
        databases.followers.remove(self.use)
        configuration.followers.remove(self.configure)
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            if process.poll() is None:
                process.kill()
                process.wait()
        client.close_links()
        self._broker.stop()

    @contextmanager
    def copy(self, group: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
        """One process more for these services, until the end of the block or of the process."""
        process = self._started(group, log=f"copy-{len(os.listdir(self._folder))}")
        try:
            wait_until(lambda: {name for at, name in _registered() if at == process.pid} == set(group))
            yield process
        finally:
            process.kill()
            process.wait()
            # What it told of itself is forgotten, so that nobody counts with it any more.
            wait_until(lambda: process.pid not in {at for at, _ in _registered()})

    def _tell(self, **what: Any) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.write(json.dumps(what) + "\n")
            process.stdin.flush()
        for process in self._processes.values():
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n", self._told()

    def _start(self) -> None:
        for group in GROUPS:
            self._processes[group] = self._started(group, log="-".join(group))
        wait_until(lambda: self._are_there() or self._ended(), self._told, within_s=60)
        assert not self._ended(), self._told()

    def _started(self, group: tuple[str, ...], *, log: str) -> subprocess.Popen[str]:
        with (self._folder / f"{log}.log").open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.builders.service_process"],
                env={
                    **os.environ,
                    "WARCHEST_SERVICES": ",".join(group),
                    "WARCHEST_DATABASE_NAME": self._name,
                    "WARCHEST_LOG_LEVEL": "warning",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )

    def _are_there(self) -> bool:
        found = _registered()
        return all(
            (process.pid, name) in found for group, process in self._processes.items() for name in group
        )

    def _ended(self) -> bool:
        return any(process.poll() is not None for process in self._processes.values())

    def _told(self) -> str:
        logs = [self._folder / f"{'-'.join(group)}.log" for group in GROUPS]
        return "\n".join(f"{log.stem}:\n{log.read_text(errors='replace')}" for log in logs)

    def _connect(self) -> None:
        services.connect(directory if self._apart and self._processes else None)


def _registered() -> set[tuple[int, str]]:
    return {(instance.process, instance.name) for instance in directory.refresh()}
