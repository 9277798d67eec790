"""The sandbox's memory: one SQLite file, shared by all threads of the server, one at a time."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warchest.kernel.clock import Clock
from warchest.kernel.currency import INNER, currency
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

_VERSION = 2

_PAYMENT = """
CREATE TABLE IF NOT EXISTS payment (
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL UNIQUE,
    asked BLOB NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (
        status IN ('open', 'pending', 'authorised', 'succeeded', 'failed', 'cancelled', 'expired')
    ),
    reason TEXT NOT NULL DEFAULT '',
    card BLOB,
    taken_minor INTEGER,
    taken_currency TEXT,
    opened_at REAL NOT NULL,
    fee_minor INTEGER,
    -- The saved method whose bank wants the player to prove who they are.
    challenged TEXT NOT NULL DEFAULT ''
) STRICT
"""

_SCHEMA = f"""
{_PAYMENT};
CREATE TABLE IF NOT EXISTS refund (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payment,
    reference TEXT NOT NULL UNIQUE,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    status TEXT NOT NULL DEFAULT 'succeeded' CHECK (status IN ('pending', 'succeeded', 'failed')),
    reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX IF NOT EXISTS refund_of_payment ON refund (payment_id);
CREATE TABLE IF NOT EXISTS method (
    token TEXT PRIMARY KEY,
    payer TEXT NOT NULL,
    card BLOB NOT NULL,
    forgotten_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS dispute (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL UNIQUE REFERENCES payment,
    status TEXT NOT NULL CHECK (status IN ('opened', 'under_review', 'won', 'lost')),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    fee_minor INTEGER NOT NULL,
    opened_at REAL NOT NULL,
    evidence BLOB
) STRICT;
-- What the sandbox owes the merchant more or less, and in which settlement it was paid out.
CREATE TABLE IF NOT EXISTS movement (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    reference TEXT NOT NULL DEFAULT '',
    provider_reference TEXT NOT NULL DEFAULT '',
    gross_minor INTEGER NOT NULL,
    fee_minor INTEGER NOT NULL DEFAULT 0,
    currency TEXT NOT NULL,
    occurred_at REAL NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    settlement_id TEXT REFERENCES settlement
) STRICT;
CREATE INDEX IF NOT EXISTS movement_of_settlement ON movement (settlement_id);
CREATE TABLE IF NOT EXISTS settlement (
    id TEXT PRIMARY KEY,
    currency TEXT NOT NULL,
    day TEXT NOT NULL,
    paid_out_minor INTEGER NOT NULL,
    payout_reference TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS notice (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payment,
    url TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS notice_of_payment ON notice (payment_id);
-- One row for each copy of a notice; due_at is empty once it was taken, or where it is lost on purpose.
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    notice_id TEXT NOT NULL REFERENCES notice,
    due_at REAL,
    tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT NOT NULL DEFAULT '',
    delivered_at REAL
) STRICT;
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS control (only INTEGER PRIMARY KEY CHECK (only = 1), switches BLOB NOT NULL) STRICT;
"""

# A file of the first version knew neither authorised payments nor refunds that wait. A CHECK cannot be changed in place.
_FROM_1_TO_2 = f"""
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
ALTER TABLE payment RENAME TO payment_before;
{_PAYMENT};
INSERT INTO payment (id, token, reference, asked, amount_minor, currency, status, reason, card, taken_minor,
                     taken_currency, opened_at)
SELECT id, token, reference, asked, amount_minor, currency, status, reason, card, taken_minor, taken_currency, opened_at
FROM payment_before;
DROP TABLE payment_before;
ALTER TABLE refund ADD COLUMN status TEXT NOT NULL DEFAULT 'succeeded'
    CHECK (status IN ('pending', 'succeeded', 'failed'));
ALTER TABLE refund ADD COLUMN reason TEXT NOT NULL DEFAULT '';
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class UnableToServe(UnableTo):
    """The sandbox refuses a request of the merchant's."""

    reasons = frozenset(
        {
            "request_malformed",
            "amount_invalid",
            "currency_unknown",
            "reference_reused",
            "payment_not_found",
            "payment_not_open",
            "payment_not_pending",
            "payment_not_authorised",
            "payment_not_succeeded",
            "capture_exceeds_authorisation",
            "refund_exceeds_payment",
            "refund_not_found",
            "refund_not_pending",
            "dispute_not_found",
            "dispute_is_over",
            "notice_not_found",
            "card_unknown",
            "method_of_another_payer",
        }
    )


class Store:
    """One connection. A transaction within another is part of it."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._upgrade()
        self._db.executescript(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {_VERSION}")
        self._db.execute("PRAGMA foreign_keys = ON")

    def now(self) -> float:
        return self._clock.now().timestamp()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(query, values).fetchone()
            return found

    def write(self, statement: str, *values: object) -> None:
        with self.transaction():
            self._db.execute(statement, values)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._depth:
                yield
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            else:
                self._db.execute("COMMIT")
            finally:
                self._depth = 0

    def _upgrade(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        made = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'payment'").fetchone()
        if made and version < _VERSION:
            self._db.execute("PRAGMA legacy_alter_table = ON")
            self._db.executescript(_FROM_1_TO_2)
            self._db.execute("PRAGMA legacy_alter_table = OFF")


def known_currency(code: str) -> None:
    """Raises UnableToServe: currency_unknown."""
    try:
        currency(code)
    except UnableTo:
        raise UnableToServe("currency_unknown", currency=code[:8]) from None


def positive(amount: str, code: str) -> Money:
    """Raises UnableToServe: amount_invalid, currency_unknown."""
    known_currency(code)
    try:
        money = Money.parse(amount, code)
    except UnableTo as unable:
        raise UnableToServe("amount_invalid", why=unable.reason) from None
    if money.minor <= 0 or money.currency == INNER:
        raise UnableToServe("amount_invalid")
    return money
