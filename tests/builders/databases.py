"""Which databases the code of this process works in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from warchest.runtime.databases import aliases, owner, reader
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.services import COORDINATOR

SPREAD = """
# What a test run with --spread-databases works with: three databases, with services that meet in many journeys apart.
[databases.people]
[databases.shop]

[services]
members = "people"
referrals = "people"
delivery = "people"
catalogue = "shop"
cards = "shop"
subscriptions = "shop"
statistics = "shop"
"""


followers: list[Callable[[str], None]] = []
"""Who is told, after this process, which set of databases is used."""


def named(name: str, alias: str) -> str:
    """The database that goes by this alias in the set of databases of this name."""
    return name if alias == COORDINATOR else f"{name}_{alias}"


def use(name: str) -> None:
    """Work in the set of databases of this name, here and in the processes that belong to the tests."""
    _use_here(name)
    for follow in followers:
        follow(name)


def _use_here(name: str) -> None:
    from django.core.cache import cache
    from django.db import connections

    connections.close_all()
    for alias in aliases():
        for connection in (alias, owner(alias), reader(alias)):
            connections[connection].settings_dict["NAME"] = named(name, alias)
            connections.settings[connection]["NAME"] = named(name, alias)
    cache.clear()


def clone(server: EmbeddedPostgres, template: str, name: str) -> None:
    """Copy a set of databases."""
    for alias in aliases():
        server.clone_database(named(template, alias), named(name, alias))


def drop(server: EmbeddedPostgres, name: str) -> None:
    for alias in aliases():
        server.drop_database(named(name, alias))


def create(server: EmbeddedPostgres, name: str) -> None:
    """Make a set of databases and bring each to today's schema."""
    from django.core.management import call_command

    for alias in aliases():
        server.create_database(named(name, alias))
    _use_here(name)
    for alias in aliases():
        call_command("migrate", database=owner(alias), verbosity=0)


@contextmanager
def captured_queries() -> Iterator[list[str]]:
    """What this thread asks of the coordinator's database and of all others; filled when the block ends."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    asked: list[str] = []
    with ExitStack() as stack:
        captured = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in aliases()]
        yield asked
        asked += [query["sql"] or "" for one in captured for query in one.captured_queries]
