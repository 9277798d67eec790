"""What commands do to a deployment before they can work with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from warchest.accounting.contract import Accounting
from warchest.runtime.databases import aliases, owner
from warchest.runtime.deployment import running_databases, running_django
from warchest.runtime.services import services

__all__ = ["migrate", "running_databases", "running_django"]


log = structlog.get_logger(__name__)

_TRIES_MAX = 20
_PAUSE_S = 1.0
_ALONE = "hashtext('warchest_migrate')"


def migrate() -> None:
    """Bring every database's schema up to this version, as its owner, and have the chart of accounts in place.

    Many may call it at once: one works, the others wait. Who is refused a lock for three seconds, since somebody works
    with the table, lets those who wait behind go first and comes again. Raises OperationalError after some tries.
    """
    for alias in aliases():
        with _alone(owner(alias)):
            _migrate(owner(alias))
    services.get(Accounting).define_chart()


def _migrate(connection: str) -> None:
    from django.core.management import call_command
    from django.db import OperationalError
    from psycopg.errors import LockNotAvailable

    for tries in range(1, _TRIES_MAX + 1):
        try:
            # What a try has finished, the next one finds done: each migration commits by itself.
            call_command("migrate", database=connection, verbosity=0)
            return
        except OperationalError as error:
            if tries == _TRIES_MAX or not isinstance(error.__cause__, LockNotAvailable):
                raise
            log.info("migration_waits", database=connection, tries=tries)
            time.sleep(_PAUSE_S)


@contextmanager
def _alone(connection: str) -> Iterator[None]:
    from django.db import connections

    database = connections[connection]
    with database.cursor() as cursor:
        # Asked again and again, since who waits in the database holds up indexes that are made concurrently.
        while True:
            cursor.execute(f"SELECT pg_try_advisory_lock({_ALONE})")
            if cursor.fetchone()[0]:
                break
            time.sleep(_PAUSE_S / 5)
    try:
        yield
    finally:
        # Where the connection was lost, the lock is gone with it.
        if database.is_usable():
            with database.cursor() as cursor:
                cursor.execute(f"SELECT pg_advisory_unlock({_ALONE})")
