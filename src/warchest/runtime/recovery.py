"""Looking after promises of two-phase commit, in every process: one that dies is replaced at once by all the others."""

from __future__ import annotations

import threading

import structlog
from django.db import close_old_connections, connections

from warchest.runtime import two_phase

EVERY_S = 1.0

log = structlog.get_logger(__name__)


def start(stop: threading.Event | None = None) -> threading.Thread | None:
    """Recover each second in a thread of this process, until ``stop``. None where there is only one database."""
    if not two_phase.further_databases():
        return None
    thread = threading.Thread(
        target=_keep_recovering, args=(stop or threading.Event(),), name="recovery", daemon=True
    )
    thread.start()
    return thread


def _keep_recovering(stop: threading.Event) -> None:
    failing = False
    while not stop.wait(EVERY_S):
        close_old_connections()
        try:
            two_phase.recover()
            failing = False
        except Exception:
            # Told once, not each second for as long as a database is away.
            if not failing:
                log.exception("recovery_failed")
            failing = True
            connections.close_all()
    connections.close_all()
