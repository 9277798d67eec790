"""``warchest migrate`` while everybody works, and several at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core import management
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from warchest.cli import deployment

pytestmark = pytest.mark.usefixtures("database")


def test_who_is_refused_a_lock_comes_again(superuser_dsn, monkeypatch) -> None:
    """Somebody reads a table that a migration changes, for longer than it waits."""
    monkeypatch.setattr(deployment, "_PAUSE_S", 0.01)
    reader = psycopg.connect(superuser_dsn)
    reader.execute("SELECT count(*) FROM cards_batch")
    tries = []

    def alter(name: str, *, database: str, verbosity: int) -> None:
        tries.append(name)
        with connections[database].cursor() as cursor:
            cursor.execute("SET lock_timeout = '50ms'")
            if len(tries) == 3:
                reader.rollback()
            cursor.execute("ALTER TABLE cards_batch ADD COLUMN tried int")

    monkeypatch.setattr(management, "call_command", alter)
    deployment.migrate()
    assert tries == ["migrate"] * 3
    reader.close()


def test_it_gives_up_in_the_end(monkeypatch) -> None:
    monkeypatch.setattr(deployment, "_PAUSE_S", 0.001)

    def refuse(*arguments: object, **options: object) -> None:
        raise OperationalError from LockNotAvailable()

    monkeypatch.setattr(management, "call_command", refuse)
    with pytest.raises(OperationalError):
        deployment.migrate()


def test_one_works_and_the_others_wait(monkeypatch) -> None:
    monkeypatch.setattr(deployment, "_PAUSE_S", 0.01)
    at_work, most = 0, 0
    lock = threading.Lock()

    def work(*arguments: object, **options: object) -> None:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        threading.Event().wait(0.05)
        with lock:
            at_work -= 1

    monkeypatch.setattr(management, "call_command", work)

    def migrate(_: int) -> None:
        try:
            deployment.migrate()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, range(4)))
    assert most == 1
