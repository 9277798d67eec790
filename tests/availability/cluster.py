"""PostgreSQL under Patroni on this machine: three servers, one etcd, by the very file that docs/operations shows."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import yaml

from tests.availability.processes import ROOT, a_port, debian_program
from warchest.runtime.postgres_programs import NOBODY, find_binaries, is_setpriv, way_to_run

PAGE = ROOT / "docs" / "operations" / "fail-over.md"
_PATIENCE_S = 60


def etcd_program() -> str | None:
    return debian_program("etcd")


def recommended() -> dict[str, Any]:
    """The configuration on the page, as an operator would copy it."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


class Node:
    """One machine: Patroni, and the PostgreSQL that it looks after."""

    def __init__(self, name: str, *, folder: Path, configuration: dict[str, Any]) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir(mode=0o755)
        self.data = self.folder / "data"
        self.port, self._api = a_port(), a_port()
        self._binaries = find_binaries()
        self._way = way_to_run(self._binaries)
        self._process: subprocess.Popen[bytes] | None = None
        self._write(configuration)

    def start(self) -> None:
        with (self.folder / "patroni.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._way, sys.executable, "-P", "-m", "patroni", str(self.folder / "patroni.yml")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
            )

    def state(self) -> dict[str, Any]:
        """What Patroni tells of the whole cluster; nothing where it does not answer."""
        try:
            told: dict[str, Any] = httpx.get(
                f"http://127.0.0.1:{self._api}/cluster", timeout=5, trust_env=False
            ).json()
            return told
        except (httpx.HTTPError, ValueError):
            return {}

    def switch_over(self, *, leader: str, to: str) -> None:
        answer = httpx.post(
            f"http://127.0.0.1:{self._api}/switchover",
            json={"leader": leader, "candidate": to},
            timeout=60,
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text

    def configure(self, settings: dict[str, object]) -> None:
        httpx.patch(
            f"http://127.0.0.1:{self._api}/config", json=settings, timeout=10, trust_env=False
        ).raise_for_status()

    def kill_postgres(self) -> None:
        """Every process of the server at once, as the kernel does when memory runs out."""
        self._kill(self._postgres())

    def kill(self) -> None:
        """As a power cut: Patroni first, so that it restarts nothing."""
        if self._process is not None:
            self._kill([self._process.pid])
            self._process.wait()
        while left := self._postgres():
            self._kill(left)
            time.sleep(0.05)

    def freeze(self, process: int) -> None:
        """Stop one of this server's processes, so that it neither does anything nor ends."""
        assert process in self._postgres()
        os.kill(process, signal.SIGSTOP)

    def log(self) -> str:
        return (self.folder / "patroni.log").read_text(errors="replace")[-3000:]

    def _postgres(self) -> list[int]:
        """Processes that work in this node's own folder of data, as all of a server's do."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(link) == str(self.data):
                    found.append(int(link.parent.name))
        return found

    @staticmethod
    def _kill(processes: list[int]) -> None:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def _write(self, configuration: dict[str, Any]) -> None:
        """The page's configuration with this machine's addresses and folders."""
        postgresql = configuration["postgresql"] | {
            "listen": f"127.0.0.1:{self.port}",
            "connect_address": f"127.0.0.1:{self.port}",
            "data_dir": str(self.data),
            "bin_dir": str(self._binaries),
            "pgpass": str(self.folder / "pgpass"),
            "pg_hba": [line.replace("10.0.0.0/24", "127.0.0.1/32") for line in configuration["postgresql"]["pg_hba"]],
            # A socket's path must be shorter than many folders' paths are.
            "parameters": {"unix_socket_directories": "", "shared_buffers": "64MB"},
        }  # fmt: skip
        written = configuration | {
            "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self._api}", "connect_address": f"127.0.0.1:{self._api}"},
            "postgresql": postgresql,
            "watchdog": {"mode": "off"},
        }
        (self.folder / "patroni.yml").write_text(yaml.safe_dump(written))
        if is_setpriv(self._way):
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)


class Cluster:
    def __init__(self, folder: Path, *, etcd: str) -> None:
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._etcd_program = etcd
        self._synchronous = True
        self._etcd: subprocess.Popen[bytes] | None = None
        self._etcd_ports = (a_port(), a_port())
        configuration = recommended()
        passwords = configuration["postgresql"]["authentication"]
        for role in passwords.values():
            role["password"] = secrets.token_urlsafe(18)
        configuration["etcd3"] = {"hosts": [f"127.0.0.1:{self._etcd_ports[0]}"]}
        # As quick as Patroni allows: a test waits for it.
        configuration["bootstrap"]["dcs"] |= {"ttl": 20, "loop_wait": 1, "retry_timeout": 3}
        self.nodes = tuple(
            Node(f"db{number}", folder=folder, configuration=configuration) for number in (1, 2, 3)
        )
        places = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        self.url = (
            f"postgresql://postgres:{passwords['superuser']['password']}@{places}/postgres"
            "?target_session_attrs=read-write"
        )

    def start(self) -> None:
        self._start_etcd()
        for node in self.nodes:
            node.start()
        self.wait_until(lambda: self.is_whole)

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in self._etcd_ports)
        with (self._folder / "etcd.log").open("ab") as log:
            self._etcd = subprocess.Popen(
                [
                    *(self._etcd_program, "--data-dir", str(self._folder / "etcd")),
                    *("--listen-client-urls", client, "--advertise-client-urls", client),
                    *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
                    *("--initial-cluster", f"default={peer}", "--unsafe-no-fsync"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @contextmanager
    def without_etcd(self) -> Iterator[None]:
        self._kill_etcd()
        yield
        self._start_etcd()

    def stop(self) -> None:
        for node in self.nodes:
            node.kill()
        self._kill_etcd()

    def _kill_etcd(self) -> None:
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd.wait()

    def members(self) -> Mapping[str, dict[str, Any]]:
        """By name, as any Patroni that answers tells of them."""
        for node in self.nodes:
            if told := node.state():
                return {member["name"]: member for member in told.get("members", ())}
        return {}

    def configure(self, *, synchronous_mode: bool) -> None:
        self.nodes[0].configure({"synchronous_mode": synchronous_mode})
        self._synchronous = synchronous_mode
        self.wait_until(lambda: self._is_synchronous() == self._synchronous)

    def senders(self) -> list[int]:
        """The primary's processes that send to replicas."""
        return [pid for (pid,) in self._asked("SELECT pid FROM pg_stat_replication")]

    def commits_that_wait(self) -> int:
        """How many have committed on the primary and wait for a replica to have it too."""
        return len(self._asked("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))

    def prepared_transactions(self) -> list[Any]:
        return self._asked("SELECT gid, database, prepared FROM pg_prepared_xacts")

    def _is_synchronous(self) -> bool:
        return self._asked("SHOW synchronous_standby_names") != [("",)]

    def _asked(self, query: LiteralString) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(query).fetchall()

    @property
    def is_whole(self) -> bool:
        """A primary, a synchronous replica and another, all in step."""
        members = self.members().values()
        roles = sorted(member["role"] for member in members)
        states = {member["state"] for member in members}
        standby = "sync_standby" if self._synchronous else "replica"
        return roles == ["leader", "replica", standby] and states <= {"running", "streaming"}

    def primary(self) -> Node | None:
        return self._with_role("leader")

    @contextmanager
    def another_timeline(self) -> Iterator[Node]:
        """The primary, to which something is done; at the end one of them, maybe the same, has been promoted."""
        primary, before = self.primary(), self._timeline()
        assert primary
        yield primary
        self.wait_until(lambda: self._timeline() > before)

    def _timeline(self) -> int:
        """Counts promotions; 0 where there is no primary."""
        leaders = [member for member in self.members().values() if member["role"] == "leader"]
        return max(
            (member.get("timeline", 0) for member in leaders if member["state"] == "running"), default=0
        )

    def synchronous(self) -> Node | None:
        return self._with_role("sync_standby")

    def _with_role(self, role: str) -> Node | None:
        members = self.members()
        for node in self.nodes:
            if members.get(node.name, {}).get("role") == role:
                return node
        return None

    def wait_until(self, condition: Callable[[], object]) -> None:
        until = time.monotonic() + _PATIENCE_S
        while not condition():
            logs = "\n".join(f"--- {node.name}\n{node.log()}" for node in self.nodes)
            assert time.monotonic() < until, f"{self.members()}\n{logs}"
            time.sleep(0.1)


@contextmanager
def a_cluster(folder: Path, *, etcd: str) -> Iterator[Cluster]:
    cluster = Cluster(folder, etcd=etcd)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
