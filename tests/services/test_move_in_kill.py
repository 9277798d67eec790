"""``kill -9`` in the middle of a take-over, and two of them at once: nothing twice, nothing half."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.builders.books import assert_books_prove
from tests.builders.older_system import CUTOVER, OlderSystem
from warchest.runtime.services import services

PLAYERS = 3000
_PATIENCE_S = 60.0


def a_town() -> OlderSystem:
    system = OlderSystem()
    for number in range(PLAYERS):
        name = f"player{number:04d}"
        system.player(name, sponsor=f"player{number // 3:04d}" if number else "")
        system.lot(f"l{number}", name, "100.00", "1.00 EUR")
        if number % 2:
            system.term(f"s{number}", name, "2026-02-15", "2026-03-15", "2.10 EUR")
    # Whoever is sponsored stands before the sponsor in the file.
    system.players.reverse()
    return system.balance("bank", "100000.00 EUR").balanced()


def start(database: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "warchest.cli.main", "move-in", "run", str(folder)),
            *("--at", CUTOVER.isoformat(), "--proof", str(folder / f"proof-{time.monotonic_ns()}.json")),
        ],
        env={**os.environ, "WARCHEST_DATABASE_NAME": database},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def rows_of(table: str) -> int:
    with services.database(table.partition("_")[0]).cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def wait_until(table: str, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while rows_of(table) < count:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_begun_again_it_takes_what_is_missing_and_nothing_twice(database: str, tmp_path: Path) -> None:
    folder = a_town().write(tmp_path / "files")
    # In the midst of the players, of the lots, and of the terms.
    for table, count in (("members_player", 500), ("charging_lot", 1000), ("subscriptions_grant", 500)):
        process = start(database, folder)
        wait_until(table, count, process)
        process.kill()
        process.communicate()

    assert rows_of("members_player") == rows_of("charging_lot") == PLAYERS
    assert 500 <= rows_of("subscriptions_grant") < PLAYERS // 2, "killed too late to show anything"
    process = start(database, folder)
    said, _ = process.communicate()

    assert process.returncode == 0, said
    assert "The sums agree, and the take-over is finished." in said
    assert rows_of("members_player") == rows_of("members_user") == rows_of("referrals_node") == PLAYERS
    assert rows_of("charging_lot") == PLAYERS and rows_of("subscriptions_grant") == PLAYERS // 2
    assert rows_of("ledger_everyentry") == PLAYERS + PLAYERS // 2 + 2
    assert_books_prove()


def test_two_at_once_take_everything_once(database: str, tmp_path: Path) -> None:
    folder = a_town().write(tmp_path / "files")
    processes = [start(database, folder) for _ in range(2)]
    said = [process.communicate()[0] for process in processes]

    # Whoever comes second to a set finds it taken; whoever looked at the house while it changed may have taken nothing, and
    # comes again.
    assert all(
        process.returncode == 0 or "Nothing was taken over" in text
        for process, text in zip(processes, said, strict=True)
    ), said
    again = start(database, folder)
    last = again.communicate()[0]
    assert again.returncode == 0, last
    assert rows_of("members_player") == rows_of("charging_lot") == PLAYERS
    assert rows_of("ledger_everyentry") == PLAYERS + PLAYERS // 2 + 2
    assert_books_prove()
