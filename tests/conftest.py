"""Every test that asks for ``database`` has a real PostgreSQL database of its own, copied from a migrated template."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

pytest_plugins = ["tests.plugin_use_cases"]

# Settings are read once, at import: the home of this run must be known before.
_home = tempfile.TemporaryDirectory(prefix="warchest-tests-")
os.environ["WARCHEST_HOME"] = _home.name
os.environ.pop("WARCHEST_DATABASE_URL", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "warchest.config.settings"

_TEMPLATE = "warchest_template"
_numbers = count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before any test module is imported, since Django's settings ask it where it listens."""
    import django

    from warchest.runtime.postgres import EmbeddedPostgres

    # Without fsync: a test's database is gone after the test anyway. What durability means is tested with it.
    server = EmbeddedPostgres(Path(_home.name), durable=False).start()
    config.add_cleanup(_home.cleanup)
    config.add_cleanup(server.stop)
    config.stash[SERVER] = server
    django.setup()


SERVER: pytest.StashKey = pytest.StashKey()


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest) -> str:
    """A database with today's schema and the house's own books, rates and catalogue."""
    from django.core.management import call_command
    from django.db import connections

    from tests.builders.house import furnish

    server = request.config.stash[SERVER]
    server.create_database(_TEMPLATE)
    _use(_TEMPLATE)
    call_command("migrate", database="owner", verbosity=0)
    furnish()
    connections.close_all()
    return _TEMPLATE


@pytest.fixture
def database(request: pytest.FixtureRequest, template: str) -> Iterator[str]:
    """A database for this test alone; code runs in it as in production, real commits included."""
    from django.core.cache import cache
    from django.db import connections

    server = request.config.stash[SERVER]
    name = f"warchest_test_{next(_numbers)}"
    server.clone_database(template, name)
    _use(name)
    cache.clear()
    yield name
    connections.close_all()
    server.drop_database(name)


@pytest.fixture
def superuser_dsn(request: pytest.FixtureRequest, database: str) -> str:
    """For tests that attack their own database with all rights."""
    return request.config.stash[SERVER].superuser_dsn(database=database)


def _use(name: str) -> None:
    from django.db import connections

    connections.close_all()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = name
        connections.settings[alias]["NAME"] = name
