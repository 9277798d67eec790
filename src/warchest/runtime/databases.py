"""The databases of a deployment: the coordinator's, and those that the configuration gives to single services.

Each goes by a name, its Django alias: ``default`` is the coordinator's. For each of them there are two more connections,
one as the role that owns the schema (``owner``, ``owner_NAME``) and one that may only read (``reader``, ``reader_NAME``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warchest.kernel.errors import UnableTo
from warchest.runtime.backup.keeping import kept_wal
from warchest.runtime.configuration import Configuration, FurtherDatabase, configuration
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.roles import Role, set_up_database
from warchest.runtime.secrets import home, text_secret
from warchest.runtime.services import COORDINATOR

ROOTED = ("ledger", "charging", "runtime")
"""Services that live where decisions are made: moving money is one ordinary commit there."""


_CLUSTER = re.compile(r"[A-Za-z0-9_-]{1,20}")
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Both stand in the names of prepared transactions, the alias also in those of folders and databases."""


class UnableToPlaceService(UnableTo):
    """``[services]``, ``[databases]`` or ``[community] cluster`` says what cannot be."""

    reasons = frozenset(
        {
            "database_unknown",
            "service_unknown",
            "service_rooted",
            "database_name_reserved",
            "database_name_malformed",
            "cluster_malformed",
        }
    )


class DatabaseServer(Protocol):
    """What an embedded server and one of the operator's have in common, for one database of it."""

    def start(self) -> DatabaseServer: ...

    def stop(self) -> None: ...

    def dsn(self, role: Role, *, database: str | None = None) -> str: ...


class ExternalPostgres:
    """A server that somebody else runs. Starting it means having our roles and database on it."""

    def __init__(self, url: str, *, database: str) -> None:
        self._url = url
        self._database = database

    def start(self) -> ExternalPostgres:
        """Raises psycopg.OperationalError when the server does not answer."""
        set_up_database(
            self._url, name=self._database, passwords={role: self._password(role) for role in Role}
        )
        return self

    def stop(self) -> None:
        """It is not ours to stop."""

    def dsn(self, role: Role, *, database: str | None = None) -> str:
        primary = {}
        if role is Role.READER and conninfo_to_dict(self._url).get("target_session_attrs") == "read-write":
            # Its sessions are read-only, which the driver would take for a replica's.
            primary = {"target_session_attrs": "primary"}
        return make_conninfo(
            self._url, user=role, password=self._password(role), dbname=database or self._database, **primary
        )

    @staticmethod
    def _password(role: Role) -> str:
        return text_secret(f"server-{role.removeprefix('warchest_')}")


class SecondDatabase:
    """A further database of the embedded server that the coordinator's lives on."""

    def __init__(self, server: EmbeddedPostgres, *, database: str) -> None:
        self._server = server
        self._database = database

    def start(self) -> SecondDatabase:
        self._server.start()
        self._server.create_database(self._database)
        return self

    def stop(self) -> None:
        self._server.stop()

    def dsn(self, role: Role, *, database: str | None = None) -> str:
        return self._server.dsn(role, database=database or self._database)


def database_server(alias: str = COORDINATOR) -> DatabaseServer:
    """The server of one database, as the configuration means it. Raises KeyError for a name that it does not have."""
    wanted = configuration()
    if alias == COORDINATOR:
        if wanted.database.url:
            return ExternalPostgres(wanted.database.url, database=wanted.database.name)
        return _embedded(wanted, home(), alias, database=wanted.database.name)
    further = wanted.databases[alias]
    name = database_name(wanted, alias)
    if further.own_server:
        return _embedded(wanted, home() / "servers" / alias, alias, database=name)
    if url := further.url or wanted.database.url:
        return ExternalPostgres(url, database=name)
    coordinators = _embedded(wanted, home(), COORDINATOR, database=wanted.database.name)
    return SecondDatabase(coordinators, database=name)


def _embedded(wanted: Configuration, folder: Path, server: str, *, database: str) -> EmbeddedPostgres:
    binaries = Path(wanted.database.binaries) if wanted.database.binaries else None
    wal = kept_wal(wanted.backup_folder, server=server, every_s=wanted.backup.wal_every_s)
    return EmbeddedPostgres(folder, binaries=binaries, database=database, wal=wal)


def database_name(wanted: Configuration, alias: str) -> str:
    """What the database is called on its server."""
    further = wanted.databases.get(alias, FurtherDatabase())
    return further.name or f"{wanted.database.name}_{alias}"


def aliases() -> tuple[str, ...]:
    """The names of all databases, the coordinator's first."""
    return (COORDINATOR, *sorted(configuration().databases))


def owner(alias: str) -> str:
    """The connection that migrates this database."""
    return "owner" if alias == COORDINATOR else f"owner_{alias}"


def reader(alias: str) -> str:
    """The connection that may only read this database."""
    return "reader" if alias == COORDINATOR else f"reader_{alias}"


def placed(wanted: Configuration, *, known: tuple[str, ...]) -> Mapping[str, str]:
    """The database of each service that does not live in the coordinator's; ``known`` are all services there are.

    Raises UnableToPlaceService.
    """
    if not _CLUSTER.fullmatch(wanted.community.cluster):
        raise UnableToPlaceService("cluster_malformed", cluster=wanted.community.cluster)
    for alias in wanted.databases:
        if not _ALIAS.fullmatch(alias):
            raise UnableToPlaceService("database_name_malformed", database=alias)
        if alias in (COORDINATOR, "owner", "reader") or alias.startswith(("owner_", "reader_")):
            raise UnableToPlaceService("database_name_reserved", database=alias)
    for service, alias in wanted.services.items():
        if service not in known and service not in ROOTED:
            raise UnableToPlaceService("service_unknown", service=service)
        if alias != COORDINATOR and alias not in wanted.databases:
            raise UnableToPlaceService("database_unknown", service=service, database=alias)
        if alias != COORDINATOR and service in ROOTED:
            raise UnableToPlaceService("service_rooted", service=service, database=alias)
    return {service: alias for service, alias in wanted.services.items() if alias != COORDINATOR}
