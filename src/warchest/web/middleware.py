"""What every page and call passes through: a request's id for the logs, its trace, and headers that keep browsers careful."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from warchest.runtime import at_work, metrics, tracing

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[\w.-]{8,64}", re.ASCII)
_PROBES = {"healthz", "readyz", "metrics"}

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Gives the request an id (the caller's own, if it brings a sane one), in every log line and in the answer.

    Where traces are told, the request is one, or goes on with the caller's; pages are counted by their route.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.face = getattr(settings, "WARCHEST_FACE", "portal")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        brought = request.headers.get("X-Request-Id", "")
        request_id = brought if _REQUEST_ID.fullmatch(brought) else uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with at_work.task(request_id=request_id):
            if tracing.is_on() and request.path.strip("/") not in _PROBES:
                response = self._traced(request, request_id)
            else:
                response = self._counted(request)
            # What Django logs of a response, it logs behind us.
            request.told = at_work.told()  # type: ignore[attr-defined]
        response["X-Request-Id"] = request_id
        return response

    def _traced(self, request: HttpRequest, request_id: str) -> HttpResponse:
        carried = tracing.extract(
            {tracing.TRACEPARENT: request.headers.get("traceparent", "")}, trusted=False
        )
        method = metrics.known_method(request.method)
        told = {"http.request.method": method, "warchest.request_id": request_id}
        with tracing.span(method, kind="server", told=told, carried=carried) as span:
            response = self._counted(request)
            if span is not None:
                route = route_of(request)
                # Known only now that the address was looked up. Never the address itself, which has ids in it.
                span.update_name(f"{method} {route}".rstrip())
                span.set_attributes({"http.route": route, "http.response.status_code": response.status_code})
                if response.status_code >= 500:
                    tracing.failed(span, str(response.status_code))
            return response

    def _counted(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        elapsed_s = time.perf_counter() - started
        route = route_of(request)
        log.debug(
            "request_answered",
            method=metrics.known_method(request.method),
            route=route,
            status=response.status_code,
            elapsed_ms=round(elapsed_s * 1000, 3),
        )
        # The API counts its own.
        if not route.startswith("api/") and route not in _PROBES:
            metrics.page_answered(
                face=self.face,
                method=request.method,
                route=route,
                status=response.status_code,
                elapsed_s=elapsed_s,
            )
        return response


def route_of(request: HttpRequest) -> str:
    """The pattern that the address matched: of as many values as there are pages. Empty where none did."""
    return request.resolver_match.route if request.resolver_match else ""


class SecurityHeadersMiddleware:
    """Nothing from elsewhere, nothing inline, no frames; pages with personal content are kept by no cache."""

    policy = (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", self.policy)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if response.get("Content-Type", "").startswith("text/html"):
            response.setdefault("Cache-Control", "no-store")
        return response
