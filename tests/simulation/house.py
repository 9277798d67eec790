"""A house of its own for a simulation: a durable database on a disk, and workers in processes of their own."""

from __future__ import annotations

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
from random import Random

from warchest.runtime.postgres import EmbeddedPostgres


@contextmanager
def a_house() -> Iterator[House]:
    """On a disk: the server's settings are those of a real house, and so is what it writes to."""
    home = Path(tempfile.mkdtemp(prefix="warchest-simulation-"))
    try:
        house = House(home)
        try:
            assert house.tell("prepare") == 0
            yield house
        finally:
            house.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


class House:
    """A house of its own: a durable database, and workers that are born again when they were killed."""

    def __init__(self, home: Path) -> None:
        self.server = EmbeddedPostgres(home).start()
        environment = {key: value for key, value in os.environ.items() if key != "WARCHEST_DATABASE_URL"}
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.nursery"],
            env={**environment, "WARCHEST_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workers: dict[int, str] = {}
        self._notes = home / "simulation"

    def wait_for_answers(self, *, count: int) -> None:
        """Until workers were answered so many times more."""
        until, before = time.monotonic() + 30, self._answers()
        while self._answers() < before + count:
            assert time.monotonic() < until, "nobody is answered any more"
            time.sleep(0.02)

    def _answers(self) -> int:
        return sum(notes.read_bytes().count(b"\n") for notes in self._notes.glob("*.notes"))

    def tell(self, *command: object) -> int:
        assert self._nursery.stdin and self._nursery.stdout
        print(*command, file=self._nursery.stdin, flush=True)
        # `prove` tells of its rules in between.
        for line in self._nursery.stdout:
            with suppress(ValueError):
                return int(line)
        raise AssertionError("the nursery has died")

    def employ(self, role: str, *, seed: int) -> None:
        self.workers[self.tell(role, seed)] = role

    def kill_worker(self, pid: int) -> str:
        # The nursery has not waited for it, so the number is still its own.
        os.kill(pid, signal.SIGKILL)
        return self.workers.pop(pid)

    def kill_server(self) -> None:
        """All of its processes at one blow, as a power cut would."""
        _kill(self._server_processes())
        self.server.start()

    def kill_postmaster(self) -> None:
        """Its sessions notice by themselves that they are alone."""
        postmaster = self.server.status().pid
        assert postmaster
        _kill([postmaster])
        self.server.start()

    def kill_one_session(self, chance: Random) -> None:
        """The server then ends all others, since shared memory may be damaged, and recovers by itself."""
        others = [pid for pid in self._server_processes() if pid != self.server.status().pid]
        _kill([chance.choice(others)])

    def _server_processes(self) -> list[int]:
        folder, found = os.path.realpath(self.server.data), []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(link) == folder:
                    found.append(int(link.parent.name))
        return found

    def dismiss_all(self) -> None:
        """Without notice."""
        for pid in list(self.workers):
            self.kill_worker(pid)
        self.server.start()

    def close(self) -> None:
        for pid in list(self.workers):
            self.kill_worker(pid)
        self._nursery.stdin.close()
        self._nursery.wait(30)
        self.server.stop()


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
