"""What keeps a provider that hangs from taking this process's threads away from all others.

Each call to a provider runs in one of a few threads of that provider's own, and its caller waits for a bounded time. When all
of them are busy, further callers are told so in a moment, before anything was said to the provider. A provider that was silent
several times in a row is left alone for a while; then one caller tries whether it is back.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import structlog

from warchest.payments.contract import UnableToUseProvider

T = TypeVar("T")

SILENT_MAX = 5
"""After so many silences in a row the provider counts as down."""

WAIT_S_MAX = 0.25
"""So long a caller waits for a place: several who come in the same moment pass, and nobody stands in line behind one that
hangs."""

LEFT_ALONE_S = 30.0
"""For so long nobody asks it then; afterwards one does, and by its answer it is up again or left alone once more."""

log = structlog.get_logger(__name__)


class NoAnswerInTime(Exception):
    """The call goes on in its thread, and nobody waits for it any more: what it does there, nobody knows."""


@dataclass(frozen=True, slots=True)
class State:
    under_way: int
    is_down: bool
    silent_in_a_row: int


class Bulkhead:
    """The calls of this process to one provider."""

    def __init__(self, provider: str, *, calls_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.provider = provider
        self.calls_max = calls_max
        self._clock = clock
        self._lock = threading.Condition()
        self._under_way = 0
        self._silent = 0
        self._down_since: float | None = None
        self._trial = False

    @contextmanager
    def place(self, *, left_free: int = 0) -> Iterator[Place]:
        """A place for one call; ``left_free`` of them are for others, where there are several. Raises UnableToUseProvider
        (``provider_busy``, ``provider_down``), before anything was said."""
        trial = self._enter(max(1, self.calls_max - left_free))
        place = Place(self, trial)
        try:
            yield place
        finally:
            place.leave_if_unused()

    def _enter(self, calls_max: int) -> bool:
        with self._lock:
            trial = False
            if self._down_since is not None:
                if self._trial or self._clock() - self._down_since < LEFT_ALONE_S:
                    raise UnableToUseProvider("provider_down", provider=self.provider)
                trial = True
            if not self._lock.wait_for(lambda: self._under_way < calls_max, timeout=WAIT_S_MAX):
                raise UnableToUseProvider("provider_busy", provider=self.provider)
            self._under_way += 1
            self._trial = self._trial or trial
            return trial

    def _leave(self) -> None:
        with self._lock:
            self._under_way -= 1
            self._lock.notify()

    def _heard(self, *, silent: bool | None, trial: bool) -> None:
        with self._lock:
            if trial:
                self._trial = False
            if silent is None:
                return
            if not silent:
                if self._down_since is not None:
                    log.warning("provider_up_again", provider=self.provider)
                self._silent, self._down_since = 0, None
                return
            self._silent += 1
            if trial or (self._down_since is None and self._silent >= SILENT_MAX):
                if self._down_since is None:
                    log.warning("provider_down", provider=self.provider, silent=self._silent)
                self._down_since = self._clock()

    @property
    def state(self) -> State:
        with self._lock:
            return State(self._under_way, self._is_down(), self._silent)

    def _is_down(self) -> bool:
        # Once its time is over it may be tried: routing sends it the next payment, and only that one.
        return self._down_since is not None and (
            self._trial or self._clock() - self._down_since < LEFT_ALONE_S
        )


class Place:
    """One caller's place. Given back when the call ends, however long after its caller has gone."""

    def __init__(self, bulkhead: Bulkhead, trial: bool) -> None:
        self._bulkhead = bulkhead
        self._trial = trial
        self._used = False

    def call(self, ask: Callable[[], T], *, within_s: float, silent: Callable[[T], bool | None]) -> T:
        """What ``ask`` answers; ``silent`` says whether that was no answer, None where nobody can know whether anybody was asked.
        Raises NoAnswerInTime, and what ``ask`` raises."""
        self._used = True
        bulkhead = self._bulkhead
        ended: Future[T] = Future()
        # A thread, since nothing else can be left behind; it keeps no process from ending. Log lines and spans of the call
        # belong to whoever asked.
        context = contextvars.copy_context()
        threading.Thread(
            target=self._run, args=(context, ask, ended), name=f"provider-{bulkhead.provider}", daemon=True
        ).start()
        if not wait([ended], timeout=within_s).done:
            bulkhead._heard(silent=True, trial=self._trial)
            raise NoAnswerInTime(bulkhead.provider)
        try:
            answer = ended.result()
        except BaseException:
            bulkhead._heard(silent=True, trial=self._trial)
            raise
        bulkhead._heard(silent=silent(answer), trial=self._trial)
        return answer

    def _run(self, context: contextvars.Context, ask: Callable[[], T], ended: Future[T]) -> None:
        try:
            ended.set_result(context.run(ask))
        except BaseException as error:
            ended.set_exception(error)
        finally:
            self._bulkhead._leave()

    def leave_if_unused(self) -> None:
        if not self._used:
            self._used = True
            with self._bulkhead._lock:
                if self._trial:
                    self._bulkhead._trial = False
            self._bulkhead._leave()


_lock = threading.Lock()
_bulkheads: dict[str, Bulkhead] = {}


def of(provider: str, *, calls_max: int) -> Bulkhead:
    """This process's bulkhead of a provider."""
    with _lock:
        found = _bulkheads.get(provider)
        if found is None or found.calls_max != calls_max:
            # Who is in the old one leaves it by itself.
            found = _bulkheads[provider] = Bulkhead(provider, calls_max=calls_max)
        return found


def states() -> Mapping[str, State]:
    """Of the providers that this process has asked."""
    with _lock:
        known = dict(_bulkheads)
    return {name: bulkhead.state for name, bulkhead in known.items()}


def forget_all() -> None:
    """As after a start: for tests."""
    with _lock:
        _bulkheads.clear()
