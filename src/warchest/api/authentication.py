"""Who calls: an API key, what its scopes allow, and how often it may call."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest
from ninja.security import HttpBearer

from warchest.api.errors import UnableToServe
from warchest.kernel.errors import TryAgain
from warchest.members.contract import ApiClient, Members, Scope
from warchest.runtime import at_work
from warchest.runtime.command import ActorKind
from warchest.runtime.services import services


@dataclass(frozen=True, slots=True)
class Allowance:
    """How a client stands: calls a second, calls left now, and seconds until all of them are there again.

    ``granted``: this call was within the limit.
    """

    granted: bool
    limit: int
    remaining: int
    reset_s: int


class RateLimiter:
    """A token bucket for each API client: it holds one second's calls, and fills at that rate.

    Each process counts by itself; a client that is served by two processes may call twice as often.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[UUID, tuple[float, float]] = {}

    def take(self, *, client: UUID, calls_per_second: int) -> Allowance:
        """Count one call, if it is within the limit."""
        moment = self._clock()
        size = float(calls_per_second)
        with self._lock:
            left, since = self._buckets.get(client, (size, moment))
            left = min(size, left + (moment - since) * size)
            granted = left >= 1
            left -= granted
            self._buckets[client] = (left, moment)
        return Allowance(granted, calls_per_second, int(left), math.ceil((size - left) / size))


limiter = RateLimiter()


class ApiKey(HttpBearer):
    """An API key as ``Authorization: Bearer <key>``, with one scope.

    Every key is looked up by a hash of the whole of it, so a wrong one takes as long as a right one.
    """

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> ApiClient | None:
        """Also who was found out before: at this door, or at that of another cluster, which brings the request."""
        forwarded = getattr(request, "forwarded", None)
        known: ApiClient | None = forwarded.client if forwarded else getattr(request, "api_client", None)
        if known is None:
            return super().__call__(request)  # type: ignore[no-any-return]
        at_work.acting(f"{ActorKind.API_CLIENT}:{known.id}")
        return self._permitted(known)

    def authenticate(self, request: HttpRequest, token: str) -> ApiClient:
        """Raises UnableToServe, and TryAgain (``too_many_requests``)."""
        return self._permitted(identified(request, token))

    def _permitted(self, client: ApiClient) -> ApiClient:
        if self.scope not in client.scopes:
            raise UnableToServe("scope_missing", scope=self.scope.value)
        return client


class _AnyKey(HttpBearer):
    """An API key, whatever it may be used for."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiClient:
        return identified(request, token)


def client_of(request: HttpRequest) -> ApiClient:
    """Whose key the request bears; counted once. Raises UnableToServe, TryAgain."""
    client: ApiClient | None = _AnyKey()(request)
    if client is None:
        raise UnableToServe("key_missing")
    request.api_client = client  # type: ignore[attr-defined]
    return client


def identified(request: HttpRequest, token: str) -> ApiClient:
    """Raises UnableToServe, and TryAgain (``too_many_requests``)."""
    key = token.strip()
    if not key:
        raise UnableToServe("key_missing")
    client = services.get(Members).api_client_for(key=key)
    if client is None:
        raise UnableToServe("key_unknown")
    at_work.acting(f"{ActorKind.API_CLIENT}:{client.id}")
    allowance = limiter.take(client=client.id, calls_per_second=client.calls_per_second)
    request.allowance = allowance  # type: ignore[attr-defined]
    if not allowance.granted:
        raise TryAgain("too_many_requests", retry_after_s=1)
    return client


def needs(scope: Scope) -> ApiKey:
    """What a route asks of its caller."""
    return ApiKey(scope)
