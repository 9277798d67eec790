"""A search of everything that a database keeps, for what should not be there."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from psycopg import sql


def columns(connection: psycopg.Connection) -> list[tuple[str, str, str, str]]:
    """Schema, table, column and type of all that is kept."""
    return connection.execute(
        "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns"
        " JOIN information_schema.tables USING (table_schema, table_name)"
        " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()  # type: ignore[return-value]


def searched(dsn: str, hits: Callable[[str, str, str], list[str]]) -> dict[str, list[str]]:
    """What ``hits(table, type, value)`` finds in any value of any column, by table and column."""
    found = {}
    with psycopg.connect(dsn) as connection:
        for schema, table, column, kind in columns(connection):
            as_text = "encode({}, 'escape')" if kind == "bytea" else "{}::text"
            query = sql.SQL("SELECT " + as_text + " FROM {}").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            seen = [value for (value,) in connection.execute(query).fetchall() if value]
            if here := [hit for value in seen for hit in hits(table, kind, value)]:
                found[f"{table}.{column}"] = sorted(set(here))
    return found
