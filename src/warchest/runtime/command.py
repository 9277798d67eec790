"""Who asks for what, under which key, at which moment: what every write is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from warchest.kernel.clock import Clock, SystemClock
from warchest.kernel.errors import UnableTo

KEY_LENGTH_MAX = 64


class UnableToUseKey(UnableTo):
    """The idempotency key is missing or too long, or was used before with another request."""

    reasons = frozenset({"idempotency_key_missing", "idempotency_key_malformed", "idempotency_key_reused"})


class ActorKind(StrEnum):
    PLAYER = "player"
    ADMINISTRATOR = "administrator"
    API_CLIENT = "api_client"
    PROVIDER = "provider"
    JOB = "job"
    OPERATOR = "operator"
    CLUSTER = "cluster"


class Channel(StrEnum):
    PORTAL = "portal"
    BACKOFFICE = "backoffice"
    API = "api"
    JOB = "job"
    CLI = "cli"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a kind and an id, never a name (personal data do not stand in the record)."""

    kind: ActorKind
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Command:
    """The frame of one write.

    ``key`` makes it idempotent within ``client`` (the API client, or the person at a page) and the journey. ``at`` is the
    moment in the world at which it happens. The rest is for the record of operations.
    """

    actor: Actor
    key: str
    at: datetime
    channel: Channel
    client: str = ""
    on_behalf_of: str = ""
    address: str = ""
    certificate: str = ""
    request_id: str = ""

    def __post_init__(self) -> None:
        if not self.key:
            raise UnableToUseKey("idempotency_key_missing")
        if len(self.key) > KEY_LENGTH_MAX or not self.key.isprintable():
            raise UnableToUseKey("idempotency_key_malformed")
        if self.at.tzinfo is None:
            raise ValueError("a command's moment needs a time zone")

    @property
    def scope(self) -> str:
        """Within what the key is unique: the client where one is named, else the actor."""
        return self.client or str(self.actor)

    def under(self, key: str) -> Command:
        """The same command under another key."""
        return replace(self, key=key)


_clock: ContextVar[Clock] = ContextVar("warchest_clock")
_system_clock = SystemClock()


def now() -> datetime:
    """This moment by the clock in force. For the outermost doors only; what they call is told the moment."""
    return _clock.get(_system_clock).now()


@contextmanager
def clock_in_force(clock: Clock) -> Iterator[None]:
    """Let this thread's doors ask another clock: for tests, simulations and filling in a past."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
