"""What is killed: three database servers, a broker, and two hosts with processes of each kind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.builders.databases import SPREAD, named
from tests.simulation.spread.doors import Line
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.secrets import text_secret

TEMPLATE = "template"
SERVERS = ("default", "people", "shop")
GROUPS = (
    "members referrals delivery catalogue",
    "cards subscriptions statistics payments",
    "ledger charging accounting audit",
)
"""Which services are served together; each host has a process of each."""


class Nursery:
    """One host: a process that bears others."""

    def __init__(self, name: str, *, configuration: Path, home: Path, folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.children: dict[int, str] = {}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.simulation.spread.nursery"],
                env={
                    **{key: value for key, value in os.environ.items() if key != "WARCHEST_DATABASE_URL"},
                    "WARCHEST_HOME": str(home),
                    "WARCHEST_CONFIG": str(configuration),
                    "WARCHEST_HEADS_FOLDER": str(folder / "heads"),
                    "SIMULATION_FOLDER": str(folder),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def tell(self, *command: object) -> int:
        """Bear a child, and answer its number, or how it ended where that is waited for."""
        assert self._process.stdin and self._process.stdout
        print(*command, file=self._process.stdin, flush=True)
        for line in self._process.stdout:
            with suppress(ValueError):
                return int(line)
        raise AssertionError(f"host {self.name} has died:\n{self.log.read_text()[-3000:]}")

    def employ(self, role: str, *arguments: object) -> int:
        number = self.tell(role, *arguments)
        self.children[number] = role
        return number

    def kill(self, number: int) -> None:
        # The nursery has not waited for it, so the number is still its own.
        os.kill(number, signal.SIGKILL)
        del self.children[number]

    def bury(self) -> list[str]:
        """The roles of those that died by themselves."""
        dead = {number: role for number, role in self.children.items() if _is_dead(number)}
        for number in dead:
            del self.children[number]
        return list(dead.values())

    def close(self) -> None:
        for number in list(self.children):
            self.kill(number)
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Deployment:
    """Servers and a broker that run, and a line to each host."""

    def __init__(self, folder: Path) -> None:
        from warchest.config.wiring import SERVICES
        from warchest.runtime.broker import server
        from warchest.runtime.broker.server import EmbeddedBroker
        from warchest.runtime.configuration import Broker, Configuration

        self.folder, self.home = folder, folder / "home"
        self.home.mkdir()
        os.environ["WARCHEST_HOME"] = str(self.home)
        self.servers = {name: EmbeddedPostgres(folder / "servers" / name, durable=False) for name in SERVERS}
        wanted = Configuration(broker=Broker(embedded=True))
        self.broker = EmbeddedBroker(
            self.home / "broker", describe=lambda port: server.layout_of(wanted, tuple(SERVICES), port)
        )
        self.lines: dict[str, Line] = {}
        self.hosts: dict[str, Nursery] = {}
        self._number = 0

    def start(self) -> None:
        for postgres in self.servers.values():
            self._share_passwords(postgres)
            postgres.start()
        self.broker.start()
        for host in ("a", "b"):
            self.lines[host] = Line(
                broker=lambda: int(urlsplit(self.broker.url).port or 0),
                **{name: self._port_of(postgres) for name, postgres in self.servers.items()},
            )
        self._write_configurations(TEMPLATE)
        nursery = self._nursery("a", self.folder)
        try:
            assert nursery.tell("prepare") == 0, nursery.log.read_text()[-3000:]
        finally:
            nursery.close()

    @contextmanager
    def fresh_databases(self) -> Iterator[None]:
        """Databases as they were at the beginning, and two hosts that work in them."""
        self._number += 1
        name = f"simulation_{self._number}"
        for alias, postgres in self.servers.items():
            postgres.clone_database(named(TEMPLATE, alias), named(name, alias))
        self._write_configurations(name)
        folder = self.folder / name
        (folder / "heads").mkdir(parents=True)
        shutil.copy(self.folder / "world", folder / "world")
        self.hosts = {host: self._nursery(host, folder) for host in self.lines}
        self.notes = folder
        try:
            yield
        finally:
            for host in self.hosts.values():
                host.close()
            for alias, postgres in self.servers.items():
                postgres.start().drop_database(named(name, alias))

    def oldest_promise_s(self) -> float:
        """Of all servers; 0 where nothing is promised. Raises psycopg.OperationalError while one is away."""
        oldest = 0.0
        for postgres in self.servers.values():
            with psycopg.connect(postgres.superuser_dsn(), autocommit=True, connect_timeout=2) as session:
                (age,) = session.execute(
                    "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - prepared)), 0) FROM pg_prepared_xacts"
                ).fetchone() or (0,)
                oldest = max(oldest, float(age))
        return oldest

    def kill_server(self, name: str) -> None:
        """Its sessions notice by themselves that they are alone; then it is started again."""
        pid = self.servers[name].status().pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        self.servers[name].start()

    def kill_broker(self) -> None:
        assert self.broker.pid
        os.kill(self.broker.pid, signal.SIGKILL)
        wait_until("the broker is gone", lambda: self.broker.pid is None, within_s=5)
        self.broker.look_after()

    def close(self) -> None:
        self.broker.stop()
        for postgres in self.servers.values():
            postgres.stop()

    def _nursery(self, host: str, folder: Path) -> Nursery:
        return Nursery(host, configuration=self._configuration(host), home=self.home, folder=folder)

    def _configuration(self, host: str) -> Path:
        return self.folder / f"host-{host}.toml"

    def _write_configurations(self, name: str) -> None:
        for host, line in self.lines.items():
            text = SPREAD
            for alias in ("people", "shop"):
                text = text.replace(
                    f"[databases.{alias}]", f"[databases.{alias}]\nurl = {self._url(alias, line)}"
                )
            text = f"[database]\nname = {json.dumps(name)}\nurl = {self._url('default', line)}\n{text}"
            text += f'\n[broker]\nurls = ["nats://127.0.0.1:{line.port("broker")}"]\n'
            self._configuration(host).write_text(text)

    def _url(self, alias: str, line: Line) -> str:
        parts = urlsplit(self.servers[alias].superuser_dsn())
        return json.dumps(
            parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{line.port(alias)}").geturl()
        )

    @staticmethod
    def _share_passwords(postgres: EmbeddedPostgres) -> None:
        """A server sets its roles' passwords at each start: to those that the hosts know it by."""
        secrets = postgres.home / "secrets"
        secrets.mkdir(parents=True)
        for role in ("owner", "journey", "reader"):
            (secrets / f"postgres-{role}").write_text(text_secret(f"server-{role}"))

    @staticmethod
    def _port_of(postgres: EmbeddedPostgres):  # type: ignore[no-untyped-def]
        return lambda: postgres.status().port or 0


@contextmanager
def a_deployment() -> Iterator[Deployment]:
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="warchest-spread-", dir=memory if os.access(memory, os.W_OK) else None)
    )
    deployment = Deployment(folder)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()
        if os.environ.get("SIMULATION_KEPT"):
            print(f"kept: {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _is_dead(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def wait_until(what: str, true, *, within_s: float) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, f"{what}: not within {within_s} s"
        time.sleep(0.1)
