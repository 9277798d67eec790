"""What was read, in a nameless file of its own that is gone with the process: sorted, joined and compared there.

Memory stays small however long the files are, and what was examined is what is taken, whatever becomes of the files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from warchest.runtime import wire

R = TypeVar("R")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PORTION = 1000
_CACHE_KIB = 64 * 1024

# `taken`: 1 where the row was taken over before. `level`: how far below a player whom nobody here invited.
_TABLES = """
    CREATE TABLE player (line INTEGER PRIMARY KEY, id TEXT, nickname TEXT, email TEXT, sponsor TEXT, wallet INTEGER,
                         level INTEGER, taken INTEGER, row BLOB);
    CREATE TABLE lot (line INTEGER PRIMARY KEY, id TEXT, player TEXT, units INTEGER, taken INTEGER, row BLOB);
    CREATE TABLE term (line INTEGER PRIMARY KEY, id TEXT, player TEXT, service TEXT, starts INTEGER, ends INTEGER,
                       taken INTEGER, row BLOB);
    CREATE TABLE balance (line INTEGER PRIMARY KEY, id TEXT, player TEXT, taken INTEGER, row BLOB);"""
_INDEXES = """
    CREATE INDEX player_id ON player (id);
    CREATE INDEX player_sponsor ON player (sponsor) WHERE sponsor <> '';
    CREATE INDEX lot_player ON lot (player);"""

_SPONSORS_HERE = """
    CREATE TABLE sponsor_here (id TEXT PRIMARY KEY)"""
_FIRST_LEVEL = """
    UPDATE player SET level = 0 WHERE sponsor = '' OR sponsor IN (SELECT id FROM sponsor_here)"""
_NEXT_LEVEL = """
    UPDATE player SET level = :next
     WHERE level IS NULL AND sponsor IN (SELECT id FROM player WHERE level = :level)"""


class Scratch:
    """Tables of what was read. ``order`` of players puts everyone behind their sponsor."""

    def __init__(self) -> None:
        # An empty name: a file that SQLite makes in the system's folder for such, and removes.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{_CACHE_KIB}; {_TABLES}"
        )
        self._database.execute("BEGIN")

    def close(self) -> None:
        self._database.close()

    def add(self, table: str, rows: Iterable[Sequence[object]]) -> None:
        """Rows as the table's columns are."""
        columns = [name for _, name, *_ in self._database.execute(f"PRAGMA table_info({table})")]
        places = ", ".join("?" * len(columns))
        self._database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def index(self) -> None:
        """To be called once all is added."""
        self._database.executescript(_INDEXES)
        self._database.execute(_SPONSORS_HERE)

    def rows(self, query: str, *values: object) -> Iterator[tuple]:  # type: ignore[type-arg]
        yield from self._database.execute(query, values)

    def number(self, query: str, *values: object) -> int:
        ((found,),) = self._database.execute(query, values).fetchall()
        return int(found or 0)

    def twice(self, table: str, column: str) -> Iterator[tuple[int, int]]:
        """Lines of values that came before, and the line where each did."""
        yield from self.rows(
            f"""SELECT t.line, f.first FROM {table} AS t
                  JOIN (SELECT {column} AS value, min(line) AS first FROM {table}
                         GROUP BY {column} HAVING count(*) > 1) AS f ON f.value = t.{column}
                 WHERE t.line <> f.first ORDER BY t.line"""
        )

    def not_in_file(self, table: str, column: str) -> Iterator[str]:
        """Players whom rows name and the table of players has not."""
        for (name,) in self.rows(
            f"""SELECT DISTINCT t.{column} FROM {table} AS t
                 WHERE t.{column} <> '' AND NOT EXISTS (SELECT 1 FROM player AS p WHERE p.id = t.{column})"""
        ):
            yield name

    def lines_naming(self, table: str, column: str, name: str) -> Iterator[int]:
        for (line,) in self.rows(f"SELECT line FROM {table} WHERE {column} = ? ORDER BY line", name):
            yield line

    def rank(self, *, sponsors_here: Iterable[str]) -> None:
        """Give every player a level; those who stay without one are in a circle, or below one."""
        self._database.executemany(
            "INSERT OR IGNORE INTO sponsor_here VALUES (?)", ((name,) for name in sponsors_here)
        )
        self._database.execute(_FIRST_LEVEL)
        self._database.execute("CREATE INDEX player_level ON player (level, line)")
        level = 0
        while self._database.execute(_NEXT_LEVEL, {"level": level, "next": level + 1}).rowcount:
            level += 1

    def circle(self) -> list[tuple[int, str]]:
        """One circle among the players, line by line; empty where there is none. Its players get a level by that."""
        start = self._database.execute(
            "SELECT p.id FROM player AS p WHERE p.level IS NULL"
            " AND EXISTS (SELECT 1 FROM player AS s WHERE s.id = p.sponsor) LIMIT 1"
        ).fetchone()
        if start is None:
            return []
        # Whoever walks up from there without an end walks into the circle.
        walked: dict[str, tuple[int, str]] = {}
        name = start[0]
        while name not in walked:
            line, sponsor = self._database.execute(
                "SELECT line, sponsor FROM player WHERE id = ?", [name]
            ).fetchone()
            walked[name] = line, name
            name = sponsor
        names = list(walked)
        found = [walked[one] for one in names[names.index(name) :]]
        self._database.executemany(
            "UPDATE player SET level = 0 WHERE line = ?", [(line,) for line, _ in found]
        )
        level = 0
        while self._database.execute(_NEXT_LEVEL, {"level": level, "next": level + 1}).rowcount:
            level += 1
        return found

    def to_take(self, table: str, kind: type[R]) -> Iterator[R]:
        """The rows that nobody has taken yet, in the order in which they can be."""
        order = "level, line" if table == "player" else "line"
        for (row,) in self.rows(f"SELECT row FROM {table} WHERE taken = 0 ORDER BY {order}"):
            yield wire.decode(row, kind)

    def count_to_take(self, table: str) -> int:
        return self.number(f"SELECT count(*) FROM {table} WHERE taken = 0")


def portions(rows: Iterable[R], size: int = _PORTION) -> Iterator[list[R]]:
    portion: list[R] = []
    for row in rows:
        portion.append(row)
        if len(portion) == size:
            yield portion
            portion = []
    if portion:
        yield portion


def micro(moment: datetime) -> int:
    """A moment as the tables keep it: microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)
