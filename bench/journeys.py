"""The product's own purchase as a journey, beside the bare unit of work of a peer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.board import Goal, Line
from bench.contender import JOURNEY, PGLEDGER_SQL
from bench.run import Run

PURCHASE = "the product's own purchase, as a journey"
UNIT = "the bare unit of work, in turn with journeys"

_ONE = Line(PURCHASE, "Warchest", "1 caller (1 process)")
_EIGHT = Line(PURCHASE, "Warchest", "8 callers (2 processes of 4 threads, as the web server has them)")
_APART = Line(PURCHASE, "Warchest", "8 callers (8 processes, whom nothing can join)")
_SETS = Line(PURCHASE, "Warchest", "in sets of 500, 2 callers (2 processes)")
_SETS_APART = Line(
    PURCHASE, "Warchest", "in sets of 500, 2 callers (2 processes), each with players of its own"
)
_PEER = Line(UNIT, PGLEDGER_SQL.name, "8 callers (8 processes)")
_LOGS = {
    _EIGHT: Line("log (WAL) of the product's own purchase", "Warchest", "8 callers", "B"),
    _SETS: Line("log (WAL) of the product's own purchase", "Warchest", "in sets of 500", "B"),
}
_DISK = Line(
    "disk of the product's own purchase", "Warchest", "journal, lots, records, all else; not folded", "B"
)


def declare(run: Run) -> None:
    if run.wants("journey"):
        run.board.declare(_ONE, _EIGHT, _APART, _SETS, _SETS_APART, _PEER, *_LOGS.values(), _DISK)
        run.board.goals += [
            Goal((_ONE,), (_PEER,), None),
            Goal((_EIGHT,), (_PEER,), 3),
            Goal((_APART,), (_PEER,), None),
            Goal((_SETS,), (_PEER,), 10),
            Goal((_SETS_APART,), (_PEER,), 10),
        ]


def take_rounds(run: Run) -> None:
    if not run.wants("journey"):
        return
    journey = run.entrant(JOURNEY)
    before = {} if journey.why_not else journey.step("footprint")
    eight: dict[str, Any] = {"processes": 8}
    joined: dict[str, Any] = {"processes": 2, "threads": 4}
    for _ in range(run.options.rounds):
        run.time(_ONE, JOURNEY)
        run.time(_APART, JOURNEY, **eight)
        for line, variant, load in ((_EIGHT, "", joined), (_SETS, "sets", {"processes": 2, "batch": 500})):
            if answer := run.time(line, JOURNEY, variant=variant, **load):
                run.board.add(_LOGS[line], answer["wal_bytes"] / answer["purchases"])
        run.time(_SETS_APART, JOURNEY, variant="sets apart", processes=2, batch=500)
        run.time(_PEER, PGLEDGER_SQL, **eight)
    if before:
        _tell_disk(run, before, journey.step("footprint"))


def _tell_disk(run: Run, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    purchases = after["purchases"] - before["purchases"]
    grown = {
        app: (after[app] - before.get(app, 0)) / purchases for app in sorted(after) if app != "purchases"
    }
    run.board.add(_DISK, sum(grown.values()))
    told = ", ".join(f"{app} {each:,.0f}" for app, each in grown.items() if round(each))
    run.board.note(_DISK, told)
