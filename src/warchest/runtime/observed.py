"""What doors, journeys and calls between processes have in common for those who watch: a span, figures, log lines.

Each is a ``with`` block around the work itself. Where no traces are told they cost some microseconds.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from hashlib import sha256
from types import TracebackType
from typing import Any, TypeVar

import structlog
from django.db import OperationalError

from warchest.kernel.errors import TryAgain, UnableTo
from warchest.runtime import at_work, metrics, tracing
from warchest.runtime.command import Command

T = TypeVar("T")

log = structlog.get_logger(__name__)
_lines = logging.getLogger(__name__)


def ended_by(error: BaseException | None) -> tuple[str, str]:
    """How something ended, and why: the reason of a refusal, the class of an error."""
    match error:
        case None:
            return "done", ""
        case UnableTo():
            return ("replayed" if error.replayed else "refused"), error.reason
        case TryAgain():
            return "busy", error.reason
        case _:
            return "failed", type(error).__name__


def _end_of_case(end: object) -> tuple[str, str]:
    outcome, reason = ended_by(end if isinstance(end, BaseException) else None)
    return ("replayed" if getattr(end, "replayed", False) else outcome), reason


class Journey:
    """One run of a journey, or of a set of cases: ``with observed.Journey(name, (command,)) as run: …``.

    Ends as ``done``, or as the error says that passes through; for a set (``what="set"``), as ``ended`` is told of each.
    """

    __slots__ = ("_commands", "_door", "_name", "_span", "_spanned", "_started", "_told", "_what")

    def __init__(self, name: str, commands: Sequence[Command], *, what: str = "journey") -> None:
        self._name = name
        self._what = what
        self._commands = commands
        self._door: AbstractContextManager[Any] | None = None
        self._told = False

    def __enter__(self) -> Journey:
        first = self._commands[0] if self._commands else None
        task = at_work.current()
        if task is None:
            # No door has begun a task: a command line, a test.
            self._door = at_work.task()
            task = self._door.__enter__()
        task.journey, task.transaction = self._name, ""
        if first is not None:
            task.actor = first.actor
            task.request_id = task.request_id or first.request_id
        self._spanned = self._span = None
        if tracing.is_on():
            self._spanned = tracing.span(
                f"{self._what} {self._name}",
                told=self._attributes(first),
                links=tracing.links([_waiting[id(one)] for one in self._commands if id(one) in _waiting]),
            )
            self._span = self._spanned.__enter__()
        self._started = time.perf_counter()
        return self

    def _attributes(self, first: Command | None) -> Mapping[str, str | int]:
        if first is None:
            return {"warchest.journey": self._name}
        return {
            "warchest.journey": self._name,
            "warchest.actor.kind": first.actor.kind.value,
            "warchest.channel": first.channel.value,
            # Enough to see that two calls had the same key; the key itself is the caller's.
            "warchest.key_hash": sha256(f"{first.scope}\0{first.key}".encode()).hexdigest()[:16],
            "warchest.request_id": first.request_id,
            "warchest.cases": len(self._commands),
        }

    def ended(self, ends: Sequence[object]) -> None:
        """Say how each case ended: with a refusal, or with an answer, which may be an earlier one (``replayed``)."""
        self._told = True
        counted = {_end_of_case(ends[0]): 1} if len(ends) == 1 else Counter(map(_end_of_case, ends))
        for (outcome, reason), cases in counted.items():
            metrics.journey_ended(self._name, outcome=outcome, reason=reason, cases=cases)
        if len(counted) == 1:
            self._tell(*next(iter(counted)))
        else:
            self._tell("mixed", "")

    def _tell(self, outcome: str, reason: str) -> None:
        tracing.tell(self._span, {"warchest.outcome": outcome, "warchest.reason": reason})
        if outcome == "failed":
            tracing.failed(self._span, reason)
        if self._span is not None and (task := at_work.current()) is not None:
            tracing.tell(self._span, {"warchest.transaction": task.transaction})
        if _lines.isEnabledFor(logging.DEBUG):
            elapsed_ms = round((time.perf_counter() - self._started) * 1000, 3)
            log.debug("journey_ended", outcome=outcome, reason=reason, elapsed_ms=elapsed_ms)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        metrics.journey_took(self._name, elapsed_s=time.perf_counter() - self._started)
        if error is not None or not self._told:
            outcome, reason = ended_by(error)
            metrics.journey_ended(self._name, outcome=outcome, reason=reason, cases=len(self._commands))
            self._tell(outcome, reason)
        if self._spanned is not None:
            # A refusal is an answer, not a failure: what failed has been marked already.
            self._spanned.__exit__(None, None, None)
        if self._door is not None:
            self._door.__exit__(None, None, None)


_waiting: dict[int, Any] = {}
"""Where callers of a set are told of who may be served by another's thread; by their commands."""


