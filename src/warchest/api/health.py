"""Whether this process lives, whether it is ready to serve, and what it has been doing."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import Counter, Histogram

from warchest.runtime import health
from warchest.runtime import metrics as figures
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

# One process counts for itself. Where several serve, PROMETHEUS_MULTIPROC_DIR names the folder through which they add up.
_REQUESTS = Counter("warchest_api_requests", "Requests by route and status", ["method", "route", "status"])
_LATENCY = Histogram("warchest_api_latency_seconds", "Time to answer by route", ["method", "route"])


def count(*, method: str, route: str, status: int, elapsed_s: float) -> None:
    """Count one answered request. ``route`` is a pattern, never an address with ids."""
    known = figures.known_method(method)
    _REQUESTS.labels(known, route, str(status)).inc()
    _LATENCY.labels(known, route).observe(elapsed_s)


def healthz(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything is there that a request needs, else 503 with what is missing."""
    missing = health.missing()
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return JsonResponse({"status": "not ready" if missing else "ready", "missing": missing}, status=status)


def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(figures.exposition(), content_type=figures.CONTENT_TYPE)


def jwks(request: HttpRequest) -> HttpResponse:
    """The public keys that check entitlement tokens (RFC 7517)."""
    response = JsonResponse(services.get(Subscriptions).jwks(), content_type="application/jwk-set+json")
    response["Cache-Control"] = "public, max-age=300"
    return response
