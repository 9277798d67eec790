"""The books survive a dump and its restore into another database: positions, watermark, months, archive and chain."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.builders.books import assert_books_prove
from tests.builders.databases import use
from tests.services.test_ledger import issue, ledger, purse, units
from tests.services.test_ledger_archive import JANUARY, archived, seal_all, two_months
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.runtime.postgres_programs import environment, find_binaries

__all__ = ["ledger", "two_months"]

pytestmark = pytest.mark.usefixtures("database")


def test_the_books_go_on_after_a_restore(
    ledger: Ledger,
    two_months: tuple[EntryDraft, EntryDraft],
    database: str,
    server_dsn: Callable[[str], str],
    tmp_path: Path,
) -> None:
    seal_all()
    archived(JANUARY)
    ledger.post(entry=issue("anna", 5))
    seal_all()
    ledger.post(entry=issue("anna", 6, key="not folded yet"))

    copy = f"{database}_restored"
    with psycopg.connect(server_dsn("postgres"), autocommit=True) as superuser:
        superuser.execute(f"CREATE DATABASE {copy} OWNER warchest_owner")
    dump = tmp_path / "books.dump"
    for command in (
        ["pg_dump", "--format=custom", f"--file={dump}", server_dsn(database)],
        ["pg_restore", "--exit-on-error", f"--dbname={server_dsn(copy)}", str(dump)],
    ):
        program = find_binaries() / command[0]
        subprocess.run([program, *command[1:]], check=True, env=environment())

    use(copy)
    assert ledger.balance(account=purse("anna")).posted == units(711)
    assert ledger.post(entry=issue("anna", 6, key="not folded yet")).replayed
    ledger.post(entry=issue("anna", 7))
    seal_all()
    assert ledger.folding().behind == 0
    assert len(ledger.statement(account=purse("anna"))) == 5
    assert_books_prove()
