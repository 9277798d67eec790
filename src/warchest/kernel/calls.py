"""What a contract says of a method beside its types, for those who call it from another process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

M = TypeVar("M", bound=Callable[..., Any])


def at_most_once(method: M) -> M:
    """Doing this twice is not the same as doing it once, and no key keeps it from that.

    So nobody repeats it by themselves when an answer is lost: the caller is told to try again, and decides.
    """
    method.__at_most_once__ = True  # type: ignore[attr-defined]
    return method


def runs_here(method: M) -> M:
    """What this takes or answers is too much to travel, or a secret that need not: it runs where it is called, over the
    service's database."""
    method.__runs_here__ = True  # type: ignore[attr-defined]
    return method
