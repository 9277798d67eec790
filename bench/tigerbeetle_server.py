"""TigerBeetle's own server, from the program that the operator put in place: one replica, durable, on loopback."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.contender import TIGERBEETLE, StepFailed

START_SECONDS_MAX = 30.0


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its address. Its file lies in ``folder``, beside PostgreSQL's. Raises StepFailed."""
    program, file = os.environ[TIGERBEETLE], folder / "bench.tigerbeetle"
    made = subprocess.run(
        [program, "format", "--cluster=0", "--replica=0", "--replica-count=1", str(file)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise StepFailed((made.stderr.strip().splitlines() or ["it could not format its file"])[-1])
    address = f"127.0.0.1:{random.randint(20000, 29999)}"
    log = folder / "tigerbeetle.log"
    with log.open("wb") as told:
        process = subprocess.Popen(
            [program, "start", f"--addresses={address}", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
        )
    try:
        _wait(process, address, log)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def version() -> str:
    done = subprocess.run([os.environ[TIGERBEETLE], "version"], capture_output=True, text=True)
    return done.stdout.strip()


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    lines = log.read_text(errors="replace").strip().splitlines()
    raise StepFailed(lines[-1] if lines else "it did not start")
