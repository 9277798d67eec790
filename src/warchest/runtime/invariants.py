"""Named checks that must hold on live books at any moment: the same list runs in tests, every night and in ``prove``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Invariant:
    """``violations`` answers a sentence for each place where the rule is broken, the first one first; none when it holds."""

    name: str
    says: str
    violations: Callable[[], Iterable[str]]


T = TypeVar("T")
_PORTION = 1000


def in_portions(rows: Iterable[T]) -> Iterator[list[T]]:
    """Many rows, some at a time, so that a check of millions needs neither their memory nor a query for each."""
    left = iter(rows)
    while portion := list(islice(left, _PORTION)):
        yield portion


_kept: dict[str, Invariant] = {}


def keep(invariants: Sequence[Invariant]) -> None:
    """Add to the list of what must hold; the same name again replaces it."""
    _kept.update((invariant.name, invariant) for invariant in invariants)


def kept() -> tuple[Invariant, ...]:
    """All invariants of the house, in the order in which they were added."""
    return tuple(_kept.values())
