"""A process of its own that answers calls for the services it hosts: ``python -m warchest.runtime.broker.serving``.

WARCHEST_SERVICES in the environment names them; unset, they are all. Told to stop, it leaves the directory first, finishes
what it was asked, and ends.
"""

from __future__ import annotations

import os
import signal
import threading

import structlog

from warchest.runtime import health, listener, recovery
from warchest.runtime.broker.client import close_links
from warchest.runtime.broker.host import Host
from warchest.runtime.broker.line import LineHost
from warchest.runtime.broker.server import has_line
from warchest.runtime.configuration import configuration
from warchest.runtime.deployment import running_django
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

STOP_S_MAX = 10.0
"""How long a stop waits for what is running; then it is left, as after a kill."""


def main() -> None:
    """Until SIGTERM or SIGINT."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    os.environ["WARCHEST_PROCESS"] = "services"
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with running_django():
        telemetry = configuration().telemetry
        listener.start(host=telemetry.host, port=telemetry.services_port)
        recovery.start(stop)
        if not _wait_until_ready(stop):
            return
        host, line = Host(services).start(), LineHost()
        if has_line(configuration()):
            line.start()
        log.info("services_registered", services=[each.instance.name for each in host.services])
        try:
            stop.wait()
            health.drain()
        finally:
            line.stop()
            host.stop(within_s=STOP_S_MAX)
            close_links()


def _wait_until_ready(stop: threading.Event) -> bool:
    """Nobody is called whose tables are not there yet. False when told to stop."""
    told: list[str] = []
    while missing := health.missing():
        if missing != told:
            log.info("services_waiting", missing=missing)
            told = missing
        if stop.wait(0.5):
            return False
    return not stop.is_set()


if __name__ == "__main__":
    main()
