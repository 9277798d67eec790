"""The numbers of accounts, as far as a connection has seen them committed.

An account's number never changes and is never given to another. It could only become another's where the database itself
goes back in time (a restore, a fail-over to a server that lags behind), and no connection lives through that. So what a
connection has seen is kept with it, and ends with it. What is seen within a transaction counts when it has committed: an
account that it opened itself may be gone otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from weakref import WeakKeyDictionary

from django.db import transaction
from psycopg import Connection

from warchest.runtime.services import services

Name = tuple[str, str, str]
"""Book, owner and currency."""

KEPT_MAX = 50_000
"""Some ten megabytes; a connection that has seen more begins anew."""

_seen: WeakKeyDictionary[Connection, dict[Name, int]] = WeakKeyDictionary()


def seen() -> dict[Name, int]:
    """Those that the ledger's connection knows. For reading: ``learn`` adds to them."""
    database = services.database("ledger")
    database.ensure_connection()
    return _seen.setdefault(database.connection, {})


def learn(names: Iterable[Name], numbers: Sequence[int | None]) -> None:
    """Keep the numbers that the database answered for ``names``, as soon as they are committed."""
    database = services.database("ledger")
    known = _seen.setdefault(database.connection, {})
    keep: Callable[[], None] = partial(_keep, known, dict(zip(names, numbers, strict=True)))
    transaction.on_commit(keep, using=services.alias("ledger"))


def _keep(known: dict[Name, int], found: dict[Name, int | None]) -> None:
    if len(known) + len(found) > KEPT_MAX:
        known.clear()
    known.update((name, number) for name, number in found.items() if number is not None)
