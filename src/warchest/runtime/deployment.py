"""Gives a process of this deployment its databases and its Django."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from warchest.runtime.databases import DatabaseServer, aliases, database_server
from warchest.runtime.redaction import guard_last_words


@contextmanager
def running_databases() -> Iterator[DatabaseServer]:
    """The database servers of this deployment; embedded ones are started where they do not run already.

    Whoever started one stops it at the end. Answers the coordinator's. Raises UnableToStartPostgres.
    """
    guard_last_words()
    with ExitStack() as stack:
        servers = [_started(stack, alias) for alias in aliases()]
        yield servers[0]


def _started(stack: ExitStack, alias: str) -> DatabaseServer:
    server = database_server(alias).start()
    stack.callback(server.stop)
    return server


@contextmanager
def running_django() -> Iterator[None]:
    """Settings, services and databases that answer."""
    with running_databases():
        import django
        from django.db import connections

        # Settings ask the servers where they listen, so they are read only now.
        django.setup()
        try:
            yield
        finally:
            connections.close_all()
