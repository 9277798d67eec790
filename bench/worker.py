"""A contender in a process of its own: each has its own libraries, and none can disturb the next.

A contender is a module with a last line ``serve(prepare, open_caller, …)``, started by ``python -m bench.contenders.NAME``. It
reads requests from standard input, one a line, and answers each in a line; both are JSON.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Thread
from time import sleep
from typing import Any

from bench.callers import Caller, Load, measure
from bench.purchase import PLAYERS_MIN


@dataclass(frozen=True, slots=True)
class Place:
    """Where a contender works: a database of its own on the common server, as the superuser, and how many play.

    ``variant`` names one of several ways in which a contender buys; ``extra`` is the path of what the operator put in
    place, or of Warchest's home; ``address`` is that of a server other than PostgreSQL.
    """

    dsn: str
    players: int
    variant: str = ""
    extra: str = ""
    address: str = ""


Step = Callable[..., Mapping[str, Any] | None]


def serve(
    prepare: Step,
    open_caller: Callable[[Place], Caller],
    *others: Step,
    set_up: Callable[[Place], None] = lambda _: None,
    let_go: Callable[[], None] = lambda: None,
) -> None:
    """Carry out the steps asked for, one after the other: ``prepare``, ``measure``, or one of the others by its name.

    ``set_up`` comes before the first: it imports, and connects to nothing. ``let_go`` comes after each, and closes what that
    left open, since callers are forked.
    """
    steps = {step.__name__: step for step in (prepare, *others)}
    # What libraries print goes elsewhere: the answers stand alone.
    answers, sys.stdout = sys.stdout, sys.stderr
    ready = False
    for line in sys.stdin:
        request = json.loads(line)
        name, place = request.pop("step"), Place(**request.pop("place"))
        try:
            if not ready:
                set_up(place)
                ready = True
            if name == "measure":
                upkeep = request.pop("upkeep", False)
                done: Mapping[str, Any] | None = _measure(open_caller, place, Load(**request), upkeep=upkeep)
            else:
                done = steps[name](place, **request)
            let_go()
            answer: dict[str, Any] = {"answer": done or {}}
        except Exception as error:  # whatever it is, it is for the table's reader
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), file=answers, flush=True)


def _measure(
    open_caller: Callable[[Place], Caller], place: Place, load: Load, *, upkeep: bool
) -> dict[str, Any]:
    log = _Log(place.dsn)
    housekeeper = Thread(target=_keep_up, args=(place.dsn, load.seconds / 3), daemon=True)

    def begin() -> None:
        log.begin()
        if upkeep:
            housekeeper.start()

    measured = measure(
        lambda: open_caller(place),
        load,
        players=max(place.players, PLAYERS_MIN),
        at_start=begin,
        at_end=log.end,
    )
    return asdict(measured) | {"wal_bytes": log.bytes}


def _keep_up(dsn: str, pause_s: float) -> None:
    """A checkpoint after the first third of the window, and a vacuum after the second, as unhurried as autovacuum is."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET vacuum_cost_delay = '2ms'")
        for statement in ("CHECKPOINT", "VACUUM ANALYZE"):
            sleep(pause_s)
            connection.execute(statement)


class _Log:
    """How much PostgreSQL's log grew meanwhile: by everything that the server did, checkpoints included."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._begun = self.bytes = 0

    def begin(self) -> None:
        self._begun = self._position()

    def end(self) -> None:
        self.bytes = self._position() - self._begun

    def _position(self) -> int:
        if not self._dsn:
            return 0
        import psycopg

        with psycopg.connect(self._dsn, autocommit=True) as connection:
            ((position,),) = connection.execute(
                "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
            ).fetchall()
        return position
