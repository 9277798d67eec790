"""One step of one contender, in a process of its own: each has its own libraries, and none can disturb the next.

A contender is a module with a last line ``serve(prepare, open_caller, …)``, started by
``python -m bench.contenders.NAME STEP ARGUMENTS``; arguments and the answer, the last line, are JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from threading import Thread
from time import sleep
from typing import Any

from bench.callers import Caller, Load, measure


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
) -> None:
    """Carry out the step that the command line names: ``prepare``, ``measure``, or one of the others by its name.

    ``set_up`` comes before any of them, and before callers are forked: it imports, and connects to nothing.
    """
    steps = {step.__name__: step for step in (prepare, *others)}
    name, text = sys.argv[1:]
    arguments = json.loads(text)
    place = Place(**arguments.pop("place"))
    set_up(place)
    if name == "measure":
        upkeep = arguments.pop("upkeep", False)
        answer: Mapping[str, Any] | None = _measure(open_caller, place, Load(**arguments), upkeep=upkeep)
    else:
        answer = steps[name](place, **arguments)
    print(json.dumps(answer or {}))


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
        lambda: open_caller(place), load, players=place.players, at_start=begin, at_end=log.end
    )
    return asdict(measured) | {"wal_bytes": log.bytes}


def _keep_up(dsn: str, pause_s: float) -> None:
    """A checkpoint after the first third of the window, and a vacuum after the second."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
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
            (position,) = connection.execute(
                "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
            ).fetchone()
        return position
