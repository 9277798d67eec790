"""Looking after promises of two-phase commit, in every process: one that dies is replaced at once by all the others."""

from __future__ import annotations

import threading

import structlog
from django.db import close_old_connections, connections

from warchest.runtime import two_phase

EVERY_S = 1.0

log = structlog.get_logger(__name__)


def start(stop: threading.Event | None = None) -> tuple[threading.Thread, ...]:
    """Recover each second in threads of this process, until ``stop``. None where there is only one database.

    One looks after all databases and forgets; and each has one of its own besides where there are several, since a host that
    went dark keeps whoever asks it waiting for half a minute, and the promises of others must not wait with it.
    """
    stop = stop or threading.Event()
    further = two_phase.further_databases()
    lots: list[tuple[str, ...] | None] = (
        [None, *((alias,) for alias in further)] if len(further) > 1 else [None]
    )
    threads = tuple(
        threading.Thread(
            target=_keep_recovering,
            args=(stop, databases),
            name=f"recovery-{databases[0] if databases else 'all'}",
            daemon=True,
        )
        for databases in (lots if further else ())
    )
    for thread in threads:
        thread.start()
    return threads


def _keep_recovering(stop: threading.Event, databases: tuple[str, ...] | None) -> None:
    failing = False
    while not stop.wait(EVERY_S):
        close_old_connections()
        try:
            two_phase.recover(databases=databases)
            failing = False
        except Exception:
            # Told once, not each second for as long as a database is away.
            if not failing:
                log.exception("recovery_failed")
            failing = True
            connections.close_all()
    connections.close_all()
