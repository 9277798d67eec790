"""``warchest worker``: background work until interrupted."""

from __future__ import annotations

import signal
import threading

import click

from warchest.cli import deployment


@click.command("worker", help="Do background work: outbox, webhooks, mails, open payments, daily entries.")
def command() -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with deployment.running_django():
        from warchest.jobs.app import run_worker

        run_worker(stop)
