"""``kill -9`` at each step: before and after each commit, and each word with somebody outside.

The one who dies is a process of its own. What comes after it is what comes in life: the caller asks again with the same key,
or does not, and the worker looks after whatever is open.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from warchest.payments import notices, providers

STEPS_MAX = 60
"""No work of a test has so many steps."""


def dies_at(step: int, work: Callable[[], object], *, also: Sequence[tuple[Any, str]] = ()) -> bool:
    """Do the work in another process, which is killed at this step; answers whether there was such a step.

    ``also``: further functions, each with its owner, before and after which it is killed.
    """
    child = os.fork()
    if child:
        _, ended = os.waitpid(child, 0)
        assert os.WIFSIGNALED(ended) or os.WEXITSTATUS(ended) == 0, "the work failed by itself"
        return os.WIFSIGNALED(ended)
    try:
        for connection in connections.all():
            # The parent's own: let alone, not closed.
            connection.connection = None
        providers._built.clear()
        _kill_me_at(step, also)
        work()
        os._exit(0)
    finally:
        os._exit(1)


def _kill_me_at(step: int, also: Sequence[tuple[Any, str]]) -> None:
    left = [step]

    def one() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def stepped(*args, **kwargs):
            one()
            answer = whole(*args, **kwargs)
            one()
            return answer

        setattr(owner, name, stepped)

    around(BaseDatabaseWrapper, "_commit")
    around(httpx.Client, "send")
    # One statement, which commits by itself.
    around(notices, "_write")
    for owner, name in also:
        around(owner, name)
