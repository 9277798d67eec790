"""Keeps child processes running: starts them together, starts again what dies, ends them together."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from warchest.runtime.health import DRAINING_FILE
from warchest.runtime.secrets import home

log = structlog.get_logger(__name__)

_PAUSE_S_MIN, _PAUSE_S_MAX = 0.5, 30.0
_STABLE_S = 60.0
_STOP_S_MAX = 12.0
_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    """A child outlives no supervisor that was killed: the next start would find its port taken (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Child:
    """One process to keep running. ``environment`` is added to ours."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause_s: float = _PAUSE_S_MIN
    starts_again_at: float = 0.0

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *self.arguments],
            env={**os.environ, **self.environment},
            # Ctrl-C is for the supervisor, which then ends its children in order.
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )
        self.started_at = time.monotonic()


class Supervisor:
    """Children in the order in which they start; they end in the opposite one.

    Before they are told to end, they say for ``drain_s`` seconds that they are not ready, so that whoever shares out
    requests sends no more of them here.
    """

    def __init__(self, children: Sequence[Child], *, drain_s: float = 0.0) -> None:
        self.children = children
        self.drain_s = drain_s
        self.stopping = threading.Event()
        self._draining = home() / f"draining-{os.getpid()}"

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        try:
            self._draining.unlink(missing_ok=True)
            for child in self.children:
                child.environment = {DRAINING_FILE: str(self._draining), **child.environment}
                child.start()
            while not self.stopping.wait(0.3):
                for child in self.children:
                    self._look_after(child)
        finally:
            self._stop()

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is not None:
            if child.process.poll() is None:
                if now - child.started_at > _STABLE_S:
                    child.pause_s = _PAUSE_S_MIN
                return
            log.error(
                "process_ended", process=child.name, status=child.process.returncode, again_in_s=child.pause_s
            )
            child.process = None
            child.starts_again_at = now + child.pause_s
            child.pause_s = min(child.pause_s * 2, _PAUSE_S_MAX)
        if now >= child.starts_again_at:
            child.start()

    def _stop(self) -> None:
        if self.drain_s:
            self._draining.touch()
            time.sleep(self.drain_s)
        try:
            self._end_all()
        finally:
            self._draining.unlink(missing_ok=True)

    def _end_all(self) -> None:
        for child in reversed(self.children):
            self._signal(child, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S_MAX
        for child in reversed(self.children):
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._signal(child, signal.SIGKILL)
                child.process.wait()

    @staticmethod
    def _signal(child: Child, number: signal.Signals) -> None:
        if child.process is not None and child.process.poll() is None:
            # The whole group: a web server's own workers too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, number)
