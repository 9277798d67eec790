"""``warchest prove`` names what somebody with all rights has done to the books, and says so by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services


def prove(database: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warchest.cli.main", "prove"],
        env={**os.environ, "WARCHEST_DATABASE_NAME": database},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def business(database: str) -> str:
    """A database in which something was bought."""
    player = a_player(with_units="2000")
    prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
    services.get(Ledger).fold()
    return database


def test_proves_clean_books(business: str) -> None:
    done = prove(business)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The books are proved." in done.stdout


@pytest.mark.parametrize(
    ("tampering", "names"),
    [
        ("UPDATE ledger_balance SET posted_minor = posted_minor + 1", "its balance or what is held differs"),
        ("UPDATE charging_lot SET units_left_minor = units_left_minor - 1", "lots hold"),
        ("UPDATE charging_lot SET consideration_left_minor = 0", "wallet funding is"),
        ("UPDATE ledger_posting SET amount_minor = amount_minor + 1 WHERE leg = 1", "its postings differ"),
        ("DELETE FROM ledger_posting WHERE leg = 2", "its postings differ"),
        ("UPDATE ledger_posting SET net_after_minor = net_after_minor + 1", "the balance after it differs"),
        ("UPDATE ledger_account SET debit_minor = debit_minor + 1", "its sums differ"),
        ("UPDATE ledger_daysum SET debit_minor = debit_minor + 1", "the sum of the day differs"),
        ("DELETE FROM ledger_entrykey", "key missing"),
        ("UPDATE subscriptions_deferral SET recognised_minor = recognised_minor + 1", "rules are broken"),
    ],
)
def test_names_what_was_tampered_with(business: str, superuser_dsn: str, tampering: str, names: str) -> None:
    with psycopg.connect(superuser_dsn) as superuser:
        # As somebody would who has all rights and knows what stands in their way.
        superuser.execute("SET session_replication_role = replica")
        superuser.execute(tampering)

    done = prove(business)

    assert done.returncode == 1, done.stdout + done.stderr
    assert names in done.stdout
