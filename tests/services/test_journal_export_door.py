"""``warchest journal export``: the file on the standard output, and a line in the record of operations."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import threading

import psycopg
import pytest
from beancount import loader
from beancount.core import data

from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.audit.contract import Audit, OperationFilter
from warchest.journeys.export_journal import export_journal, settle
from warchest.kernel.errors import TryAgain
from warchest.ledger.contract import Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.services import services


def run(database: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "warchest.cli.main", "journal", "export", *arguments],
        env={**os.environ, "WARCHEST_DATABASE_NAME": database},
        capture_output=True,
    )


def recorded() -> tuple:
    return services.get(Audit).operations(where=OperationFilter(name="journal.export")).items


class TestCommandLine:
    def test_writes_what_beancount_reads_though_no_worker_has_run(self, database: str) -> None:
        a_player(with_units="500")

        done = run(database, "--format", "beancount", "--balances")

        assert done.returncode == 0, done.stderr
        directives, errors, _options = loader.load_string(done.stdout.decode())
        assert not errors
        assert (
            sum(isinstance(one, data.Transaction) for one in directives)
            == services.get(Ledger).count_entries()
        )
        (line,) = recorded()
        assert (line.actor_kind, line.channel, line.details["format"]) == ("operator", "cli", "beancount")

    def test_writes_a_half_open_time_and_what_came_later(self, database: str) -> None:
        a_player(with_units="500")

        on_the_day = run(database, "--format", "csv", "--from", "2026-03-15", "--until", "2026-03-16").stdout
        before = run(database, "--format", "csv", "--until", "2026-03-15T12:00:00").stdout
        after = run(database, "--format", "csv", "--after", "1").stdout

        assert len(list(csv.reader(on_the_day.decode().splitlines()))) == 1 + 4
        assert len(before.splitlines()) == len(after.splitlines()) == 1

    def test_says_what_makes_no_sense(self, database: str) -> None:
        done = run(database, "--format", "csv", "--balances")

        assert done.returncode == 2 and b"Only a beancount file" in done.stderr


@pytest.mark.usefixtures("database")
class TestRight:
    @pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OWNER])
    def test_is_the_accountants(self, role: Role) -> None:
        a_player(with_units="500")

        export = export_journal(acting_as(an_administrator(role)), format="csv", since=NOW).answer

        assert (export.after, export.upto) == (0, 1)
        assert recorded()[0].details["upto"] == 1

    def test_is_nobody_elses_and_the_attempt_is_recorded(self) -> None:
        with pytest.raises(UnableToAdminister):
            export_journal(acting_as(an_administrator(Role.SUPPORT)), format="csv")
        with pytest.raises(UnableToAdminister):
            export_journal(a_command(), format="csv")

        assert {line.outcome for line in recorded()} == {"refused"}


class TestSettling:
    def test_waits_for_what_is_still_being_booked(self, database: str, superuser_dsn: str) -> None:
        a_player(with_units="500")
        with psycopg.connect(superuser_dsn) as other:
            other.execute("CREATE TABLE something (x int)")
            timer = threading.Timer(0.5, other.commit)
            timer.start()
            settle(upto=1)
            timer.join()

        assert len(services.get(Ledger).journal()) == 1

    @pytest.mark.usefixtures("database")
    def test_gives_up_when_that_does_not_end(
        self, superuser_dsn: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("warchest.journeys.export_journal._WAITS_MAX", 2)
        a_player(with_units="500")

        with psycopg.connect(superuser_dsn) as other:
            other.execute("CREATE TABLE something (x int)")
            with pytest.raises(TryAgain):
                settle(upto=1)
