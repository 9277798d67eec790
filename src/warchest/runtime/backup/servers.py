"""The servers of a house: where each is reached with all rights, and which of the databases it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from warchest.runtime.configuration import Configuration, configuration
from warchest.runtime.databases import aliases, database_name
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.secrets import home
from warchest.runtime.services import COORDINATOR


@dataclass(frozen=True, kw_only=True)
class Found:
    """A server that answers. ``name`` is the alias of its first database; ``system`` PostgreSQL's own number for it."""

    name: str
    dsn: str
    """Signs in with all rights on an embedded server, with the operator's on another; password included."""
    embedded: bool
    system: str
    version: int
    databases: dict[str, str] = field(default_factory=dict)


def find_servers() -> tuple[Found, ...]:
    """Each server once, however many of the databases it has; the coordinator's first. They are running."""
    wanted, found = configuration(), dict[str, Found]()
    for alias in aliases():
        embedded = embedded_home(wanted, alias)
        database = database_name(wanted, alias) if alias != COORDINATOR else wanted.database.name
        if embedded:
            dsn = EmbeddedPostgres(embedded).superuser_dsn(database=database)
        else:
            url = wanted.database.url if alias == COORDINATOR else ""
            further = wanted.databases.get(alias)
            url = (further.url if further else "") or wanted.database.url
            dsn = psycopg.conninfo.make_conninfo(url, dbname=database)
        with psycopg.connect(dsn, autocommit=True) as connection:
            row = connection.execute(
                "SELECT system_identifier::text, current_setting('server_version_num')::int / 10000"
                "  FROM pg_control_system()"
            ).fetchone()
        assert row is not None
        server = found.setdefault(
            row[0], Found(name=alias, dsn=dsn, embedded=bool(embedded), system=row[0], version=row[1])
        )
        server.databases[alias] = database
    return tuple(found.values())


def embedded_home(wanted: Configuration, alias: str) -> Path | None:
    """The home of the embedded server that has this database; None where the operator's server has it."""
    further = wanted.databases.get(alias)
    if further and further.own_server:
        return home() / "servers" / alias
    return None if (further and further.url) or wanted.database.url else home()
