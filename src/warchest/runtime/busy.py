"""Work is begun again where the database could not put it in order with what others did at the same time.

Who locks in the right order may still be the one whom PostgreSQL ends: of those who wait in a ring it ends the first that
looks, and in a ring are all who wait in it, those included who only queue up behind a row. The same one may be ended again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import OperationalError
from psycopg import errors as postgres

from warchest.kernel.errors import TryAgain
from warchest.runtime import metrics

T = TypeVar("T")

_PASSING = (postgres.DeadlockDetected, postgres.SerializationFailure, postgres.LockNotAvailable)
_TRIES_MAX = 8
_TIME_MAX_S = 10.0
"""After so long nothing is begun again: who waited for one lock for as long as anybody does has waited long enough."""
_PAUSE_S = 0.005

log = structlog.get_logger(__name__)


def repeated_while_busy(name: str, once: Callable[[], T]) -> T:
    """What ``once`` answers, which is a transaction of its own. ``name``: of the work, for logs and figures.

    Raises TryAgain (``busy``) where it came to nothing after a few times; then nothing was done.
    """
    until = time.monotonic() + _TIME_MAX_S
    for tries in range(1, _TRIES_MAX + 1):
        try:
            return once()
        except OperationalError as error:
            if not isinstance(error.__cause__, _PASSING):
                raise
            if tries == _TRIES_MAX or time.monotonic() > until:
                raise TryAgain("busy") from error
            metrics.journey_repeated(name)
            log.info("begun_again", work=name, tries=tries, cause=type(error.__cause__).__name__)
        # By chance, and longer each time: those who met would meet again.
        time.sleep(random.uniform(0, _PAUSE_S * 2**tries))
    raise AssertionError("unreachable")
