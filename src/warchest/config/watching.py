"""Has this process watched: its logs, its traces, its figures, what it needs to be ready."""

from __future__ import annotations

import os

from django.db import InterfaceError, OperationalError

from warchest.config import logs
from warchest.ledger.contract import Ledger
from warchest.runtime import figures, health, metrics, tracing
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.views import house_figures

_BROKER_S_MAX = 1.0

PROCESS = "WARCHEST_PROCESS"
"""In the environment: what kind of process this is, in one word."""


def watch() -> None:
    """To be called once Django and the services are there. Calling it again changes nothing."""
    wanted, process = configuration(), os.environ.get(PROCESS, "command")
    logs.configure(level=wanted.telemetry.log_level)
    tracing.configure(wanted.telemetry, process=process, cluster=wanted.community.cluster)
    metrics.build(cluster=wanted.community.cluster, process=process)
    for name, source in (
        ("outbox", figures.outbox),
        ("promises", figures.promises),
        ("jobs", figures.jobs),
        ("books", house_figures.books),
        ("payments", house_figures.payments),
        ("cards", house_figures.cards),
    ):
        metrics.add_source(name, source)
    health.require("chart of accounts", _chart)
    if wanted.broker.wanted:
        health.require("broker", _broker)


def _broker() -> str:
    from warchest.runtime.broker.client import link

    return "" if link().wait_until_connected(_BROKER_S_MAX) else "broker: not connected"


def _chart() -> str:
    try:
        return "" if services.local(Ledger).books() else "chart of accounts: empty"
    except (OperationalError, InterfaceError):
        # That the database does not answer has been said.
        return ""
