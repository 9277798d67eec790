"""Pulses: functions that every worker calls every few seconds, and that run in one worker at a time.

Each has a thread of its own, so that a game server which is slow to answer keeps no payment waiting. PostgreSQL's
advisory locks choose the worker: such a lock ends with its connection, so a worker that dies lets go of it at once.
What a pulse calls must bear being called twice all the same: the lock spares work, and is no promise.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import structlog
from django.db import close_old_connections, connections

from warchest.runtime import health, observed
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_PAUSE_S_MAX = 60.0
_RUN_S_MAX = 1800.0
"""A run that takes longer is stuck: the longest, the expiry of a great campaign's lots, takes minutes."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """``call`` is to run every ``every_s`` seconds, counted from the end of the last run."""

    name: str
    every_s: float
    call: Callable[[], object]

    @property
    def lock(self) -> int:
        """The key of its advisory lock: 63 bits of its name's hash, so that no list of numbers has to be kept."""
        return int.from_bytes(sha256(f"pulse:{self.name}".encode()).digest()[:8], "big") >> 1


def beat(pulse: Pulse) -> bool:
    """Run a pulse once, unless another worker runs it now; answers whether it ran."""
    database = services.database("runtime")
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [pulse.lock])
        if not cursor.fetchone()[0]:
            return False
    try:
        observed.pulse(pulse.name, pulse.call)
    finally:
        # Where the connection is lost the lock is gone with it, and the pulse's own error is the one to tell.
        if database.is_usable():
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [pulse.lock])
        else:
            database.close()
    return True


def keep_beating(pulse: Pulse, stop: threading.Event) -> None:
    """Run a pulse until ``stop`` is set. No error ends it; each one in a row doubles the pause, up to a minute."""
    failures = 0
    try:
        while not stop.is_set():
            health.moved(f"pulse {pulse.name}", within_s=pulse.every_s + _RUN_S_MAX)
            close_old_connections()
            try:
                beat(pulse)
                failures = 0
            except Exception:
                failures += 1
                log.exception("pulse_failed", pulse=pulse.name, in_a_row=failures)
                connections.close_all()
            stop.wait(max(pulse.every_s, min(2.0**failures, _PAUSE_S_MAX) if failures else 0))
    finally:
        health.ended(f"pulse {pulse.name}")
        connections.close_all()


def start(pulses: Sequence[Pulse], stop: threading.Event) -> tuple[threading.Thread, ...]:
    """A thread for each pulse. They end soon after ``stop`` is set."""
    threads = tuple(
        # Daemons: a worker that is told to stop does not wait for a game server's answer. Killing is safe anywhere.
        threading.Thread(target=keep_beating, args=(pulse, stop), name=f"pulse-{pulse.name}", daemon=True)
        for pulse in pulses
    )
    for thread in threads:
        thread.start()
    return threads
