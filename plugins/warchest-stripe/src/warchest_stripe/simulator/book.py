"""The simulator's memory: objects as Stripe shows them, keys and their answers, events to send, and switches.

One SQLite file, one lock: whatever a request does, it does alone and wholly. Fields that begin with an underscore are the
simulator's own, and are never shown.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Object = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, created, place);
CREATE TABLE IF NOT EXISTS key (
    key TEXT PRIMARY KEY,
    asked TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
-- One row for each copy of an event; due_at is empty once it was taken, or where it is lost on purpose.
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS switch (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

SWITCHES: dict[str, Any] = {
    "lose_answers": False,
    "hang": False,
    "drip": False,
    "server_error": False,
    "malformed": False,
    "unlisted_status": False,
    "wrong_amount": False,
    "wrong_currency": "",
    "negative_amount": False,
    "zero_amount": False,
    "wrong_signature": False,
    "refuse_refunds": False,
    "delay_refunds": False,
    "challenge": False,
    "lose_events": False,
    "event_copies": 1,
    "event_delay_s": 0,
    "reverse_events": False,
    "forbidden": "",
    "rate_limit_next": 0,
    "conflict_next": 0,
    "least_amounts": True,
}
"""All switches, as they stand at first; README.md says what each does."""

REVERSED_WITHIN_S = 0.6
"""With ``reverse_events``, so long events are gathered before the last of them is sent first."""


class Book:
    """``is_live`` stands in every object."""

    def __init__(self, path: Path, *, is_live: bool) -> None:
        self.is_live = is_live
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """All or nothing, one at a time."""
        with self._lock:
            if self._depth == 0:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._db.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._db.execute("COMMIT")

    # Objects

    def new(self, kind: str, prefix: str, **fields: Any) -> Object:
        number = f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(24))}"
        made: Object = {"id": number, "object": kind, "created": int(time.time())}
        if kind not in {"balance_transaction", "refund"}:
            made["livemode"] = self.is_live
        return self.keep(made | fields)

    def keep(self, changed: Object) -> Object:
        with self.alone():
            self._db.execute(
                "INSERT INTO object (id, kind, created, body) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET created = excluded.created, body = excluded.body",
                (changed["id"], changed["object"], changed["created"], json.dumps(changed)),
            )
        return changed

    def find(self, number: str, kind: str = "") -> Object | None:
        with self._lock:
            row = self._db.execute(
                "SELECT body FROM object WHERE id = ? AND kind = coalesce(nullif(?, ''), kind)",
                (number, kind),
            ).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind: str) -> list[Object]:
        """Newest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM object WHERE kind = ? ORDER BY created DESC, place DESC", (kind,)
            ).fetchall()
        return [json.loads(row[0]) for row in rows]

    # Keys

    def remembered(self, key: str) -> tuple[str, int, str] | None:
        with self._lock:
            row = self._db.execute("SELECT asked, status, body FROM key WHERE key = ?", (key,)).fetchone()
        return row if row is None else (row[0], row[1], row[2])

    def remember(self, key: str, *, asked: str, status: int, body: str) -> None:
        with self.alone():
            self._db.execute("INSERT INTO key VALUES (?, ?, ?, ?)", (key, asked, status, body))

    def forget_keys(self) -> None:
        """As Stripe does when they are a day old."""
        with self.alone():
            self._db.execute("DELETE FROM key")

    # Switches

    def switch(self, name: str) -> Any:
        with self._lock:
            row = self._db.execute("SELECT value FROM switch WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else SWITCHES[name]

    def turn(self, name: str, value: Any) -> None:
        if name not in SWITCHES:
            raise KeyError(name)
        with self.alone():
            self._db.execute("INSERT OR REPLACE INTO switch VALUES (?, ?)", (name, json.dumps(value)))

    def counts_down(self, name: str) -> bool:
        """Whether a switch that counts is still above nought; it is one less afterwards."""
        with self.alone():
            left = int(self.switch(name))
            if left > 0:
                self.turn(name, left - 1)
            return left > 0

    def reset(self) -> None:
        with self.alone():
            self._db.execute("DELETE FROM switch")

    # Events

    def announce(self, kind: str, about: Object) -> None:
        """An event, and its copies to send."""
        event = self.new(
            "event",
            "evt",
            api_version=None,
            data={"object": about},
            pending_webhooks=1,
            request={"id": None, "idempotency_key": None},
            type=kind,
        )
        now = time.time()
        due_at: float | None = now + float(self.switch("event_delay_s"))
        if self.switch("reverse_events"):
            # Gathered, and then the later the sooner.
            due_at = now + REVERSED_WITHIN_S + (REVERSED_WITHIN_S - now % REVERSED_WITHIN_S)
        if self.switch("lose_events"):
            due_at = None
        with self.alone():
            for _ in range(int(self.switch("event_copies"))):
                self._db.execute(
                    "INSERT INTO delivery (event_id, due_at, answer) VALUES (?, ?, ?)",
                    (event["id"], due_at, "" if due_at else "lost on purpose"),
                )

    def send_again(self, event_id: str) -> None:
        with self.alone():
            self._db.execute("INSERT INTO delivery (event_id, due_at) VALUES (?, ?)", (event_id, time.time()))

    def due(self) -> list[tuple[int, Object, int]]:
        """Deliveries that are due: number, event, tries so far."""
        order = "DESC" if self.switch("reverse_events") else "ASC"
        with self._lock:
            rows = self._db.execute(
                f"SELECT id, event_id, tries FROM delivery WHERE due_at <= ? ORDER BY id {order} LIMIT 100",
                (time.time(),),
            ).fetchall()
        found = [(row[0], self.find(row[1], "event"), row[2]) for row in rows]
        return [(number, event, tries) for number, event, tries in found if event is not None]

    def delivered(self, delivery: int, *, again_after_s: float | None, answer: str) -> None:
        """What became of one try; ``again_after_s`` is None once it was taken."""
        due_at = None if again_after_s is None else time.time() + again_after_s
        with self.alone():
            self._db.execute(
                "UPDATE delivery SET due_at = ?, tries = tries + 1, answer = ? WHERE id = ?",
                (due_at, answer[:200], delivery),
            )

    def deliveries(self, event_id: str) -> list[Object]:
        with self._lock:
            rows = self._db.execute(
                "SELECT tries, answer, due_at FROM delivery WHERE event_id = ? ORDER BY id", (event_id,)
            ).fetchall()
        return [{"tries": tries, "answer": answer, "is_due": due is not None} for tries, answer, due in rows]
