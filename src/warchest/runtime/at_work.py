"""What this thread is at work on, for its log lines: whose request, which journey, which transaction.

A door (a page, a call, a pulse, a message of the broker's) begins a task; what it calls adds what it comes to know. Log
lines take it from here, those of libraries too, so that nobody has to hand it down.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from warchest.runtime import tracing
from warchest.runtime.command import Actor
from warchest.runtime.services import open_work


@dataclass(slots=True)
class Task:
    """Empty is what is not known. ``actor`` is a kind and an id, never a name; ``transaction`` is PostgreSQL's number of
    the coordinator's transaction, or ours of one over several databases."""

    request_id: str = ""
    actor: Actor | str = ""
    journey: str = ""
    transaction: str = ""
    pulse: str = ""
    service: str = ""


_task: ContextVar[Task | None] = ContextVar("warchest_task", default=None)


@contextmanager
def task(
    *, request_id: str = "", actor: Actor | str = "", pulse: str = "", service: str = ""
) -> Iterator[Task]:
    """What is done in the ``with`` block is one task. One within another is told by itself."""
    begun = Task(request_id=request_id, actor=actor, pulse=pulse, service=service)
    token = _task.set(begun)
    try:
        yield begun
    finally:
        _task.reset(token)


def current() -> Task | None:
    return _task.get()


def acting(actor: Actor | str) -> None:
    """Say for whom this task is done, as soon as the door knows."""
    begun = _task.get()
    if begun is not None:
        begun.actor = actor


def in_transaction(number: str) -> None:
    """Say which transaction of the coordinator's it is in now."""
    begun = _task.get()
    if begun is not None:
        begun.transaction = number


def told() -> dict[str, str]:
    """What a log line written now says of its task; also of one that failed, until its door is closed."""
    begun = _task.get()
    found = {}
    if begun is not None:
        found = {name: str(value) for name in Task.__slots__ if (value := getattr(begun, name))}
    decided = getattr(getattr(open_work.get(), "participants", None), "transaction", None)
    if decided is not None:
        found["transaction"] = str(decided)
    if trace := tracing.trace_id():
        found["trace_id"] = trace
    return found
