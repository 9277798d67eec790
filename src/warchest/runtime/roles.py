"""The database roles of Warchest: who owns, who works, who only reads.

* `warchest_owner` owns the database and migrates it; nothing else signs in as it.
* `warchest_journey` does the work. It can create no table, so a bug cannot grow the schema; the migrations
  take from it what the books forbid (UPDATE and DELETE on the journal).
* `warchest_reader` reads, for lists, reports and replicas; its sessions are read-only besides.

The same set-up serves the embedded server and a server that the operator brings (`WARCHEST_DATABASE_URL`).
It can be repeated at any time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

__all__ = [
    "Role",
    "clone_database",
    "create_database",
    "create_roles",
    "drop_database",
    "is_set_up",
    "set_up_database",
]

Admin = Connection[Any]


class Role(StrEnum):
    OWNER = "warchest_owner"
    JOURNEY = "warchest_journey"
    READER = "warchest_reader"


def set_up_database(admin_dsn: str, *, name: str = "warchest", passwords: Mapping[Role, str]) -> None:
    """Create the roles and the database where missing, and grant what each role may do in it.

    `admin_dsn` signs in as a superuser, or as a role with CREATEROLE and CREATEDB on a managed server.
    Passwords of roles that exist are set to the ones given. Raises psycopg's errors as they come: the
    operator needs the server's own words.
    """
    with _signed_in(admin_dsn) as admin:
        _take_turns(admin)
        create_roles(admin, passwords=passwords)
        create_database(admin, name=name)


def is_set_up(admin: Admin, *, name: str) -> bool:
    """Whether ``set_up_database`` was done for this database, to its end."""
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return False
    with _signed_in(_dsn_of(admin, database=name)) as connection:
        # What is granted inside comes last, and all at once.
        return bool(
            connection.execute(
                "SELECT 1 FROM pg_default_acl JOIN pg_roles ON pg_roles.oid = defaclrole WHERE rolname = %s",
                [Role.OWNER],
            ).fetchone()
        )


def create_roles(admin: Admin, *, passwords: Mapping[Role, str]) -> None:
    """Create the three roles, or set the passwords of those that exist. `admin` must be in autocommit."""
    existing = {
        name for (name,) in admin.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^warchest_'")
    }
    for role in Role:
        verb = sql.SQL("ALTER" if role in existing else "CREATE")
        admin.execute(
            sql.SQL("{} ROLE {} LOGIN INHERIT NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                verb, sql.Identifier(role), sql.Literal(passwords[role])
            )
        )
    admin.execute(_for_roles("ALTER ROLE {reader} SET default_transaction_read_only = on"))
    if admin.info.parameter_status("is_superuser") != "on":
        # Whoever is no superuser must belong to the owner to create its database and its default privileges.
        admin.execute(_for_roles("GRANT {owner} TO CURRENT_USER"))


def create_database(admin: Admin, *, name: str) -> None:
    """Create a database of the owner's where missing, and grant what each role may do in it.

    The roles exist already. Tables that exist already are left alone on purpose: their privileges belong
    to the migrations, and granting again would give back what a migration has taken away.
    """
    _take_turns(admin)
    if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        admin.execute(_for_roles("CREATE DATABASE {name} OWNER {owner} ENCODING 'UTF8'", name=name))
    _grant_connect(admin, name=name)
    with _signed_in(_dsn_of(admin, database=name)) as connection, connection.transaction():
        for statement in _GRANTS_INSIDE:
            connection.execute(_for_roles(statement))


def clone_database(admin: Admin, *, template: str, name: str) -> None:
    """Copy a database, for a test that must commit. Nobody may be connected to the template.

    Takes about 0.05 s. Raises `psycopg.errors.ObjectInUse` when somebody is connected for over five seconds.
    """
    # Copying files takes a tenth of the time of copying through the log, and a test needs no log of its birth.
    statement = "CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy OWNER {owner}"
    admin.execute(_for_roles(statement, name=name, template=template))
    _grant_connect(admin, name=name)  # the only privileges that a copy does not bring along


def drop_database(admin: Admin, *, name: str) -> None:
    """Drop a database with all that holds it: sessions are ended, prepared transactions rolled back."""
    left = admin.execute("SELECT gid FROM pg_prepared_xacts WHERE database = %s", [name]).fetchall()
    if left:
        with _signed_in(_dsn_of(admin, database=name)) as connection:
            for (gid,) in left:
                connection.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))
    admin.execute(_for_roles("DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name))


# Default privileges reach every table that the owner will ever create, in whatever schema.
_GRANTS_INSIDE = (
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE, CREATE ON SCHEMA public TO {owner}",
    "GRANT USAGE ON SCHEMA public TO {journey}, {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SCHEMAS TO {journey}, {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {reader}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {journey}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE ON SEQUENCES TO {journey}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO {journey}",
)


def _take_turns(admin: Admin) -> None:
    """One at a time: of two that make a database or change a role at once, PostgreSQL refuses one. Let go with the
    connection."""
    admin.execute("SELECT pg_advisory_lock(hashtext('warchest_roles'))")


def _grant_connect(admin: Admin, *, name: str) -> None:
    # Without TEMPORARY: a transaction that touched a temporary table cannot be prepared.
    admin.execute(_for_roles("REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=name))
    admin.execute(_for_roles("GRANT CONNECT ON DATABASE {name} TO {journey}, {reader}", name=name))


def _for_roles(statement: str, **names: str) -> sql.Composed:
    identifiers = {role.name.lower(): sql.Identifier(role) for role in Role}
    identifiers |= {key: sql.Identifier(value) for key, value in names.items()}
    return sql.SQL(statement).format(**identifiers)  # type: ignore[arg-type]


def _dsn_of(connection: Admin, *, database: str) -> str:
    # The connection's own parameters leave the password out.
    return make_conninfo(connection.info.dsn, dbname=database, password=connection.info.password)


@contextmanager
def _signed_in(dsn: str) -> Iterator[Admin]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection
