"""What runs in the background, and when; and the worker that runs it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import cast

import procrastinate
import structlog
from procrastinate import JobContext

from warchest.jobs import (
    bank,
    batches,
    books,
    card_ends,
    documents,
    erp,
    gifts,
    guesses,
    housekeeping,
    methods,
    outbox,
    payments,
    pulse,
    transfers,
)
from warchest.jobs.pulse import Pulse
from warchest.runtime import health, listener, observed
from warchest.runtime.backup import barriers
from warchest.runtime.command import now
from warchest.runtime.configuration import configuration

log = structlog.get_logger(__name__)

PULSES = (
    Pulse("fold_journal", 0.25, books.fold_journal),
    Pulse("seal_journal", 5, books.seal_journal),
    Pulse("open_months", 6 * 3600, lambda: books.open_months(at=now())),
    Pulse("issue_documents", 1, lambda: documents.issue_due_documents(at=now())),
    Pulse("issue_late_documents", 300, lambda: documents.issue_late_documents(at=now())),
    Pulse("check_vat_numbers", 600, lambda: documents.check_vat_numbers(at=now())),
    Pulse("count_events", 2, outbox.count_events),
    Pulse("take_in_events", 1, outbox.take_in_events),
    Pulse("deliver_webhooks", 1, outbox.deliver_webhooks),
    Pulse("send_mails", 5, outbox.send_mails),
    Pulse("lapse_holds", 10, lambda: housekeeping.lapse_holds(at=now())),
    Pulse("expire_lots", 60, lambda: housekeeping.expire_lots(at=now())),
    Pulse("make_batches", 1, lambda: batches.make_batches(at=now())),
    Pulse("forget_print_files", 600, lambda: batches.forget_print_files(at=now())),
    Pulse("close_store_orders", 600, lambda: housekeeping.close_store_orders(at=now())),
    Pulse("watch_guesses", 10, lambda: guesses.watch_guesses(at=now())),
    Pulse("deliver_gifts", 5, lambda: gifts.deliver_gifts(at=now())),
    Pulse("warn_of_card_expiry", 3600, lambda: card_ends.warn_of_card_expiry(at=now())),
    Pulse("expire_due_cards", 600, lambda: card_ends.expire_due_cards(at=now())),
    Pulse("forget_card_codes", 600, lambda: gifts.forget_card_codes(at=now())),
    Pulse("pass_on_transfers", 1, lambda: transfers.pass_on_transfers(at=now())),
    Pulse("make_barrier", 60, barriers.make_one),
    Pulse("export_to_erps", 15, lambda: erp.export_to_erps(at=now())),
    Pulse("match_bank_entries", 30, lambda: bank.match_bank_entries(at=now())),
    Pulse("check_providers", 60, lambda: payments.check_providers(at=now())),
    Pulse("act_on_notices", 1, lambda: payments.act_on_notices(at=now())),
    Pulse("top_up_by_themselves", 10, lambda: methods.top_up_by_themselves(at=now())),
    Pulse("forget_methods", 30, lambda: methods.forget_methods(at=now())),
    Pulse("settle_open_payments", 30, lambda: payments.settle_open_payments(at=now(), limit=100)),
)

JOBS_KEPT_HOURS = 14 * 24
_TASKS_SILENT_S_MAX = 120.0
"""The loop that runs tasks moves several times a second; one that pauses after a failure waits for a minute at most."""
_STOP_S_MAX = 8.0
"""How long a stop waits for what is running; then it is left, as after a kill."""


def ready(app: procrastinate.App) -> None:
    """Called by procrastinate's Django integration when its app is made: these are the tasks, with their cron lines.

    Cron lines are UTC. A line that passes while no worker runs is not made up for; so what must happen daily is asked
    for hourly, under a key of its day. ``queueing_lock`` keeps a task from waiting in line behind itself.
    """

    @app.periodic(cron="5 * * * *")
    @app.task(name="recognise_revenue", queueing_lock="recognise_revenue")
    def recognise_revenue(timestamp: int) -> None:
        observed.pulse("recognise_revenue", lambda: housekeeping.recognise_yesterday(at=now()))

    @app.periodic(cron="35 * * * *")
    @app.task(name="fetch_settlements", queueing_lock="fetch_settlements")
    def fetch_settlements(timestamp: int) -> None:
        observed.pulse("fetch_settlements", lambda: payments.fetch_settlements(at=now()))

    @app.periodic(cron="25 * * * *")
    @app.task(name="warn_of_ending_methods", queueing_lock="warn_of_ending_methods")
    def warn_of_ending_methods(timestamp: int) -> None:
        observed.pulse("warn_of_ending_methods", lambda: methods.warn_of_ending_methods(at=now()))

    @app.periodic(cron="17 3 * * *")
    @app.task(name="forget_old_keys", queueing_lock="forget_old_keys")
    def forget_old_keys(timestamp: int) -> None:
        observed.pulse("forget_old_keys", lambda: housekeeping.forget_old_keys(at=now()))

    @app.periodic(cron="41 3 * * *")
    @app.task(name="prove_books", queueing_lock="prove_books")
    def prove_books(timestamp: int) -> None:
        observed.pulse("prove_books", housekeeping.prove_books)

    @app.periodic(cron="*/10 * * * *")
    @app.task(name="retry_stalled_jobs", queueing_lock="retry_stalled_jobs", pass_context=True)
    async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
        """Jobs of a worker that died go to the others."""
        for job in await context.app.job_manager.get_stalled_jobs():
            await context.app.job_manager.retry_job(job)

    @app.periodic(cron="53 3 * * *")
    @app.task(name="remove_old_jobs", queueing_lock="remove_old_jobs", pass_context=True)
    async def remove_old_jobs(context: JobContext, timestamp: int) -> None:
        await context.app.job_manager.delete_old_jobs(nb_hours=JOBS_KEPT_HOURS, include_failed=True)


def run_worker(stop: threading.Event) -> None:
    """Run pulses and tasks in this process until ``stop`` is set.

    Any number of workers may run at once, on any number of machines. One that is killed leaves nothing that the others
    do not take up.
    """
    telemetry = configuration().telemetry
    listener.start(host=telemetry.host, port=telemetry.worker_port)
    threads = pulse.start(PULSES, stop)
    failures = 0
    while not stop.is_set():
        try:
            asyncio.run(_run_tasks(stop))
            # It ends by itself when its connections break.
            failures = 0 if stop.is_set() else failures + 1
        except Exception:
            failures += 1
            log.exception("task_worker_failed", in_a_row=failures)
        if failures:
            stop.wait(min(2.0**failures, 60.0))
    until = time.monotonic() + _STOP_S_MAX
    for thread in threads:
        thread.join(max(until - time.monotonic(), 0))


async def _run_tasks(stop: threading.Event) -> None:
    from procrastinate.contrib.django import app
    from procrastinate.contrib.django.django_connector import DjangoConnector

    # Django's own connector knows threads, not a worker's event loop.
    django_connector = cast(DjangoConnector, app.connector)
    with app.replace_connector(django_connector.get_worker_connector()) as working:
        async with working.open_async():
            worker = asyncio.create_task(
                working.run_worker_async(
                    install_signal_handlers=False, concurrency=2, shutdown_graceful_timeout=_STOP_S_MAX
                )
            )
            while not worker.done():
                health.moved("tasks", within_s=_TASKS_SILENT_S_MAX)
                if stop.is_set():
                    health.drain()
                    # Cancelling is how procrastinate is asked to finish what it does and stop.
                    worker.cancel()
                await asyncio.wait({worker}, timeout=0.2)
            with contextlib.suppress(asyncio.CancelledError):
                worker.result()
