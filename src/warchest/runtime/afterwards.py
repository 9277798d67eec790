"""What is done straight after an answer, by threads of this process, so that whoever was answered waits for none of it.

For work that is written down as owed before it is handed over: it may be lost here at any time, with the process, or because
there was no room, and then somebody who looks after what is left over does it. So it must bear being done twice.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import structlog
from django.db import close_old_connections, connections

from warchest.runtime import at_work

T = TypeVar("T")

_IDLE_S_MAX = 30.0
"""A thread that had nothing to do for so long ends, and gives its connections back."""

log = structlog.get_logger(__name__)


class Afterwards(Generic[T]):
    """``do(what, elapsed_s)`` is called for everything that is handed over, one after the other, in a thread that begins with
    the first.

    At most ``waiting_max`` wait. What was not begun after ``within_s`` is left alone: by then others may be at it.
    """

    def __init__(
        self, name: str, do: Callable[[T, float], object], *, waiting_max: int, within_s: float
    ) -> None:
        self.name = name
        self._do = do
        self._waiting_max = waiting_max
        self._within_s = within_s
        self._forget()
        _all.add(self)

    def _forget(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[tuple[T, float, contextvars.Context]] = deque()
        self._thread: threading.Thread | None = None
        self._finishing = 0

    def hand_over(self, what: T) -> bool:
        """Have it done soon. False: there is no room, and it is left to others."""
        with self._changed:
            if len(self._waiting) >= self._waiting_max:
                return False
            # Log lines and spans of it belong to the request that it came with.
            self._waiting.append((what, time.monotonic(), contextvars.copy_context()))
            if self._thread is None:
                # A daemon: a process that is told to stop waits for none of it.
                self._thread = threading.Thread(
                    target=self._work, name=f"afterwards-{self.name}", daemon=True
                )
                self._thread.start()
            else:
                self._changed.notify_all()
            return True

    def _work(self) -> None:
        try:
            while (found := self._next()) is not None:
                what, since, context = found
                elapsed_s = time.monotonic() - since
                if elapsed_s < self._within_s:
                    context.run(self._done, what, elapsed_s)
        finally:
            connections.close_all()
            with self._changed:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _next(self) -> tuple[T, float, contextvars.Context] | None:
        """What to do next; None where this thread is not needed any more, and then nobody counts on it."""
        with self._changed:
            if not self._waiting:
                self._changed.wait_for(lambda: self._waiting or self._finishing, timeout=_IDLE_S_MAX)
                # The server may have gone in the meantime, and come back.
                close_old_connections()
            if not self._waiting:
                self._thread = None
                return None
            return self._waiting.popleft()

    def _done(self, what: T, elapsed_s: float) -> None:
        asked = at_work.current()
        with at_work.task(request_id=asked.request_id if asked else ""):
            try:
                self._do(what, elapsed_s)
            except Exception:
                log.exception("afterwards_failed", of=self.name)
                # What broke them is not known here; the next one begins with new ones.
                connections.close_all()

    def finish(self) -> None:
        """Wait until all that was handed over is done and the thread has ended: for tests, and for who is about to end."""
        with self._changed:
            self._finishing += 1
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()
        with self._changed:
            self._finishing -= 1


_all: weakref.WeakSet[Afterwards[Any]] = weakref.WeakSet()


def finish_all() -> None:
    """As ``finish``, of everything in this process."""
    for each in list(_all):
        each.finish()


def _begin_anew() -> None:
    # Threads do not come along into a fork, and what they had to do is still done where they are.
    for each in list(_all):
        each._forget()


os.register_at_fork(after_in_child=_begin_anew)
