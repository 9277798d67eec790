"""One run: the server, who takes part, and the figures that come in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg

from bench import tigerbeetle_server
from bench.board import Board, Line
from bench.contender import (
    BARE,
    HORDAK,
    JOURNEY,
    NAIVE,
    PGLEDGER_SQL,
    PYTHON_ACCOUNTING,
    WARCHEST,
    Contender,
    Entrant,
    StepFailed,
)
from bench.contender import TIGERBEETLE_SERVER as TIGERBEETLE
from bench.purchase import PLAYERS
from bench.worker import Place
from warchest.runtime.postgres import EmbeddedPostgres

SECTIONS = frozenset({"callers", "batches", "wal", "size", "growth", "projector", "trial-balance", "journey"})
CONTENDERS = {
    "warchest": WARCHEST,
    "pgledger": PGLEDGER_SQL,
    "tigerbeetle": TIGERBEETLE,
    "hordak": HORDAK,
    "naive": NAIVE,
    "python-accounting": PYTHON_ACCOUNTING,
}


@dataclass(frozen=True, slots=True)
class Options:
    """``only`` names sections and contenders; empty: all of them. ``postings`` are the sizes at which growth is looked at.

    ``wal_purchases`` are bought to see what the log takes.
    """

    rounds: int = 3
    seconds: float = 5.0
    players: int = PLAYERS
    journey_players: int = 4_000
    postings: tuple[int, ...] = (0, 1_000_000, 10_000_000)
    wal_purchases: int = 2_000
    only: frozenset[str] = frozenset()
    quick: bool = False

    @property
    def warm_up_s(self) -> float:
        return min(2.0, self.seconds / 3)


class Run:
    """Contenders enter once, with a database of their own, and are called again and again."""

    def __init__(self, server: EmbeddedPostgres, options: Options, board: Board) -> None:
        self.server = server
        self.options = options
        self.board = board
        self._entrants: dict[Contender, Entrant] = {}
        self._begun = monotonic()
        self._others = ExitStack()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        for entrant in self._entrants.values():
            entrant.close()
        self._others.close()

    def wants(self, section: str) -> bool:
        asked = self.options.only & SECTIONS
        return not asked or section in asked

    def includes(self, contender: Contender) -> bool:
        """Ours always: without it there is nothing to compare."""
        asked = self.options.only & CONTENDERS.keys()
        return not asked or contender in (WARCHEST, JOURNEY, BARE, *(CONTENDERS[name] for name in asked))

    def tell(self, text: str) -> None:
        """Where the run is, for whoever waits; the table alone goes to standard output."""
        print(f"{monotonic() - self._begun:7.1f} s  {text}", file=sys.stderr, flush=True)

    def entrant(self, contender: Contender) -> Entrant:
        """The contender with its database, prepared at the first call."""
        if contender not in self._entrants:
            self._entrants[contender] = self._enter(contender)
        return self._entrants[contender]

    def fresh(self, contender: Contender, name: str) -> Entrant:
        """The contender with another database, as it was when nobody had bought anything. Drop it by ``forget``."""
        entrant = self.entrant(contender)
        if entrant.why_not:
            return entrant
        self.server.clone_database(_pristine(contender), name)
        return entrant.elsewhere(dsn=self.server.superuser_dsn(database=name))

    def forget(self, entrant: Entrant, name: str) -> None:
        entrant.close()
        self.server.drop_database(name)

    def measure(
        self, line: Line, contender: Contender, *, variant: str = "", **load: Any
    ) -> Mapping[str, Any] | None:
        """Let callers buy, and put purchases a second on the board; a failure is told there instead."""
        entrant = self.entrant(contender)
        if entrant.why_not:
            self.board.note(line, entrant.why_not)
            return None
        defaults = {"seconds": self.options.seconds, "warm_up_s": self.options.warm_up_s}
        try:
            answer = entrant.step("measure", variant=variant, **(defaults | load))
        except StepFailed as failed:
            self.tell(f"{line.who}: {failed}")
            self.board.note(line, f"failed: {failed}"[:120])
            return None
        rate = answer["purchases"] / answer["seconds"]
        self.tell(f"{line.what} · {line.who} · {line.how}: {rate:,.0f} /s, p99 {answer['p99_ms']:.1f} ms")
        return answer

    def time(
        self, line: Line, contender: Contender, *, variant: str = "", **load: Any
    ) -> Mapping[str, Any] | None:
        if answer := self.measure(line, contender, variant=variant, **load):
            self.board.add(line, answer["purchases"] / answer["seconds"])
            self.board.note(line, f"p99 {answer['p99_ms']:,.1f} ms, callers took {answer['cores']:.1f} cores")
        return answer

    def superuser(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.server.superuser_dsn(), autocommit=True)

    def checkpoint(self) -> None:
        with self.superuser() as connection:
            connection.execute("CHECKPOINT")

    def place(self, database: str, contender: Contender) -> Place:
        ours = contender in (WARCHEST, JOURNEY)
        return Place(
            dsn=self.server.superuser_dsn(database=database),
            players=self.options.journey_players if contender == JOURNEY else self.options.players,
            extra=str(self.server.home) if ours else os.environ.get(contender.put_in_place, ""),
        )

    def _enter(self, contender: Contender) -> Entrant:
        database = "bench_" + contender.module.rpartition(".")[2]
        place = self.place(database, contender)
        if not self.includes(contender):
            return Entrant(contender, place, "not asked for")
        if why_not := contender.missing():
            self.tell(f"{contender.name} is missing: {why_not}")
            return Entrant(contender, place, f"missing: {why_not}")
        self.tell(f"{contender.name} {contender.version()}: preparing {place.players:,} players")
        try:
            if contender == TIGERBEETLE:
                address = self._others.enter_context(tigerbeetle_server.running(Path(self.server.home)))
                place = Place(dsn="", players=place.players, address=address)
            else:
                self.server.create_database(database)
            entrant = Entrant(contender, place)
            entrant.step("prepare")
            if contender == WARCHEST:
                self.server.clone_database(database, _pristine(contender))
        except StepFailed as failed:
            self.tell(f"{contender.name}: {failed}")
            return Entrant(contender, place, f"failed: {failed}"[:120])
        return entrant


def _pristine(contender: Contender) -> str:
    return f"pristine_{contender.module.rpartition('.')[2]}"
