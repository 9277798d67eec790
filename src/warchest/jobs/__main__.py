"""A process of its own for background work: ``python -m warchest.jobs``."""

from __future__ import annotations

import os
import signal
import threading

from warchest.runtime import set_aside
from warchest.runtime.deployment import running_django


def main() -> None:
    """Until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    os.environ["WARCHEST_PROCESS"] = "worker"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    set_aside.check_in_service()
    with running_django():
        from warchest.jobs.app import run_worker
        from warchest.runtime import recovery

        recovery.start(stop)
        run_worker(stop)


if __name__ == "__main__":
    main()
