"""Warchest's own processes, as an operator runs them: portal and API, workers, commands."""

from __future__ import annotations

import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
_STOP_S_MAX = 30
_READY_S_MAX = 60

# What `warchest serve` starts, without what it starts beside: so that one of several can be stopped.
_PORTAL = """
import os, sys
from warchest.cli.serve import portal
child = portal()
os.environ.update(child.environment)
os.execv(sys.executable, [sys.executable, *child.arguments])
"""


# A server that keeps the faces for players and the background work running, and nothing else.
_SERVER = """
from warchest.cli.serve import portal, worker
from warchest.cli.supervisor import Supervisor
from warchest.runtime.configuration import configuration
Supervisor([portal(), worker()], drain_s=configuration().telemetry.drain_s).run()
"""


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of a process of this house: nothing of the tests' own, whose server is another."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WARCHEST_")}
    return {**kept, "WARCHEST_HOME": str(home), **more}


def a_port() -> str:
    """A free one that nobody is given for an outgoing connection (those lie from 32768 on), so that it can be used again
    after a restart."""
    while True:
        port = random.randint(20000, 29999)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)


_DEBIAN = Path(sys.executable).parents[1] / "debian"


def debian_program(name: str) -> str | None:
    """The system's, or the one that script/availability and script/test took out of Debian's package."""
    folders = (os.environ.get("PATH", ""), str(_DEBIAN / "usr" / "bin"), str(_DEBIAN / "usr" / "sbin"))
    return shutil.which(name, path=os.pathsep.join(folders))


def debian_environment() -> dict[str, str]:
    """With the libraries that lie beside such a program."""
    libraries = _DEBIAN / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
    return {**os.environ, "LD_LIBRARY_PATH": str(libraries)}


class Code:
    """A version of Warchest: the folder that holds its ``src``."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", *arguments]

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        return {**given, "PYTHONPATH": f"{self.root / 'src'}{os.pathsep}{self.root}"}

    def run(self, *arguments: str, given: Mapping[str, str], timeout_s: float = 120) -> str:
        """What a program of this version prints. Raises AssertionError, with what it said, where it fails."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment(given),
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def warchest(self, *arguments: str, given: Mapping[str, str], timeout_s: float = 120) -> str:
        return self.run("-m", "warchest.cli.main", *arguments, given=given, timeout_s=timeout_s)


class Process:
    """One that the tests started, and the only kind that they end."""

    def __init__(self, name: str, command: list[str], *, given: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self._command = command
        self._environment = dict(given)
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> None:
        """Ask for an end in order (SIGTERM), and do not wait for it."""
        self._signal(signal.SIGTERM)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(_STOP_S_MAX)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """In order, and by force where that takes too long: for the end of a test."""
        if self._process is None:
            return
        self.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self.is_running:
            assert self._process is not None
            # The whole group, as systemd does: a web server's own workers too.
            os.killpg(self._process.pid, number)


class Portal(Process):
    """Portal and API, in a process of its own."""

    program: tuple[str, ...] = ("-c", _PORTAL)

    def __init__(
        self, name: str, *, port: str, given: Mapping[str, str], folder: Path, code: Code | None = None
    ) -> None:
        code = code or Code()
        super().__init__(
            name,
            code.command(*self.program),
            given=code.environment({**given, "WARCHEST_PORT": port, "WARCHEST_ADMIN_PORT": a_port()}),
            folder=folder,
        )
        self.url = f"http://127.0.0.1:{port}"

    def run_instead(self, command: list[str], *, given: Mapping[str, str]) -> None:
        """Another program at this address."""
        self._command, self._environment = command, dict(given)

    def readiness(self) -> int:
        """The status that ``/readyz`` answers; 0 where nobody answers."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _READY_S_MAX
        while (status := self.readiness()) != 200:
            assert self.is_running, self.log()[-3000:]
            assert time.monotonic() < until, f"/readyz: {status}\n{self.log()[-3000:]}"
            time.sleep(0.05)


class Server(Portal):
    """Portal, API and worker, looked after by a supervisor."""

    program = ("-c", _SERVER)


class WholeServer(Portal):
    """``warchest serve``, as it stands."""

    program = ("-m", "warchest.cli.main", "serve")


class Worker(Process):
    def __init__(
        self, name: str, *, given: Mapping[str, str], folder: Path, code: Code | None = None
    ) -> None:
        code = code or Code()
        super().__init__(
            name, code.command("-m", "warchest.jobs"), given=code.environment(given), folder=folder
        )
