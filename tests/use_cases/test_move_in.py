"""An operator moves a community in from an older system, by the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.older_system import a_guildhall
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("SMG-16")]

AT = "2026-03-01T01:00:00+01:00"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def move_in(database: str, tmp_path: Path) -> Run:
    """Runs ``warchest move-in …`` on this test's database, as a process of its own."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "warchest.cli.main", "move-in", *arguments],
            env={**os.environ, "WARCHEST_DATABASE_NAME": database},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )

    return run


class TestMovingIn:
    def test_a_dry_run_names_file_line_and_field_and_how_to_mend_it(
        self, move_in: Run, tmp_path: Path
    ) -> None:
        system = a_guildhall().player("emil", sponsor="zoe", country="Germany")
        folder = system.write(tmp_path / "files")

        done = move_in("check", str(folder), "--at", AT)

        assert done.returncode == 1
        assert "players.csv, line 6, country: 7 characters are too many. At most 2 are kept." in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
        assert services.get(Ledger).count_entries() == 0

    def test_the_sums_agree_and_the_books_prove(self, move_in: Run, tmp_path: Path) -> None:
        folder = a_guildhall().write(tmp_path / "files")

        done = move_in("run", str(folder), "--at", AT)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "The books are proved." in done.stdout
        assert "The sums agree, and the take-over is finished." in done.stdout
        proof = json.loads((folder / "proof.json").read_text())
        assert proof["all_agree"] and all(one["older_system"] == one["here"] for one in proof["figures"])
        assert_books_prove()

    def test_it_can_be_repeated(self, move_in: Run, tmp_path: Path) -> None:
        folder = a_guildhall().write(tmp_path / "files")
        move_in("run", str(folder), "--at", AT)
        entries = services.get(Ledger).count_entries()

        again = move_in("run", str(folder), "--at", AT)

        assert again.returncode == 0
        assert "All of it was taken over before. Nothing was changed." in again.stdout
        assert services.get(Ledger).count_entries() == entries

    def test_a_difference_is_told_and_not_taken(self, move_in: Run, tmp_path: Path) -> None:
        move_in("run", str(a_guildhall().write(tmp_path / "files")), "--at", AT)
        changed = a_guildhall()
        changed.wallets[0]["units"] = "100.01"

        done = move_in("run", str(changed.write(tmp_path / "changed")), "--at", AT)

        assert done.returncode == 1
        assert "wallets.csv, line 2: The row differs from what was taken over before." in done.stdout
        assert "Nothing was taken over." in done.stderr
