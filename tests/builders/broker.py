"""A broker of a test's own, and processes that answer calls through it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.builders.configuration import written_beside
from warchest.config.wiring import SERVICES
from warchest.runtime.broker import client, layout, remote, server
from warchest.runtime.broker.client import Link, Place
from warchest.runtime.broker.directory import NatsDirectory
from warchest.runtime.broker.server import EmbeddedBroker
from warchest.runtime.configuration import Broker, Configuration
from warchest.runtime.secrets import text_secret
from warchest.runtime.services import Instance

S = TypeVar("S")

NAMES = tuple(SERVICES)


@dataclass
class RunningBroker:
    """A server that runs, and what this process needs to talk through it."""

    broker: EmbeddedBroker
    folder: Path

    def place(self, user: str, *, password: str = "") -> Place:
        authority = server.authority_file(Configuration())
        return Place((self.broker.url,), authority, user, password or text_secret(f"broker-{user}"))

    def link(self, user: str = layout.CALLER) -> Link:
        found = client.link_to(self.place(user))
        assert found.wait_until_connected(10)
        return found

    def stub(self, contract: type[S], *, name: str) -> S:
        return remote.stub(contract, name=name, cluster="main", link=self.link)

    def directory(self) -> NatsDirectory:
        return NatsDirectory(self.link)

    @contextmanager
    def hosting(
        self, *services: str, database: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[HostProcess]:
        """A process that answers for these services, ready to be called."""
        process = HostProcess(self, services, database=database, environment=environment or {})
        try:
            process.wait_until_registered()
            yield process
        finally:
            process.end()


@contextmanager
def a_broker(folder: Path) -> Iterator[RunningBroker]:
    """Started and stopped with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = Configuration(broker=Broker(embedded=True))

    def describe(port: int) -> layout.Layout:
        return server.layout_of(wanted, NAMES, port, folder=folder / "broker")

    with EmbeddedBroker(folder / "broker", describe=describe) as broker:
        try:
            yield RunningBroker(broker, folder)
        finally:
            client.close_links()


class HostProcess:
    """A process that hosts services, in the database that the test works in."""

    def __init__(
        self,
        running: RunningBroker,
        services: Sequence[str],
        *,
        database: str,
        environment: Mapping[str, str],
        command: Sequence[str] = ("-m", "warchest.runtime.broker.serving"),
    ) -> None:
        self.services = tuple(services)
        self.pids: set[int] = set()
        self._running = running
        configuration = running.folder / "warchest.toml"
        configuration.write_text(written_beside(f'[broker]\nurls = ["{running.broker.url}"]\n'))
        self._log = (running.folder / f"host-{'-'.join(services)}-{time.monotonic_ns()}.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, *command],
            env={
                **os.environ,
                "WARCHEST_CONFIG": str(configuration),
                "WARCHEST_DATABASE_NAME": database,
                "WARCHEST_SERVICES": ",".join(services),
                **environment,
            },
            stdout=self._log,
            stderr=self._log,
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    def instances(self) -> tuple[Instance, ...]:
        """Those of this process, or of one that it started, that are registered now."""
        self.pids |= {self.pid, *self._children()}
        return tuple(found for found in self._running.directory().refresh() if found.process in self.pids)

    def _children(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def wait_until_registered(self) -> None:
        wait_until(
            lambda: len(self.instances()) == len(self.services) or self.process.poll() is not None,
            lambda: self.log,
            within_s=40,
        )
        assert self.process.poll() is None, self.log

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def lose_power(self) -> None:
        """Nothing of it runs on, and nothing of it says so."""
        for pid in (self.pid, *self._children()):
            os.kill(pid, signal.SIGKILL)
        self.process.wait(5)

    def end(self) -> None:
        """However it stands, it is gone afterwards."""
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(15)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(5)
        self._log.close()


def wait_until(
    true: Callable[[], object], told: Callable[[], str] = lambda: "", *, within_s: float = 20
) -> None:
    """Come back as soon as it is so; how long that takes says nothing, but not for ever."""
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, f"not within {within_s} s: {told()}"
        time.sleep(0.02)
