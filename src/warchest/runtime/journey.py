"""What makes a function a journey: one key, one transaction, one line in the record of operations.

    @journey("cards.activate")
    def activate_card(tx: Transaction, *, player: UUID, code: str) -> Activated:
        ...

    activate_card(command, player=player.id, code=typed).answer

The decorated function takes the command in place of the transaction. Its answer is kept under the command's key and
given again, with ``replayed`` set, to whoever sends the same request with the same key; so is a final refusal, unless
its reason is a passing one.
"""

from __future__ import annotations

import functools
import hmac
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import structlog
from django.db import OperationalError
from psycopg import errors as postgres

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import idempotency, wire
from warchest.runtime.command import Command, UnableToUseKey
from warchest.runtime.secrets import secret
from warchest.runtime.transactions import Transaction, business_transaction, technical_transaction

P = ParamSpec("P")
R = TypeVar("R")

_PASSING = (postgres.DeadlockDetected, postgres.SerializationFailure, postgres.LockNotAvailable)
_TRIES_MAX = 4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Done(Generic[R]):
    """A journey's answer; ``replayed`` says that the work was done by an earlier call."""

    answer: R
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Refused:
    error: str
    reason: str
    details: dict[str, str | int | bool | None]


class Journey(Generic[P, R]):
    """A use case that crosses services, callable with a command and the use case's own arguments."""

    def __init__(self, *, name: str, body: Callable[Concatenate[Transaction, P], R]) -> None:
        self.name = name
        self.body = body
        functools.update_wrapper(self, body)

    def __call__(self, command: Command, *args: P.args, **kwargs: P.kwargs) -> Done[R]:
        """Do the work once.

        Raises what the body refuses (a subclass of UnableTo), UnableToUseKey, and TryAgain when the database could not
        put it in order with what others did at the same time.
        """
        # Keyed, since an argument may be a password: from the database alone nobody can try guesses against it.
        asked = hmac.digest(secret("request-fingerprints"), wire.encode(kwargs), "sha256")
        for tries in range(1, _TRIES_MAX + 1):
            try:
                return self._once(command, asked, *args, **kwargs)
            except OperationalError as error:
                if not isinstance(error.__cause__, _PASSING) or tries == _TRIES_MAX:
                    if isinstance(error.__cause__, _PASSING):
                        raise TryAgain("busy") from error
                    raise
                log.info(
                    "journey_repeated", journey=self.name, tries=tries, cause=type(error.__cause__).__name__
                )
        raise AssertionError("unreachable")

    def _once(self, command: Command, asked: bytes, *args: P.args, **kwargs: P.kwargs) -> Done[R]:
        tx: Transaction | None = None
        try:
            with business_transaction(command) as tx:
                stored = idempotency.claim(command=command, route=self.name, fingerprint=asked)
                if stored:
                    return self._again(stored)
                answer = self.body(tx, *args, **kwargs)
                idempotency.finish(command=command, route=self.name, answer=wire.encode(answer).decode())
                tx.record(name=self.name, outcome="done")
            return Done(answer)
        except UnableToUseKey:
            raise
        except UnableTo as refusal:
            if refusal.replayed or refusal.reason in refusal.passing:
                raise
            return self._refuse(command, asked, refusal, tx)

    def _refuse(self, command: Command, asked: bytes, refusal: UnableTo, tx: Transaction | None) -> Done[R]:
        kept = _Refused(error=type(refusal).__name__, reason=refusal.reason, details=refusal.details)
        with technical_transaction("runtime"):
            stored = idempotency.refuse(
                command=command, route=self.name, fingerprint=asked, answer=wire.encode(kept).decode()
            )
            if stored is None:
                (tx or Transaction(command)).record(name=self.name, outcome="refused", reason=refusal.reason)
        if stored is None:
            raise refusal
        return self._again(stored)

    def _again(self, stored: idempotency.Stored) -> Done[R]:
        if stored.outcome == "refused":
            kept = wire.decode(stored.answer, _Refused)
            raise UnableTo.again(kept.error, kept.reason, kept.details)
        return Done(wire.decode(stored.answer, self._answer_type), replayed=True)

    @functools.cached_property
    def _answer_type(self) -> Any:
        return typing.get_type_hints(self.body)["return"]


def journey(name: str) -> Callable[[Callable[Concatenate[Transaction, P], R]], Journey[P, R]]:
    """Make a function a journey under the name that the record of operations and its keys' scope will show."""

    def decorate(body: Callable[Concatenate[Transaction, P], R]) -> Journey[P, R]:
        return Journey(name=name, body=body)

    return decorate
