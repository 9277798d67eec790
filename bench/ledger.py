"""What `script/bench ledger` measures at the ledger's door, in which order, and against which goals."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bench.board import Goal, Line
from bench.contender import (
    BARE,
    HORDAK,
    NAIVE,
    PGLEDGER_SQL,
    PYTHON_ACCOUNTING,
    TIGERBEETLE_SERVER,
    WARCHEST,
    Contender,
)
from bench.run import Run

CALLERS = "durable purchases, independent callers"
BATCHES = "durable purchases, in batches"
WAL = "log (WAL) a purchase"
WAL_AFTER = "log a purchase, right after a checkpoint"
BYTES = "disk a posting, journal and keys"
BESIDE = "disk a posting, all that is folded from it"
PROJECTOR = "projector, all behind folded"


@dataclass(frozen=True, slots=True)
class Timed:
    """A line that is measured by letting callers buy."""

    line: Line
    contender: Contender
    load: dict[str, Any] = field(default_factory=dict)
    variant: str = ""


def _count(callers: int) -> str:
    return f"{callers} caller{'s' if callers > 1 else ''}"


def _processes(count: int) -> str:
    return f"{_count(count)} ({count} process{'es' if count > 1 else ''})"


def _callers() -> list[Timed]:
    timed = [
        Timed(
            Line(CALLERS, WARCHEST.name, f"{_count(threads)} (threads of 1 process)"),
            WARCHEST,
            {"threads": threads},
        )
        for threads in (1, 8, 32)
    ]
    timed.append(Timed(Line(CALLERS, WARCHEST.name, _processes(8)), WARCHEST, {"processes": 8}))
    for contender in (PGLEDGER_SQL, TIGERBEETLE_SERVER, HORDAK, NAIVE, PYTHON_ACCOUNTING):
        # Two callers are what suits pgledger best on few cores; it is shown, though it is not eight.
        counts = (1, 2, 8) if contender == PGLEDGER_SQL else (1, 8)
        timed += [
            Timed(Line(CALLERS, contender.name, _processes(count)), contender, {"processes": count})
            for count in counts
        ]
    timed.append(
        Timed(
            Line(CALLERS, PGLEDGER_SQL.name, "8 callers, house split in 16"),
            PGLEDGER_SQL,
            {"processes": 8},
            "split",
        )
    )
    timed.append(Timed(Line(CALLERS, BARE.name, _processes(8)), BARE, {"processes": 8}))
    return timed


def _batches() -> list[Timed]:
    timed = []
    for contender, variant, sizes in (
        (WARCHEST, "", (500, 1000)),
        (TIGERBEETLE_SERVER, "", (1000,)),
        (HORDAK, "bulk", (1000,)),
    ):
        for size in sizes:
            for processes in (1, 2):
                how = f"batches of {size}, {_processes(processes)}"
                load = {"processes": processes, "batch": size}
                timed.append(Timed(Line(BATCHES, contender.name, how), contender, load, variant))
    return timed


_WAL = [
    Timed(Line("", WARCHEST.name, "8 callers", "B"), WARCHEST, {"threads": 8}),
    Timed(Line("", WARCHEST.name, "batches of 1000", "B"), WARCHEST, {"batch": 1000}),
    Timed(Line("", PGLEDGER_SQL.name, "2 callers", "B"), PGLEDGER_SQL, {"processes": 2}),
]


def _wal_line(timed: Timed, what: str) -> Line:
    return Line(what, timed.line.who, timed.line.how, "B")


_SETTLE_S = 0.5

_OURS_BYTES = Line(BYTES, WARCHEST.name, "after the rounds", "B")
_PGLEDGER_BYTES = Line(BYTES, PGLEDGER_SQL.name, "after the rounds", "B")
_OURS_BESIDE = Line(BESIDE, WARCHEST.name, "postings, sums, references, balances", "B")
PROJECTOR_LINE = Line(PROJECTOR, WARCHEST.name, "1 worker, purchases")


def declare(run: Run) -> None:
    """Put all lines and goals on the board, so that what is never measured is seen to be missing."""
    board = run.board
    callers, batches = _callers(), _batches()

    def of(timed: list[Timed], contender: Contender, *marks: str) -> tuple[Line, ...]:
        return tuple(
            one.line
            for one in timed
            if one.contender == contender and all(mark in one.line.how for mark in marks)
        )

    if run.wants("callers"):
        board.declare(*(timed.line for timed in callers))
        eight = of(callers, WARCHEST, "8 callers")
        board.goals += [
            Goal(eight, of(callers, PGLEDGER_SQL, "8 callers (8"), 10),
            Goal(eight, of(callers, TIGERBEETLE_SERVER, "8 callers"), 5),
            Goal(eight, of(callers, PGLEDGER_SQL, "split"), None),
            Goal(eight, of(callers, NAIVE), None),
            Goal(eight, of(callers, PYTHON_ACCOUNTING), None),
        ]
    if run.wants("batches"):
        board.declare(*(timed.line for timed in batches))
        ours = of(batches, WARCHEST)
        board.goals += [
            Goal(ours, of(batches, TIGERBEETLE_SERVER), 1.25),
            Goal(ours, of(callers, HORDAK), 100),
            Goal(ours, of(batches, HORDAK), None),
        ]
    if run.wants("wal"):
        for what in (WAL, WAL_AFTER):
            lines = [_wal_line(timed, what) for timed in _WAL]
            board.declare(*lines)
            times = 10 if what == WAL else None
            board.goals += [Goal((one,), (lines[2],), times, less=True) for one in lines[:2]]
    if run.wants("size"):
        board.declare(_OURS_BYTES, _PGLEDGER_BYTES, _OURS_BESIDE)
        board.goals.append(Goal((_OURS_BYTES,), (_PGLEDGER_BYTES,), 10, less=True))
    if run.wants("projector"):
        board.declare(PROJECTOR_LINE)


def take_rounds(run: Run) -> None:
    """All contenders in turn, and again; what each had on disk before and after tells what a posting takes."""
    timed = [one for one in _callers() if run.wants("callers")] + [
        one for one in _batches() if run.wants("batches")
    ]
    before = _footprints(run) if run.wants("size") else {}
    for number in range(1, run.options.rounds + 1):
        run.tell(f"round {number} of {run.options.rounds}")
        for one in timed:
            run.time(one.line, one.contender, variant=one.variant, **one.load)
        if run.wants("wal"):
            _measure_log(run)
    if run.wants("size") and not timed:
        run.tell("the size of a posting needs purchases: it comes with callers or batches")
    elif run.wants("size"):
        _tell_sizes(run, before)


def _measure_log(run: Run) -> None:
    """The same purchases without full-page images, which depend on how long ago the checkpoint was, and with them."""
    try:
        _measure_both_logs(run)
    finally:
        _set(run, "full_page_writes", "on")


def _measure_both_logs(run: Run) -> None:
    for what, images in ((WAL, "off"), (WAL_AFTER, "on")):
        _set(run, "full_page_writes", images)
        for one in _WAL:
            line = Line(what, one.line.who, one.line.how, "B")
            callers = one.load.get("processes", 1) * one.load.get("threads", 1)
            each = max(run.options.wal_purchases // callers, one.load.get("batch", 1))
            if images == "on":
                run.checkpoint()
            answer = run.measure(line, one.contender, **one.load, seconds=0, warm_up_s=0, purchases=each)
            if answer:
                run.board.add(line, answer["wal_bytes"] / answer["purchases"])
                run.board.note(line, "full-page images included" if images == "on" else "")


def _set(run: Run, name: str, value: str) -> None:
    with run.superuser() as connection:
        connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")
    # The checkpointer hears of it a moment later than sessions do.
    time.sleep(_SETTLE_S)


def _footprints(run: Run) -> dict[Contender, Mapping[str, int]]:
    found = {}
    for contender in (WARCHEST, PGLEDGER_SQL):
        entrant = run.entrant(contender)
        if not entrant.why_not:
            found[contender] = entrant.step("footprint")
    return found


def _tell_sizes(run: Run, before: Mapping[Contender, Mapping[str, int]]) -> None:
    """Of ours twice: before folding for the journal, and after it for what stands beside."""
    first = _footprints(run)
    for contender, line in ((WARCHEST, _OURS_BYTES), (PGLEDGER_SQL, _PGLEDGER_BYTES)):
        if contender not in first:
            run.board.note(line, run.entrant(contender).why_not)
        else:
            run.board.add(line, _grown(before[contender], first[contender], "journal"))
    folded = run.entrant(WARCHEST).step("fold")
    if run.wants("projector"):
        run.board.add(PROJECTOR_LINE, folded["entries"] / folded["seconds"])
        run.board.note(PROJECTOR_LINE, f"{folded['entries']:,} purchases")
    run.board.add(_OURS_BESIDE, _grown(before[WARCHEST], _footprints(run)[WARCHEST], "beside"))


def _grown(before: Mapping[str, int], after: Mapping[str, int], what: str) -> float:
    return (after[what] - before[what]) / (after["postings"] - before["postings"])
