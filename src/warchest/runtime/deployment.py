"""Gives a process of this deployment its database and its Django."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from warchest.runtime.configuration import DatabaseServer, database_server


@contextmanager
def running_database() -> Iterator[DatabaseServer]:
    """The database server of this deployment; an embedded one is started where it does not run already.

    Whoever started it stops it at the end. Raises UnableToStartPostgres.
    """
    server = database_server().start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def running_django() -> Iterator[None]:
    """Settings, services and a database that answers."""
    with running_database():
        import django
        from django.db import connections

        # Settings ask the server where it listens, so they are read only now.
        django.setup()
        try:
            yield
        finally:
            connections.close_all()
