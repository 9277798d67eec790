"""Calls to the HTTP API: ``call(an_api_client(), "GET", "/catalogue")``."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from django.http import HttpResponse
from django.test import Client

from tests.builders.people import NOW
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, Scope
from warchest.runtime.afterwards import finish_all
from warchest.runtime.services import services

_numbers = count(1)


def an_api_client(*scopes: Scope, calls_per_second: int = 10_000) -> str:
    """The key of a new API client; with every scope where none is named."""
    _, key = services.get(Members).issue_api_key(
        name=f"client {next(_numbers)}",
        scopes=scopes or tuple(Scope),
        calls_per_second=calls_per_second,
        at=NOW,
    )
    return key


def call(
    api_key: str | None,
    method: str,
    path: str,
    body: Any = None,
    *,
    key: str | None = None,
    headers: dict[str, str] | None = None,
    content_type: str = "application/json",
) -> HttpResponse:
    """One call below ``/api/v1``. ``key`` is the Idempotency-Key, a new one for each call where it is left out."""
    sent = {"Idempotency-Key": f"key-{new_id()}" if key is None else key, **(headers or {})}
    if api_key is not None:
        sent["Authorization"] = f"Bearer {api_key}"
    client = Client(raise_request_exception=False)
    if body is None:
        return client.generic(method, f"/api/v1{path}", headers=sent)
    if isinstance(body, dict):
        body = json.dumps(body)
    answer = client.generic(method, f"/api/v1{path}", body, content_type=content_type, headers=sent)
    if path.startswith("/notices/"):
        # Acted on after the answer, as in life; what tests ask about is mostly what comes of it.
        finish_all()
    return answer
