"""From a request to the command that a journey takes: who, when, and under which key."""

from __future__ import annotations

from typing import Any, TypeVar

from django.http import HttpRequest

from warchest.members.contract import ApiClient
from warchest.runtime.command import KEY_LENGTH_MAX, Actor, ActorKind, Channel, Command, now
from warchest.runtime.journey import Done

R = TypeVar("R")

KEYED: dict[str, Any] = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "schema": {"type": "string", "pattern": f"^[ -~]{{1,{KEY_LENGTH_MAX}}}$"},
            "description": (
                "The same key with the same request answers what the first call answered, with the header"
                " Idempotent-Replayed; with another request it is refused. Answers 429 and 5xx are not kept."
            ),
        }
    ]
}
"""What a route that writes tells of its key in the specification."""


def command_of(request: HttpRequest, *, key: str | None = None) -> Command:
    """The command of a write: its key is unique within the API client and the journey. ``key`` is given where the caller's
    own ids are in the body, and no header is needed.

    Raises UnableToUseKey.
    """
    client: ApiClient = request.auth  # type: ignore[attr-defined]
    forwarded = getattr(request, "forwarded", None)
    return Command(
        actor=Actor(ActorKind.API_CLIENT, str(client.id)),
        key=request.headers.get("Idempotency-Key", "") if key is None else key,
        at=now(),
        channel=Channel.API,
        # A client of another cluster's has keys of its own, whatever ids that cluster gives.
        client=f"{forwarded.cluster}:{client.id}" if forwarded else "",
        on_behalf_of=f"{ActorKind.CLUSTER}:{forwarded.cluster}" if forwarded else "",
        address=request.META.get("REMOTE_ADDR", ""),
        request_id=getattr(request, "request_id", ""),
    )


def answer_of(request: HttpRequest, done: Done[R]) -> R:
    """The journey's answer; that it is an earlier one is told in a header."""
    request.replayed = done.replayed  # type: ignore[attr-defined]
    return done.answer
