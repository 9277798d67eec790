"""Named checks that must hold on live books at any moment: the same list runs in tests, every night and in ``prove``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from django.db import connections, transaction

from warchest.runtime import two_phase
from warchest.runtime.services import COORDINATOR, open_work


@dataclass(frozen=True, slots=True)
class Invariant:
    """``violations`` answers a sentence for each place where the rule is broken, the first one first; none when it holds."""

    name: str
    says: str
    violations: Callable[[], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Checked:
    """``places`` are the first ones where the rule is broken; none when it holds."""

    invariant: Invariant
    places: tuple[str, ...]
    took_ms: int


T = TypeVar("T")
_PORTION = 1000
_PLACES_MAX = 5


def in_portions(rows: Iterable[T]) -> Iterator[list[T]]:
    """Many rows, some at a time, so that a check of millions needs neither their memory nor a query for each."""
    left = iter(rows)
    while portion := list(islice(left, _PORTION)):
        yield portion


_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


def tell(progress: str) -> None:
    """Say how far a long check has come, to whoever listens."""
    if listener := _listener.get():
        listener(progress)


_kept: dict[str, Invariant] = {}


def keep(invariants: Sequence[Invariant]) -> None:
    """Add to the list of what must hold; the same name again replaces it."""
    _kept.update((invariant.name, invariant) for invariant in invariants)


def kept() -> tuple[Invariant, ...]:
    """All invariants of the house, in the order in which they were added."""
    return tuple(_kept.values())


def check_all(*, listener: Callable[[str], None] | None = None) -> Iterator[Checked]:
    """Check every invariant of the house, in one snapshot of all its databases, so that a system in full work can be
    proved.

    The snapshot lasts until the last answer was taken. ``listener`` hears what is being checked, and how far it is.
    Raises TryAgain (``transaction_pending``) where a transaction over several databases does not end.
    """
    _listener.set(listener)
    with ExitStack() as snapshot:
        _take(snapshot)
        for invariant in kept():
            tell(invariant.says)
            started = time.monotonic()
            with _at_the_snapshot():
                places = tuple(islice(invariant.violations(), _PLACES_MAX))
            yield Checked(invariant, places, round((time.monotonic() - started) * 1000))


def _take(snapshot: ExitStack) -> None:
    """One moment in all databases: at which no transaction is true in one of them and not yet in another.

    The coordinator's is looked at last: what consumers of its outbox have already counted elsewhere is then to be seen there.
    """
    further = two_phase.further_databases()
    with two_phase.barrier() if further else nullcontext():
        for alias in (*further, COORDINATOR):
            snapshot.enter_context(transaction.atomic(using=alias))
            with connections[alias].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                # Else the planner believes the constraints, and does not look whether the rows keep them.
                cursor.execute("SET LOCAL constraint_exclusion = off")
                cursor.execute("SELECT 1")


class _Reading:
    """All databases take part already; services are asked here, and not in processes that would look at another moment."""

    def join(self, alias: str) -> None:
        pass


@contextmanager
def _at_the_snapshot() -> Iterator[None]:
    token = open_work.set(_Reading())
    try:
        yield
    finally:
        open_work.reset(token)
