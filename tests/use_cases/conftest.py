"""One back office for all tests that enter it: its server takes seconds to start and to end.

Each of them brings people, batches and keys of its own, and looks for those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.builders.databases import use
from warchest_sandbox.testing import RunningSandbox

if TYPE_CHECKING:
    from tests.builders.backoffice import BackOffice


@dataclass
class _Running:
    office: BackOffice
    sandbox: RunningSandbox


@pytest.fixture(scope="session")
def _running(
    lasting_database: Callable[[], AbstractContextManager[str]],
    server_dsn: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[_Running]:
    from tests.builders.backoffice import back_office

    folder = tmp_path_factory.mktemp("backoffice")
    with lasting_database() as database, RunningSandbox(folder / "sandbox") as sandbox:
        with psycopg.connect(server_dsn(database), autocommit=True) as superuser:
            # Before anybody connects, so that PostgreSQL's own log counts every statement.
            for role in ("warchest_reader", "warchest_journey"):
                superuser.execute(f"ALTER ROLE {role} IN DATABASE {database} SET log_statement = 'all'")
        account = {"iban": "DE89370400440532013000", "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
        providers = {"sandbox": sandbox.settings, "banktransfer": account}
        store = '[stores.softkey]\nsecret = "a secret that the store knows too"\n'
        store += '[cards.schemes.guildhall]\nalgorithm = "sha1"\nform = "digits"\n'
        with back_office(database=database, folder=folder, providers=providers, more=store) as office:
            yield _Running(office, sandbox)


@pytest.fixture
def office(_running: _Running) -> Iterator[BackOffice]:
    from django.db import connections

    use(_running.office.database)
    yield _running.office
    _running.office.send_everybody_home()
    connections.close_all()


@pytest.fixture
def sandbox(_running: _Running, office: BackOffice) -> Iterator[RunningSandbox]:
    """The provider that the back office asks."""
    yield _running.sandbox
    _running.sandbox.reset()


@pytest.fixture
def statements(_running: _Running) -> Callable[[], int]:
    """How many statements PostgreSQL itself has logged so far for the back office's database."""
    return _running.office.count_statements
