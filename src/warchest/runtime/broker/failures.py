"""How a call's failure travels, and comes back as what it was."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import wire

ERROR_HEADER, CODE_HEADER = "Nats-Service-Error", "Nats-Service-Error-Code"
"""As NATS services have it; what is told in full stands in the body."""

_CODES = {"refused": "409", "again": "503", "misunderstood": "400", "failed": "500"}


class Kind(StrEnum):
    REFUSED = "refused"  # the service's own named refusal
    AGAIN = "again"  # a passing failure
    MISUNDERSTOOD = "misunderstood"  # nothing was done: no such method, or not its types
    FAILED = "failed"  # an error that nobody foresaw; what it says stays where it happened


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    error: str
    reason: str
    details: dict[str, str | int | bool | None]
    retry_after_s: int = 0
    replayed: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {ERROR_HEADER: self.reason or self.error, CODE_HEADER: _CODES[self.kind]}


class RemoteFailure(RuntimeError):
    """A called service failed, or did not understand: a mistake in a program, never a user's."""


class Misunderstood(RemoteFailure):
    """What was called knows no such method, or other types: nothing was done there, but another instance may know it."""


def of(error: Exception) -> Failure:
    """How an error is told to the caller. Of one that nobody foresaw only the class: its text may hold anything."""
    from django.db import InterfaceError, OperationalError

    match error:
        case UnableTo():
            return Failure(
                Kind.REFUSED,
                _full_name(type(error)),
                error.reason,
                dict(error.details),
                replayed=error.replayed,
            )
        case TryAgain():
            return Failure(Kind.AGAIN, "", error.reason, dict(error.details), error.retry_after_s)
        case OperationalError() | InterfaceError():
            return Failure(Kind.AGAIN, "", "database_unreachable", {}, 1)
        case msgspec.DecodeError():
            return Failure(Kind.MISUNDERSTOOD, "", "malformed", {"explanation": str(error)[:200]})
        case _:
            return Failure(Kind.FAILED, type(error).__name__, "", {})


def misunderstood(reason: str, explanation: str) -> Failure:
    return Failure(Kind.MISUNDERSTOOD, "", reason, {"explanation": explanation})


def raised(data: bytes, *, called: str) -> Exception:
    """The error that the called one told."""
    failure = wire.decode(data, Failure)
    match failure.kind:
        case Kind.REFUSED:
            # The class by its full name: two contracts may have a refusal of the same name.
            refusal = UnableTo(failure.reason, **failure.details)
            refusal.__class__ = _refusals().get(failure.error, UnableTo)
            refusal.replayed = failure.replayed
            return refusal
        case Kind.AGAIN:
            return TryAgain(failure.reason, retry_after_s=failure.retry_after_s, **failure.details)
        case Kind.MISUNDERSTOOD:
            return Misunderstood(f"{called}: {failure.reason}: {failure.details.get('explanation', '')}")
        case Kind.FAILED:
            return RemoteFailure(f"{called} failed there with {failure.error}")


def _refusals() -> dict[str, type[UnableTo]]:
    found: dict[str, type[UnableTo]] = {}
    waiting: list[type[UnableTo]] = [UnableTo]
    while waiting:
        kind = waiting.pop()
        found[_full_name(kind)] = kind
        waiting += kind.__subclasses__()
    return found


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
