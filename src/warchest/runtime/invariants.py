"""Named checks that must hold on live books at any moment: the same list runs in tests, every night and in ``prove``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from django.db import transaction

from warchest.runtime.services import services


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
    """Check every invariant of the house, in one snapshot, so that a system in full work can be proved.

    The snapshot lasts until the last answer was taken. ``listener`` hears what is being checked, and how far it is.
    """
    _listener.set(listener)
    with transaction.atomic(using=services.alias("ledger")):
        with services.database("ledger").cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # Else the planner believes the constraints, and does not look whether the rows keep them.
            cursor.execute("SET LOCAL constraint_exclusion = off")
        for invariant in kept():
            tell(invariant.says)
            started = time.monotonic()
            places = tuple(islice(invariant.violations(), _PLACES_MAX))
            yield Checked(invariant, places, round((time.monotonic() - started) * 1000))
