"""Calls for a player who lives in another cluster go there, and come back as that cluster answered.

The API client is known here: its key is checked here, counted here, and never leaves. What goes over the line is the request,
who asks and with which scopes; there it passes the same door as any other, under keys of that client's own. Who asks is told
beside the request and not in it, so nobody outside can say it.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse

from warchest.journeys.find_home import CLUSTER_UNREACHABLE, home_of, is_here
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.members.contract import ApiClient, Scope
from warchest.runtime import cluster_line
from warchest.runtime.cluster_line import LINE_CUT, read_by_clusters
from warchest.runtime.command import Actor, ActorKind, Channel, Command, now
from warchest.runtime.services import services

_ID = r"(?P<id>[0-9a-fA-F-]{32,36})"
_PATHS = tuple(
    (re.compile(rf"/api/v1/{place}/{_ID}(?:/.*)?"), kind)
    for place, kind in (
        ("players", "player"),
        ("entitlements", "player"),
        ("payments", "payment"),
        ("subscriptions", "subscription"),
        ("holds", "hold"),
        ("transfers", "transfer"),
    )
)
_BODIES = {"/api/v1/holds": "player", "/api/v1/cards/activations": "player", "/api/v1/transfers": "from"}
"""Calls that name their player in the body, and under which name."""

_BROUGHT = ("Accept-Language", "Content-Type", "Idempotency-Key", "X-Request-Id", "Accept")
_BROUGHT_BACK = ("Content-Type", "Idempotent-Replayed", "Retry-After", "Location", "Content-Language")
_ANSWER_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Whose request it is: an API client of the cluster that brought it."""

    cluster: str
    client: ApiClient


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


def sent_home(request: HttpRequest, client_of: Any) -> HttpResponse | None:
    """The answer of the cluster where this request belongs; None where it belongs here, or nobody knows where.

    ``client_of`` answers whose key the request bears, or raises what is then the answer. Raises TryAgain
    (``cluster_unreachable``).
    """
    if not cluster_line.line().clusters() or getattr(request, "forwarded", None) is not None:
        return None
    subject = _subject(request)
    if subject is None or is_here(kind=subject[0], id=subject[1]):
        return None
    client: ApiClient = client_of(request)
    command = Command(
        actor=Actor(ActorKind.API_CLIENT, str(client.id)),
        key=str(new_id()),
        at=now(),
        channel=Channel.API,
        request_id=getattr(request, "request_id", ""),
    )
    home = home_of(command, kind=subject[0], id=subject[1])
    return None if home == services.cluster else _forward(request, command, client, home)


def _forward(request: HttpRequest, command: Command, client: ApiClient, home: str) -> HttpResponse:
    headers = {name: request.headers[name] for name in _BROUGHT if name in request.headers}
    headers["X-Request-Id"] = command.request_id
    try:
        answered: Answered = cluster_line.line().call(
            home,
            "api.forward",
            command,
            method=request.method or "",
            path=request.path,
            query=request.META.get("QUERY_STRING", ""),
            headers=headers,
            body=request.body,
            client=client.id,
            client_name=client.name,
            scopes=tuple(sorted(client.scopes)),
            address=request.META.get("REMOTE_ADDR", ""),
        )
    except TryAgain as passing:
        if passing.reason == LINE_CUT:
            raise TryAgain(CLUSTER_UNREACHABLE, retry_after_s=5, cluster=home) from passing
        raise
    response = HttpResponse(answered.body, status=answered.status)
    for name, value in answered.headers.items():
        response[name] = value
    response["Warchest-Cluster"] = home
    return response


def _subject(request: HttpRequest) -> tuple[str, UUID] | None:
    """What the request is about: a kind of thing that has a home, and its id."""
    for pattern, kind in _PATHS:
        if match := pattern.fullmatch(request.path):
            return _known(kind, match["id"])
    field = _BODIES.get(request.path)
    if field is None or request.method != "POST":
        return None
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return _known("player", body.get(field)) if isinstance(body, dict) else None


def _known(kind: str, text: object) -> tuple[str, UUID] | None:
    try:
        return kind, UUID(str(text))
    except ValueError:
        return None


# At home.


@read_by_clusters("api.forward")
def answer_forwarded(
    *,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    client: UUID,
    client_name: str,
    scopes: tuple[Scope, ...],
    address: str,
    asked_by: str,
) -> Answered:
    """Answer a request that an API client of the asking cluster has sent there."""
    if not any(pattern.fullmatch(path) for pattern, _ in _PATHS) and path not in _BODIES:
        return Answered(404, {}, b"")
    told = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in headers.items()
        if name in _BROUGHT and name != "Content-Type"
    }
    request = WSGIRequest(
        {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)) if body else "",
            "REMOTE_ADDR": address,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(body),
            **told,
        }
    )
    # Each client's limit is kept by its own cluster.
    caller = ApiClient(id=client, name=client_name, scopes=frozenset(scopes), calls_per_second=0)
    request.forwarded = Forwarded(asked_by, caller)  # type: ignore[attr-defined]
    response = _handler().get_response(request)
    try:
        content = response.content
    finally:
        response.close()
    if len(content) > _ANSWER_BYTES_MAX:
        raise ValueError(f"an answer of {len(content)} bytes is too long to be sent")
    return Answered(
        response.status_code, {name: response[name] for name in _BROUGHT_BACK if name in response}, content
    )


@cache
def _handler() -> BaseHandler:
    handler = BaseHandler()
    handler.load_middleware()
    return handler
