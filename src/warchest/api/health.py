"""Whether this process lives, whether it is ready to serve, and what it has been doing."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from http import HTTPStatus

from django.db import Error, OperationalError
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
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

from warchest.ledger.contract import Ledger
from warchest.runtime.command import now
from warchest.runtime.roles import Role
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

# One process counts for itself. Where several serve, PROMETHEUS_MULTIPROC_DIR names the folder through which they add up.
_REQUESTS = Counter("warchest_api_requests", "Requests by route and status", ["method", "route", "status"])
_LATENCY = Histogram("warchest_api_latency_seconds", "Time to answer by route", ["method", "route"])


def count(*, method: str, route: str, status: int, elapsed_s: float) -> None:
    """Count one answered request. ``route`` is a pattern, never an address with ids."""
    known = method if method in {"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"} else "other"
    _REQUESTS.labels(known, route, str(status)).inc()
    _LATENCY.labels(known, route).observe(elapsed_s)


def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything is there that a request needs, else 503 with what is missing."""
    missing = [problem for check in (_database, _migrations, _chart) if (problem := _tried(check))]
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return JsonResponse({"status": "not ready" if missing else "ready", "missing": missing}, status=status)


def metrics(request: HttpRequest) -> HttpResponse:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return HttpResponse(generate_latest(registry) + _books(), content_type=CONTENT_TYPE_LATEST)


def _books() -> bytes:
    """How far the books' background work is behind, as it is at this moment; nothing where the database does not answer.

    Everybody's figures and no process's own, so they are in a registry of their own.
    """
    registry = CollectorRegistry()

    def tell(name: str, says: str, value: float) -> None:
        Gauge(name, says, registry=registry).set(value)

    try:
        ledger = services.get(Ledger)
        folding, sealing = ledger.folding(), ledger.sealing()
    except Error:
        return b""
    oldest = sealing.oldest_unsealed_at
    tell("warchest_ledger_unfolded_positions", "Positions that are not folded into postings", folding.behind)
    tell("warchest_ledger_unsealed_positions", "Positions that are not sealed into the chain", sealing.behind)
    tell(
        "warchest_ledger_unsealed_age_seconds",
        "Age of the oldest entry that is not sealed",
        max((now() - oldest).total_seconds(), 0) if oldest else 0,
    )
    tell(
        "warchest_ledger_unsigned_blocks",
        "Sealed blocks behind the newest signed head",
        sealing.number - sealing.signed,
    )
    return generate_latest(registry)


def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys that check entitlement tokens (RFC 7517)."""
    response = JsonResponse(services.get(Subscriptions).jwks(), content_type="application/jwk-set+json")
    response["Cache-Control"] = "public, max-age=300"
    return response


def _tried(check: Callable[[], str]) -> str:
    try:
        return check()
    except OperationalError:
        return "database: does not answer"
    except Error as error:
        return f"{check.__name__.strip('_')}: {type(error).__name__}"


def _database() -> str:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT current_user")
        (user,) = cursor.fetchone()
    return "" if user == Role.JOURNEY else f"database: signed in as {user}"


def _migrations() -> str:
    applied = MigrationRecorder(services.database("ledger")).applied_migrations()
    waiting = len(_known_migrations() - applied.keys())
    return f"migrations: {waiting} not applied" if waiting else ""


@functools.cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)


def _chart() -> str:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM ledger_book)")
        (there,) = cursor.fetchone()
    return "" if there else "chart of accounts: empty"
