"""The product's own purchase as a journey, beside the bare unit of work of a peer."""

from __future__ import annotations

from typing import Any

from bench.board import Goal, Line
from bench.contender import JOURNEY, PGLEDGER_SQL
from bench.run import Run

PURCHASE = "the product's own purchase, as a journey"
UNIT = "the bare unit of work, in turn with journeys"

_ONE = Line(PURCHASE, "Warchest", "1 caller (1 process)")
_EIGHT = Line(PURCHASE, "Warchest", "8 callers (8 processes)")
_SETS = Line(PURCHASE, "Warchest", "in sets of 500, 2 callers (2 processes)")
_PEER = Line(UNIT, PGLEDGER_SQL.name, "8 callers (8 processes)")


def declare(run: Run) -> None:
    if run.wants("journey"):
        run.board.declare(_ONE, _EIGHT, _SETS, _PEER)
        run.board.goals += [
            Goal((_ONE,), (_PEER,), None),
            Goal((_EIGHT,), (_PEER,), 3),
            Goal((_SETS,), (_PEER,), 10),
        ]


def take_rounds(run: Run) -> None:
    if not run.wants("journey"):
        return
    eight: dict[str, Any] = {"processes": 8}
    for _ in range(run.options.rounds):
        run.time(_ONE, JOURNEY)
        run.time(_EIGHT, JOURNEY, **eight)
        run.time(_SETS, JOURNEY, variant="sets", processes=2, batch=500)
        run.time(_PEER, PGLEDGER_SQL, **eight)
