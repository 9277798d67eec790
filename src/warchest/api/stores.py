"""Stores: shops that sell our codes call here for each. They bring a signature in place of a key."""

from __future__ import annotations

from uuid import UUID, uuid5
from zlib import crc32

from django.http import HttpRequest, HttpResponse
from ninja import Router

from warchest.api.authentication import RateLimiter
from warchest.api.shapes import Id
from warchest.cards.contract import Cards
from warchest.journeys.sell_to_store import serve_store
from warchest.kernel.errors import TryAgain
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.stores import RawCall, UnableToTrustCall

router = Router(tags=["stores"])
limiter = RateLimiter()
_NAMES = UUID("5a3c6f0e-3a6b-4a53-9d5b-2f1d1f0f7a11")
_WRONG_PER_SECOND = 5
_COUNTED_APART = 4096  # groups of addresses: nobody fills the memory with new ones


@router.api_operation(
    ["GET", "POST"],
    "/stores/{name}",
    openapi_extra={
        "requestBody": {
            "content": {
                "application/json": {"schema": {}},
                "application/x-www-form-urlencoded": {"schema": {}},
            }
        },
        "responses": {200: {"description": "The codes, one a line, or as the store's own form has them"}},
    },
)
def call_of_store(request: HttpRequest, name: Id) -> HttpResponse:
    """A store's signed call, in its own form and of 64 kB at most: it sold a product and wants the codes, or cancels an
    order. The same line of the same order gets the same codes."""
    terms = services.get(Cards).store_terms(name=name)
    _within(f"{name}", terms.calls_per_second)
    call = RawCall(
        method=request.method or "",
        query=request.META.get("QUERY_STRING", ""),
        headers={field.lower(): value for field, value in request.headers.items()},
        body=request.body,
        received_at=now(),
    )
    try:
        reply = serve_store(name=name, call=call)
    except UnableToTrustCall:
        # Who guesses at a secret is slowed down, and takes nothing from the store itself.
        address = request.META.get("REMOTE_ADDR", "")
        _within(f"{name} from {crc32(address.encode()) % _COUNTED_APART}", _WRONG_PER_SECOND)
        raise
    return HttpResponse(
        reply.body, status=reply.status, content_type=reply.content_type, headers=dict(reply.headers)
    )


def _within(who: str, calls_per_second: int) -> None:
    if not limiter.take(client=uuid5(_NAMES, who), calls_per_second=calls_per_second).granted:
        raise TryAgain("too_many_requests", retry_after_s=1)
