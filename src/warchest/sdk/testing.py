"""For the tests of plug-ins: a provider's simulator as a process of its own, which ends with whoever started it.

A plug-in's simulator is a server that says ``… listens on http://127.0.0.1:PORT`` in its first line, and reads its secrets from
files::

    class RunningMill(SimulatorProcess):
        module = "warchest_mill.simulator"

        def arguments(self) -> list[str]:
            return ["--secret-file", str(self.folder / "secret")]

Needs only the standard library, and nothing of it is used where no test runs.
"""

from __future__ import annotations

import secrets
import selectors
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

START_S_MAX = 20
STOP_S_MAX = 5


class SimulatorProcess:
    """Keeps its log in ``folder``. Started again it is on the port that it had before."""

    module: ClassVar[str]
    log_name: ClassVar[str] = "simulator.log"

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder
        self._port = port
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def arguments(self) -> list[str]:
        """What it is told beside its port."""
        return []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", self.module, "--with-parent", "--port", str(self._port)]
        command += self.arguments()
        log_file = self.folder / self.log_name
        with log_file.open("a") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = _first_line(self._process)
        if "listens on " not in line:
            self.stop()
            raise RuntimeError(f"the simulator did not start: {log_file.read_text()[-2000:]}")
        self._port = int(line.rsplit(":", 1)[1])

    def stop(self) -> None:
        """Ends it, and waits until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def kept_secret(path: Path, *, made: str = "") -> str:
    """The secret in a file, which is made where there is none (``made``, or a random one)."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(made or secrets.token_urlsafe(24))
    return path.read_text().strip()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(START_S_MAX) else ""
