"""Callers who come at the same moment, joined into one set with one commit.

A commit waits for the disk; what waits meanwhile may as well go together. There is no thread of its own: the first caller
is served at once, those who come while it is at work wait, and the first of them then takes all of them along. So a lone
caller is as quick as without, and many share the price of one commit and of its statements.

Those who were answered together soon come again together. Whoever leads waits a moment for as many as there were last time,
or else the first to come would go alone, and all others wait for him.

Only for what is asked outside of a transaction: what belongs to one is done there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
A = TypeVar("A")

_SET_MAX = 500
_GATHER_S = 0.0004
"""So long a leader waits for those who came together the last time, if that was no longer ago: less than a commit takes."""


class _Call(Generic[T, A]):
    """What one caller asks for. ``leads``: it has been handed a lane, and must do the work of those who wait. ``alone``: it
    must do its own, since a set of which it was a part failed."""

    __slots__ = ("alone", "answers", "asked", "done", "error", "leads", "woken")

    def __init__(self, asked: Sequence[T]) -> None:
        self.asked = asked
        self.answers: Sequence[A] = ()
        self.error: BaseException | None = None
        self.done = self.leads = self.alone = False
        # Released by whoever has something for this caller: one after the other, never two at once.
        self.woken = threading.Lock()
        self.woken.acquire()

    def finish(self, *, answers: Sequence[A] = (), error: BaseException | None = None) -> None:
        self.answers, self.error, self.done = answers, error, True
        self.wake()

    def wake(self) -> None:
        if self.woken.locked():
            self.woken.release()


class Batcher(Generic[T, A]):
    """Hands what all who call at once ask for to ``do_all``, in one call of one of them."""

    def __init__(self, do_all: Callable[[Sequence[T]], Sequence[A]], *, lanes: int = 1) -> None:
        """``lanes``: so many sets are on their way at once. With more than one, one is made up while another is committed, but
        sets that move the same accounts wait for each other all the same."""
        self._do_all = do_all
        self._free_lanes = lanes
        self._lock = threading.Lock()
        self._waiting: list[_Call[T, A]] = []
        # So many came together the last time, which ended then; and so many a leader is waiting for just now, or none.
        self._usual, self._ended, self._awaited = 1, 0.0, 0
        self._enough = threading.Event()

    def do(self, asked: Sequence[T]) -> Sequence[A]:
        """Answers in the order of ``asked``. Raises what ``do_all`` raises for these."""
        call = _Call[T, A](asked)
        with self._lock:
            self._waiting.append(call)
            if self._awaited and len(self._waiting) >= self._awaited:
                self._enough.set()
            # Who finds a leader waiting goes along with him.
            if self._free_lanes and not self._awaited:
                self._free_lanes -= 1
                call.leads = True
        try:
            while call.leads or not call.done:
                if call.leads:
                    self._lead(call)
                elif call.alone:
                    call.alone = False
                    self._do([call])
                else:
                    call.woken.acquire()
        except BaseException:
            # Interrupted: nobody must wait for it.
            self._leave(call)
            raise
        if call.error:
            raise call.error
        return call.answers

    def _lead(self, call: _Call[T, A]) -> None:
        """Do one set of those who wait, then hand the lane on. Until then nobody hands ``call`` another one."""
        try:
            self._gather()
            self._do(self._take())
        finally:
            with self._lock:
                self._ended = time.monotonic()
                call.leads = False
                self._hand_on()

    def _gather(self) -> None:
        """Wait until as many have come as the last time, but not for long, and only where they may be on their way."""
        with self._lock:
            on_their_way = time.monotonic() < self._ended + _GATHER_S
            if self._awaited or not on_their_way or len(self._waiting) >= self._usual:
                return
            self._awaited = self._usual
            self._enough.clear()
        try:
            self._enough.wait(_GATHER_S)
        finally:
            self._awaited = 0

    def _hand_on(self) -> None:
        # One who has been handed a lane, and has not taken a set yet, waits here still: with a second one he could do nothing.
        for call in self._waiting:
            if not call.leads:
                call.leads = True
                call.wake()
                return
        self._free_lanes += 1

    def _leave(self, call: _Call[T, A]) -> None:
        with self._lock:
            if call in self._waiting:
                self._waiting.remove(call)
            if call.leads:
                self._hand_on()

    def _take(self) -> list[_Call[T, A]]:
        with self._lock:
            size = upto = 0
            while upto < len(self._waiting) and size < _SET_MAX:
                size += len(self._waiting[upto].asked)
                upto += 1
            taken, self._waiting = self._waiting[:upto], self._waiting[upto:]
            # A few may be late once; a crowd that has gone is forgotten soon.
            self._usual = max(upto, self._usual // 2)
        return taken

    def _do(self, calls: list[_Call[T, A]]) -> None:
        if not calls:
            return
        try:
            answers = self._do_all([one for call in calls for one in call.asked])
        except BaseException as error:
            if len(calls) == 1:
                calls[0].finish(error=error)
            else:
                # One caller's failure must not be another's, and be it that its connection died: now everybody stands
                # alone, each on its own. Their keys make it safe.
                for call in calls:
                    call.alone = True
                    call.wake()
            if not isinstance(error, Exception):
                raise
            return
        start = 0
        for call in calls:
            call.finish(answers=answers[start : start + len(call.asked)])
            start += len(call.asked)
