"""Ledger-only calls are begun again where they got in another's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError
from psycopg import errors as postgres

from warchest.runtime.services import services

T = TypeVar("T")

_PASSING = (postgres.SerializationFailure, postgres.DeadlockDetected)
_TRIES_MAX = 5


def begun_again(work: Callable[[], T]) -> T:
    """What ``work`` answers, at the fifth time at the latest; within a journey's transaction the journey begins again.

    Who locks in the right order may still be the one whom PostgreSQL ends: it chooses among all who wait in a ring, those
    who only queue up behind one of its rows included.
    """
    for tries in range(1, _TRIES_MAX + 1):
        try:
            return work()
        except OperationalError as error:
            within = services.database("ledger").in_atomic_block
            if within or not isinstance(error.__cause__, _PASSING) or tries == _TRIES_MAX:
                raise
    raise AssertionError("unreachable")
