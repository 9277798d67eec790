"""Every test that asks for ``database`` has a real PostgreSQL database of its own, copied from a migrated template."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import databases
from tests.sweep import Sweep, sweep_of
from warchest.runtime.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from tests.builders.deployment import Deployment

pytest_plugins = ["tests.plugin_use_cases", "tests.availability.plugin"]


def _quickest_folder() -> Path | None:
    """Memory where there is enough of it: a database has hundreds of files, and some disks take a second to make them."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 4 * 2**30:
        return memory
    return None


# Settings are read once, at import: the home of this run must be known before.
_home = tempfile.TemporaryDirectory(prefix="warchest-tests-", dir=_quickest_folder())
os.environ["WARCHEST_HOME"] = _home.name
os.environ.pop("WARCHEST_DATABASE_URL", None)
os.environ["DJANGO_SETTINGS_MODULE"] = "warchest.config.settings"

_TEMPLATE = "warchest_template"
_numbers = count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("sweeps", "sweeps: state machines, mixes of callers, kills")
    group.addoption("--sweep", type=float, metavar="SECONDS", help="go on with other seeds for so long, each")
    group.addoption("--sweep-seed", type=int, metavar="SEED", help="begin with this one")
    group = parser.getgroup("deployment")
    group.addoption(
        "--spread-databases", action="store_true", help="services in three databases instead of one"
    )
    group.addoption(
        "--spread-services",
        action="store_true",
        help="services in three databases and four other processes, asked through a broker",
    )
    group.addoption(
        "--calls-min", type=int, default=0, metavar="N", help="fail where one of them answered fewer calls"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before any test module is imported, since Django's settings ask it where it listens."""
    import django

    if config.getoption("numprocesses", None):
        # This process shares out the tests among others, and runs none.
        config.add_cleanup(_home.cleanup)
        return
    apart = config.getoption("--spread-services")
    if apart:
        from tests.builders import deployment

        config.option.spread_databases = True
        (Path(_home.name) / "warchest.toml").write_text(deployment.CONFIGURATION)
        os.environ.update(deployment.ENVIRONMENT)
    elif config.getoption("--spread-databases"):
        (Path(_home.name) / "warchest.toml").write_text(databases.SPREAD)
    # Without fsync: a test's database is gone after the test anyway. What durability means is tested with it.
    server = EmbeddedPostgres(Path(_home.name), durable=False).start()
    config.add_cleanup(_home.cleanup)
    config.add_cleanup(server.stop)
    config.stash[SERVER] = server
    django.setup()
    _hash_passwords_quickly()
    if apart:
        from tests.plugin_deployment import DeploymentPlugin

        running = deployment.Deployment(Path(_home.name)).start()
        config.add_cleanup(running.stop)
        config.stash[DEPLOYMENT] = running
        config.pluginmanager.register(DeploymentPlugin(running, calls_min=config.getoption("--calls-min")))


def _hash_passwords_quickly() -> None:
    """A tenth of a second for each administrator would be a third of the tests' time. Only in this process: servers that tests
    start hash as they always do."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    Argon2PasswordHasher.time_cost, Argon2PasswordHasher.memory_cost = 1, 64


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is about several databases, or several processes, is left to the run that has them."""
    for marker in ("spread", "spread_services"):
        if not config.getoption("--spread-services" if marker == "spread_services" else "--spread-databases"):
            left = [item for item in items if item.get_closest_marker(marker)]
            items[:] = [item for item in items if not item.get_closest_marker(marker)]
            config.hook.pytest_deselected(items=left)
    if hasattr(config, "workerinput"):
        _share_out(items)


def _share_out(items: list[pytest.Item]) -> None:
    """Among several processes (``-n``) what takes long comes first, so that nobody waits for the last at the end."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


SERVER: pytest.StashKey[EmbeddedPostgres] = pytest.StashKey()
DEPLOYMENT: pytest.StashKey[Deployment] = pytest.StashKey()


@pytest.fixture(scope="session")
def template(request: pytest.FixtureRequest) -> str:
    """A database with today's schema and the house's own books, rates and catalogue."""
    from django.db import connections

    from tests.builders.house import furnish

    server = request.config.stash[SERVER]
    databases.create(server, _TEMPLATE)
    furnish()
    connections.close_all()
    return _TEMPLATE


@pytest.fixture(scope="session")
def lasting_database(
    request: pytest.FixtureRequest, template: str
) -> Callable[[], AbstractContextManager[str]]:
    """For servers that several tests share: a fresh database in use by this process, dropped at the end.

    Made while no test runs, not beforehand in a thread: any open transaction of the server, making a database too,
    holds back what readers of an outbox may see.
    """
    server = request.config.stash[SERVER]

    @contextmanager
    def one() -> Iterator[str]:
        from django.db import connections

        from warchest.runtime.afterwards import finish_all

        name = f"warchest_test_{next(_numbers)}"
        databases.clone(server, template, name)
        databases.use(name)
        yield name
        finish_all()
        connections.close_all()
        databases.drop(server, name)

    return one


@pytest.fixture(scope="session")
def sweep(request: pytest.FixtureRequest) -> Sweep:
    option = request.config.getoption
    return sweep_of(seconds=option("--sweep"), seed=option("--sweep-seed"))


@pytest.fixture(scope="session")
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The four processes of a run with --spread-services."""
    return request.config.stash[DEPLOYMENT]


@pytest.fixture
def database(lasting_database: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """A database for this test alone; code runs in it as in production, real commits included."""
    with lasting_database() as name:
        yield name


@pytest.fixture(scope="session")
def server_dsn(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """How the superuser signs in to a database: for tests that look or attack with all rights."""
    server = request.config.stash[SERVER]
    return lambda database: server.superuser_dsn(database=database)


@pytest.fixture
def superuser_dsn(server_dsn: Callable[[str], str], database: str) -> str:
    """For tests that attack their own database with all rights."""
    return server_dsn(database)


@pytest.fixture
def superuser_dsn_of(server_dsn: Callable[[str], str], database: str) -> Callable[[str], str]:
    """The same, of the database that a service has in this run."""
    from warchest.runtime.services import services

    return lambda service: server_dsn(databases.named(database, services.place(service)))
