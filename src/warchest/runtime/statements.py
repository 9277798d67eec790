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
    JSON (``document``) or as an array written here (``column``), which costs a fifth of what the driver takes for a list.
    Django's own cursor writes parameters into the text and has it planned anew each time, which takes longer than most
    of these queries.
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


def column(values: Sequence[object]) -> str:
    """A parameter of an array type, as PostgreSQL reads it: of ids, whole numbers, moments or texts; None stands for null.

    JSON's lists are written as PostgreSQL's arrays are, but for the brackets and for what is written behind a backslash. Taken
    from there it costs a third of writing one value after the other.
    """
    written = msgspec.json.encode(values, enc_hook=str).decode()
    if "\\" in written:
        return "{" + ",".join(["NULL" if value is None else _quoted(str(value)) for value in values]) + "}"
    return f"{{{written[1:-1]}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
