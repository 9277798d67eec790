"""Statements of the hot path: planned once for each connection instead of at every call, over Django's connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg

from warchest.runtime.services import services


def rows(service: str, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run a query over the service's connection and answer all its rows. ``%s`` stands for a parameter.

    The server keeps the plan, so the text has to be always the same: what varies in number goes into one parameter, as
    JSON (``document``), which is also written and read faster than arrays are. Django's own cursor writes parameters
    into the text and has it planned anew each time, which takes longer than most of these queries.
    """
    database = services.database(service)
    database.ensure_connection()
    connection = database.connection
    connection.prepare_threshold = 0
    cursor = psycopg.Cursor(connection)
    # Django's wrapper turns PostgreSQL's errors into Django's own, and lets tests count statements.
    wrapped = database.make_debug_cursor(cursor) if database.queries_logged else database.make_cursor(cursor)
    wrapped.execute(query, parameters)
    return cursor.fetchall()


def document(value: Any) -> str:
    """A parameter of type ``jsonb``: contract data, dictionaries and lists of them."""
    return msgspec.json.encode(value).decode()