@contextmanager
def one_of_many(name: str, command: Command) -> Iterator[None]:
    """A caller who is served together with others, perhaps by the thread of one of them."""
    if not tracing.is_on():
        yield
        return
    with tracing.span(
        f"journey {name}", told={"warchest.journey": name, "warchest.channel": command.channel.value}
    ):
        _waiting[id(command)] = tracing.here()
        try:
            yield
        finally:
            del _waiting[id(command)]


@contextmanager
def asking(service: str, method: str, *, headers: MutableMapping[str, str]) -> Iterator[None]:
    """A call to another process. ``headers`` are given what carries the trace along."""
    told = {"rpc.system": "warchest", "rpc.service": service, "rpc.method": method}
    with (
        tracing.span(f"{service}.{method}", kind="client", told=told) as span,
        _counted(service, method, "caller", span),
    ):
        tracing.inject(headers)
        yield


@contextmanager
def answering(
    service: str, method: str, *, headers: Mapping[str, str] | None, request_id: str = "", actor: str = ""
) -> Iterator[None]:
    """A call from another process, which begins a task here. The headers are as ``asking`` left them."""
    told = {"rpc.system": "warchest", "rpc.service": service, "rpc.method": method}
    with (
        at_work.task(request_id=request_id, actor=actor, service=f"{service}.{method}"),
        tracing.span(
            f"{service}.{method}", kind="server", told=told, carried=tracing.extract(headers)
        ) as span,
        _counted(service, method, "host", span),
    ):
        yield


@contextmanager
def _counted(service: str, method: str, side: str, span: Any) -> Iterator[None]:
    started = time.perf_counter()
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        outcome, reason = ended_by(error)
        if outcome == "replayed":
            outcome = "refused"
        tracing.tell(span, {"warchest.outcome": outcome, "warchest.reason": reason})
        elapsed_s = time.perf_counter() - started
        metrics.service_called(
            service=service, method=method, side=side, outcome=outcome, elapsed_s=elapsed_s
        )
        if _lines.isEnabledFor(logging.DEBUG):
            log.debug(
                "service_called",
                called=f"{service}.{method}",
                side=side,
                outcome=outcome,
                reason=reason,
                elapsed_ms=round(elapsed_s * 1000, 3),
            )


@contextmanager
def event(consumer: str, *, topic: str, transaction: int) -> Iterator[None]:
    """A published fact in the hands of one who reads the outbox. ``transaction`` orders it, and is mostly the one that
    published it: what the trace and the log lines of its journey say too."""
    told = {
        "messaging.system": "warchest-outbox",
        "messaging.destination.name": topic,
        "messaging.consumer.group.name": consumer,
        "warchest.transaction": str(transaction),
    }
    try:
        with tracing.span(f"consume {topic}", kind="consumer", told=told):
            yield
    except OperationalError:
        # It comes again.
        raise
    except Exception:
        metrics.event_handled(consumer, outcome="parked")
        raise
    metrics.event_handled(consumer, outcome="taken")


@contextmanager
def provider(name: str, call: str) -> Iterator[Callable[[str], None]]:
    """A payment provider is asked; say how the payment stands by what it answered."""
    started, standing = time.perf_counter(), "failed"

    def stands(told: str) -> None:
        nonlocal standing
        standing = told

    with tracing.span(f"provider {name} {call}", kind="client", told={"warchest.provider": name}) as span:
        try:
            yield stands
        finally:
            tracing.tell(span, {"warchest.standing": standing})
            elapsed_s = time.perf_counter() - started
            metrics.provider_asked(provider=name, call=call, standing=standing, elapsed_s=elapsed_s)


def pulse(name: str, call: Callable[[], T]) -> T:
    """Run a pulse, or a task of a certain hour, as a task of its own."""
    with at_work.task(pulse=name, actor=f"job:{name}"), tracing.pulse(name) as span:
        started = time.perf_counter()
        try:
            answer = call()
        except Exception:
            metrics.pulse_failed(name)
            raise
        if answer and isinstance(answer, int):
            tracing.worked(span)
        metrics.pulse_ended(name, at_s=time.time(), elapsed_s=time.perf_counter() - started)
        return answer
