"""``warchest demo`` as a process of its own: a small league that answers, in a home that is thrown away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

SMALL = ("--players", "60", "--operations", "150")
READY_S_MAX = 150


@dataclass
class Demo:
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns once ``/readyz`` says so."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "warchest.cli.main", "demo", *SMALL],
            env=self.environment,
            stdout=(self.folder.parent / "output").open("a"),
            stderr=subprocess.STDOUT,
            text=True,
        )
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output()
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready in time: {self.output()}")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(40)

    def output(self) -> str:
        return (self.folder.parent / "output").read_text()[-4000:]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['WARCHEST_PORT']}"

    def file(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return found

    def api(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.file()['api_key']}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20, trust_env=False)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "warchest.cli.main", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)


@contextmanager
def a_demo() -> Iterator[Demo]:
    # Not pytest's own folder: PostgreSQL may have to run as nobody, who must get in.
    parent = Path(tempfile.mkdtemp(prefix="warchest-demo-"))
    parent.chmod(0o755)
    folder = parent / "home"
    environment = {
        **os.environ,
        "WARCHEST_HOME": str(folder),
        "WARCHEST_PORT": free_port(),
        "WARCHEST_ADMIN_PORT": free_port(),
    }
    demo = Demo(folder, environment)
    try:
        demo.start()
        yield demo
    finally:
        if demo.process and demo.process.poll() is None:
            demo.stop()
        shutil.rmtree(parent, ignore_errors=True)


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
