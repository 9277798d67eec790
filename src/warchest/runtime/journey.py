"""What makes a function a journey: one key, one transaction, one line in the record of operations.

    @journey("cards.activate")
    def activate_card(tx: Transaction, *, player: UUID, code: str) -> Activated:
        ...

    activate_card(command, player=player.id, code=typed).answer

The decorated function takes the command in place of the transaction. Its answer is kept under the command's key and
given again, with ``replayed`` set, to whoever sends the same request with the same key; so is a final refusal, unless
its reason is a passing one. What many ask for at once is done by a journey of many: see ``journey_of_many``.
"""

from __future__ import annotations

import functools
import hmac
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from warchest.kernel.errors import UnableTo
from warchest.runtime import idempotency, observed, wire
from warchest.runtime.busy import repeated_while_busy
from warchest.runtime.command import Command, UnableToUseKey
from warchest.runtime.ending import Ending
from warchest.runtime.idempotency import Stored
from warchest.runtime.secrets import secret
from warchest.runtime.services import COORDINATOR
from warchest.runtime.transactions import Telling, Transaction, business_transaction, technical_transaction
from warchest.runtime.two_phase import ensure_kept

P = ParamSpec("P")
R = TypeVar("R")


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
        asked = request_fingerprint(kwargs)
        with observed.Journey(self.name, (command,)) as run:
            done = repeated_while_busy(self.name, lambda: self._once(command, asked, *args, **kwargs))
            run.ended((done,))
        return done

    def _once(self, command: Command, asked: bytes, *args: P.args, **kwargs: P.kwargs) -> Done[R]:
        tx = Transaction(command)
        before: Stored | UnableToUseKey | None = None
        try:
            with business_transaction(tx):
                tx.claimed = [idempotency.full_key(self.name, command)]
                claimed = idempotency.claim(route=self.name, asked=[(command, asked)])
                before = claimed.answered[0]
                if before is None:
                    tx.stamps[COORDINATOR] = claimed.stamps
                    answer = self.body(tx, *args, **kwargs)
                    ending = Ending(route=self.name)
                    ending.add(tx, outcome="done", answer=wire.encode(answer))
                    ending.write()
            if before is None:
                return Done(answer)
            ensure_kept(tx.claimed)
            return answered_before(before, self._answer_type)
        except UnableTo as refusal:
            if not is_final(refusal):
                raise
            return keep_refusal(self.name, tx, asked, refusal, self._answer_type)

    @functools.cached_property
    def _answer_type(self) -> Any:
        return typing.get_type_hints(self.body)["return"]


def journey(name: str) -> Callable[[Callable[Concatenate[Transaction, P], R]], Journey[P, R]]:
    """Make a function a journey under the name that the record of operations and its keys' scope will show."""

    def decorate(body: Callable[Concatenate[Transaction, P], R]) -> Journey[P, R]:
        return Journey(name=name, body=body)

    return decorate


# What journeys of one and of many have in common.


def request_fingerprint(asked: Any) -> bytes:
    """Whether two requests under one key are the same request.

    Keyed, since an argument may be a password: from the database alone nobody can try guesses against it.
    """
    return hmac.digest(secret("request-fingerprints"), wire.encode(asked), "sha256")


def is_final(refusal: UnableTo) -> bool:
    """Whether a refusal is an answer to be kept: not said before, not about the key, and not a passing one."""
    passing = refusal.replayed or refusal.reason in refusal.passing
    return not passing and not isinstance(refusal, UnableToUseKey)


def kept_refusal(refusal: UnableTo) -> bytes:
    """A refusal as it is kept under its key."""
    return wire.encode(_Refused(error=type(refusal).__name__, reason=refusal.reason, details=refusal.details))


def keep_refusal(
    name: str, telling: Telling, asked: bytes, refusal: UnableTo, answer_type: type[R]
) -> Done[R]:
    """Keep a refusal whose transaction was rolled back, and raise it.

    Where another call with this key came first, what that one heard is answered instead, once it is true everywhere.
    """
    with technical_transaction("runtime"):
        (answered,) = idempotency.claim(route=name, asked=[(telling.command, asked)]).answered
        if answered is None:
            ending = Ending(route=name)
            ending.add(telling, outcome="refused", answer=kept_refusal(refusal), reason=refusal.reason)
            ending.write()
    if answered is None:
        raise refusal
    ensure_kept([idempotency.full_key(name, telling.command)])
    return answered_before(answered, answer_type)


def answered_before(stored: Stored | UnableToUseKey, answer_type: type[R]) -> Done[R]:
    """What an earlier call answered; raised where it was a refusal, or where the key came with another request."""
    if isinstance(stored, UnableToUseKey):
        raise stored
    if stored.outcome == "refused":
        kept = wire.decode(stored.answer, _Refused)
        raise UnableTo.again(kept.error, kept.reason, kept.details)
    return Done(wire.decode(stored.answer, answer_type), replayed=True)
