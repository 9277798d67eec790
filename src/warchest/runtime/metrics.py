"""What this process has been doing, and how the house stands, as Prometheus reads it.

Each process counts what it does itself. What everybody would see alike in the database (how far the outbox is behind, what
is in doubt) is asked for when somebody looks. Labels are of few values: routes, names of journeys and services, reasons;
never an id, an address, or what somebody typed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

log = structlog.get_logger(__name__)

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_LONG_SECONDS = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)
_METHODS = {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"}

_BUILD = Gauge(
    "warchest_build_info",
    "Always 1; which version this process is of, in which cluster, of which kind",
    ["version", "cluster", "process"],
    multiprocess_mode="max",
)
_REQUESTS = Counter(
    "warchest_web_requests", "Pages answered by face, route and status", ["face", "method", "route", "status"]
)
_REQUEST_SECONDS = Histogram(
    "warchest_web_latency_seconds",
    "Time to answer a page by face and route",
    ["face", "method", "route"],
    buckets=_SECONDS,
)
_JOURNEYS = Counter(
    "warchest_journeys",
    "Journeys by how they ended: done, replayed, refused (with the reason), busy, failed (with the error's class)",
    ["journey", "outcome", "reason"],
)
_JOURNEY_SECONDS = Histogram(
    "warchest_journey_seconds",
    "Time of a journey, or of a set of cases that were done at once",
    ["journey"],
    buckets=_SECONDS,
)
_JOURNEY_REPEATS = Counter(
    "warchest_journey_repeats",
    "Times that a journey, or a call of the ledger alone, had to begin again because of others at the same time",
    ["journey"],
)
_CALLS = Counter(
    "warchest_service_calls",
    "Calls between processes, by side: 'caller' asked, 'host' answered",
    ["service", "method", "side", "outcome"],
)
_CALL_SECONDS = Histogram(
    "warchest_service_call_seconds",
    "Time of a call between processes",
    ["service", "method", "side"],
    buckets=_SECONDS,
)
_PROVIDER_CALLS = Counter(
    "warchest_provider_calls",
    "What payment providers were asked, and where the payment stood then",
    ["provider", "call", "standing"],
)
_PROVIDER_SECONDS = Histogram(
    "warchest_provider_call_seconds",
    "Time until a payment provider had answered",
    ["provider", "call"],
    buckets=_LONG_SECONDS,
)
_PULSE_ENDED = Gauge(
    "warchest_pulse_last_run_timestamp_seconds",
    "When a run of the pulse last ended well; the newest over all workers counts",
    ["pulse"],
    multiprocess_mode="max",
)
_PULSE_SECONDS = Histogram(
    "warchest_pulse_seconds", "Time of a pulse's run", ["pulse"], buckets=_LONG_SECONDS
)
_PULSE_FAILURES = Counter("warchest_pulse_failures", "Runs of a pulse that failed", ["pulse"])
_EVENTS = Counter(
    "warchest_outbox_events",
    "Published facts handed to a consumer, by how that ended: taken, parked",
    ["consumer", "outcome"],
)


@functools.cache
def _of(metric: Any, *labels: str) -> Any:
    """The counter of these labels, looked up once: the client's own look-up takes longer than counting."""
    return metric.labels(*labels)


def build(*, cluster: str, process: str) -> None:
    """Say what this process is."""
    _BUILD.labels(version("warchest"), cluster, process).set(1)


def known_method(method: str | None) -> str:
    """A method as a label: anybody can send any word as one."""
    return method if method in _METHODS else "other"


def page_answered(*, face: str, method: str | None, route: str, status: int, elapsed_s: float) -> None:
    """``route`` is a pattern, never an address with ids."""
    known = known_method(method)
    _of(_REQUESTS, face, known, route, str(status)).inc()
    _of(_REQUEST_SECONDS, face, known, route).observe(elapsed_s)


def journey_ended(name: str, *, outcome: str, reason: str = "", cases: int = 1) -> None:
    _of(_JOURNEYS, name, outcome, reason).inc(cases)


def journey_took(name: str, *, elapsed_s: float) -> None:
    _of(_JOURNEY_SECONDS, name).observe(elapsed_s)


def journey_repeated(name: str) -> None:
    _of(_JOURNEY_REPEATS, name).inc()


def service_called(*, service: str, method: str, side: str, outcome: str, elapsed_s: float) -> None:
    """``side``: ``caller`` or ``host``. ``outcome``: ``done``, ``refused``, ``busy``, ``failed``."""
    _of(_CALLS, service, method, side, outcome).inc()
    _of(_CALL_SECONDS, service, method, side).observe(elapsed_s)


def provider_asked(*, provider: str, call: str, standing: str, elapsed_s: float) -> None:
    _of(_PROVIDER_CALLS, provider, call, standing).inc()
    _of(_PROVIDER_SECONDS, provider, call).observe(elapsed_s)


def pulse_ended(name: str, *, at_s: float, elapsed_s: float) -> None:
    """``at_s``: seconds since 1970."""
    _of(_PULSE_ENDED, name).set(at_s)
    _of(_PULSE_SECONDS, name).observe(elapsed_s)


def pulse_failed(name: str) -> None:
    _of(_PULSE_FAILURES, name).inc()


def event_handled(consumer: str, *, outcome: str) -> None:
    _of(_EVENTS, consumer, outcome).inc()


# How the house stands.


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of now. ``labels`` are the names and values that tell it from others of its name."""

    name: str
    says: str
    value: float
    labels: tuple[tuple[str, str], ...] = field(default=())


Source = Callable[[], Iterable[Figure]]

_sources: dict[str, Source] = {}


def add_source(name: str, source: Source) -> None:
    """Ask this for figures whenever somebody looks; adding it again replaces it."""
    _sources[name] = source


def figures() -> Iterable[Figure]:
    """What all sources say. One that cannot answer says nothing, and does not keep the others from it."""
    for name, source in _sources.items():
        try:
            yield from tuple(source())
        except Exception as error:
            log.warning("figures_missing", source=name, cause=type(error).__name__)


def exposition() -> bytes:
    """Everything, in Prometheus' text format.

    Where several processes serve one port, PROMETHEUS_MULTIPROC_DIR names the folder through which they add up.
    """
    counted = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        counted = CollectorRegistry()
        multiprocess.MultiProcessCollector(counted)
    now = CollectorRegistry()
    gauges: dict[str, Gauge] = {}
    for figure in figures():
        names = tuple(name for name, _ in figure.labels)
        gauge = gauges.get(figure.name)
        if gauge is None:
            # Everybody's, and no process's own, so in a registry of its own.
            gauge = gauges[figure.name] = Gauge(figure.name, figure.says, names, registry=now)
        (gauge.labels(*(value for _, value in figure.labels)) if names else gauge).set(figure.value)
    return generate_latest(counted) + generate_latest(now)
