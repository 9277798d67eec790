"""Callers that buy at the same time, in processes and threads, and what they measured.

Processes, because one Python process would be the bottleneck before the database is; threads besides where what is
measured joins callers of one process.
"""

from __future__ import annotations

import gc
import multiprocessing
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter, process_time
from typing import Any, Protocol

from bench.purchase import Purchase, purchases

PATIENCE_S = 120.0


class Caller(Protocol):
    """One independent customer of a contender, with a connection of its own."""

    def buy(self, wanted: Sequence[Purchase]) -> None:
        """Durable when it returns: all of ``wanted``, in as few calls as the contender can."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Load:
    """``batch`` purchases a call; each caller goes on for ``seconds``, and until it made ``purchases``."""

    processes: int = 1
    threads: int = 1
    batch: int = 1
    seconds: float = 5.0
    warm_up_s: float = 1.0
    purchases: int = 0

    @property
    def callers(self) -> int:
        return self.processes * self.threads


@dataclass(frozen=True, slots=True)
class Measured:
    """All callers together. Milliseconds are those of one call, whatever its batch; ``cores`` is how much processor the
    callers took for themselves, so that a reader sees whether they or the database were the limit."""

    purchases: int
    seconds: float
    median_ms: float
    p99_ms: float
    cores: float

    @property
    def per_second(self) -> float:
        return self.purchases / self.seconds


@dataclass(frozen=True, slots=True)
class _Done:
    purchases: int
    begun: float
    ended: float
    call_s: list[float]


def measure(
    open_caller: Callable[[], Caller],
    load: Load,
    *,
    players: int,
    at_start: Callable[[], None] = lambda: None,
    at_end: Callable[[], None] = lambda: None,
) -> Measured:
    """Let all callers warm up, begin together and go on; ``at_start`` and ``at_end`` are called around that.

    Raises RuntimeError with the first caller's failure.
    """
    # Forked, so that each begins with everything imported. No connection may be open here.
    context = multiprocessing.get_context("fork")
    ready, begin = context.Barrier(load.processes + 1), context.Barrier(load.processes + 1)
    answers: Any = context.Queue()
    processes = [
        context.Process(
            target=_process, args=(open_caller, load, players, ready, begin, answers), daemon=True
        )
        for _ in range(load.processes)
    ]
    for process in processes:
        process.start()
    try:
        ready.wait(PATIENCE_S)
        at_start()
        begin.wait(PATIENCE_S)
    except threading.BrokenBarrierError:
        # Whoever broke it says why.
        pass
    told = [answers.get(timeout=load.seconds + PATIENCE_S) for _ in processes]
    at_end()
    if failures := [answer for answer in told if isinstance(answer, str)]:
        raise RuntimeError(max(failures, key=len))
    done: list[_Done] = [one for some, _ in told for one in some]
    for process in processes:
        process.join()
    seconds = max(one.ended for one in done) - min(one.begun for one in done)
    calls = sorted(call for one in done for call in one.call_s)
    return Measured(
        purchases=sum(one.purchases for one in done),
        seconds=seconds,
        median_ms=calls[len(calls) // 2] * 1000,
        p99_ms=calls[min(len(calls) - 1, len(calls) * 99 // 100)] * 1000,
        cores=sum(processor_s for _, processor_s in told) / seconds,
    )


def _process(
    open_caller: Callable[[], Caller], load: Load, players: int, ready: Any, begin: Any, answers: Any
) -> None:
    # What was there before the fork stays; the collector need not look at it again and again.
    gc.freeze()
    warmed, started = threading.Barrier(load.threads + 1), threading.Barrier(load.threads + 1)
    done: list[_Done] = []
    failures: list[str] = []

    def call() -> None:
        try:
            caller = open_caller()
            source = purchases(players=players)
            _go_on(caller, source, load.batch, load.warm_up_s, load.batch)
            warmed.wait(PATIENCE_S)
            started.wait(PATIENCE_S)
            done.append(_go_on(caller, source, load.batch, load.seconds, load.purchases))
            caller.close()
        except threading.BrokenBarrierError:
            pass
        except Exception as error:  # whatever a contender raises is for the table's reader
            failures.append(f"{type(error).__name__}: {error}")
            for barrier in (warmed, started, ready, begin):
                barrier.abort()

    threads = [threading.Thread(target=call, daemon=True) for _ in range(load.threads)]
    for thread in threads:
        thread.start()
    try:
        warmed.wait(PATIENCE_S)
        ready.wait(PATIENCE_S)
        begin.wait(PATIENCE_S)
        processor_s = process_time()
        started.wait(PATIENCE_S)
    except threading.BrokenBarrierError:
        started.abort()
    for thread in threads:
        thread.join()
    if failures or not done:
        answers.put(failures[0] if failures else "")
    else:
        answers.put((done, process_time() - processor_s))


def _go_on(caller: Caller, source: Any, batch: int, seconds: float, least: int) -> _Done:
    """For so long, and until ``least`` are bought however long that takes."""
    bought, call_s = 0, []
    begun = now = perf_counter()
    deadline = begun + seconds
    while now < deadline or bought < least:
        wanted = list(islice(source, batch))
        sent = perf_counter()
        caller.buy(wanted)
        now = perf_counter()
        call_s.append(now - sent)
        bought += len(wanted)
    return _Done(bought, begun, now, call_s)
