"""Where everything hangs, and the door that every request passes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from warchest.api import health
from warchest.api.authentication import client_of
from warchest.api.errors import UnableToServe, answer, as_problem
from warchest.api.forwarding import sent_home
from warchest.api.specification import api

View = Callable[..., HttpResponse]

BODY_BYTES_MAX = 256 * 1024
NOTICE_BYTES_MAX = 64 * 1024


def door(view: View) -> View:
    """What holds for every call: bodies of a bearable size, JSON, every error a problem, everything counted."""

    @csrf_exempt
    @functools.wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        started = time.perf_counter()
        response = _answered(view, request, *args, **kwargs)
        _finish(request, response)
        route = request.resolver_match.route if request.resolver_match else ""
        health.count(
            method=request.method or "",
            route=route,
            status=response.status_code,
            elapsed_s=time.perf_counter() - started,
        )
        return response

    return answered


def _answered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        _check(request)
        response = sent_home(request, client_of) or view(request, *args, **kwargs)
    except Exception as error:
        return as_problem(request, error)
    if response.status_code == 405:
        allowed = response["Allow"]
        response = answer(request, UnableToServe("method_not_allowed"))
        response["Allow"] = allowed
    return response


def _check(request: HttpRequest) -> None:
    if "\0" in request.path:
        raise UnableToServe("not_found")
    if "%00" in request.META.get("QUERY_STRING", ""):
        raise UnableToServe("request_malformed")
    # Providers and stores speak in forms of their own.
    is_theirs = request.path.startswith(("/api/v1/notices/", "/api/v1/stores/"))
    bytes_max = NOTICE_BYTES_MAX if is_theirs else BODY_BYTES_MAX
    if "HTTP_TRANSFER_ENCODING" in request.META:
        _read_pieces(request, bytes_max=bytes_max)
    told = request.META.get("CONTENT_LENGTH") or "0"
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise UnableToServe("request_malformed")
    if int(told) > bytes_max:
        raise UnableToServe("body_too_large")
    if int(told) and not is_theirs and request.content_type != "application/json":
        raise UnableToServe("media_type_not_supported")


def _read_pieces(request: HttpRequest, *, bytes_max: int) -> None:
    """A body sent in pieces has no length, and Django would take it for an empty one: a capture of a part would become
    a capture of all."""
    if not request.META.get("wsgi.input_terminated"):
        raise UnableToServe("length_required")
    body = request.META["wsgi.input"].read(bytes_max + 1)
    request._body = body  # type: ignore[attr-defined]
    request.META["CONTENT_LENGTH"] = str(len(body))


def _finish(request: HttpRequest, response: HttpResponse) -> None:
    response.setdefault("Cache-Control", "no-store")
    if getattr(request, "replayed", False):
        response["Idempotent-Replayed"] = "true"
    allowance = getattr(request, "allowance", None)
    if allowance is not None:
        response["RateLimit-Limit"] = str(allowance.limit)
        response["RateLimit-Remaining"] = str(allowance.remaining)
        response["RateLimit-Reset"] = str(allowance.reset_s)


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The interactive page; its script and styles come from here, and from nowhere else."""
    return render(request, "api/docs.html")


def not_found(request: HttpRequest) -> HttpResponse:
    raise UnableToServe("not_found")


def _of_specification() -> list[URLPattern]:
    patterns, _, _ = api.urls
    return [
        path(f"api/v1/{pattern.pattern}", door(pattern.callback), name=pattern.name) for pattern in patterns
    ]


app_name = "api"
urlpatterns = [
    *_of_specification(),
    path("api/docs", door(docs), name="docs"),
    path(".well-known/jwks.json", door(require_safe(health.jwks)), name="jwks"),
    path("healthz", door(require_safe(health.healthz)), name="healthz"),
    path("readyz", door(require_safe(health.readyz)), name="readyz"),
    path("metrics", door(require_safe(health.metrics)), name="metrics"),
    re_path(r"^api(?:/.*)?$", door(not_found)),
]
