"""``warchest prove`` names what somebody with all rights has done to the books, and says so by its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from click.testing import CliRunner
from django.db import connections

from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from tests.builders.tampering import COMPUTE_THE_CHAIN_ANEW, with_all_rights
from tests.use_cases.test_payments_state import parrot as parrot
from warchest.cli.prove import command
from warchest.jobs import books
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.ledger import heads
from warchest.ledger.contract import Ledger
from warchest.runtime.services import services

Tamper = Callable[..., None]


def prove_here() -> subprocess.CompletedProcess[str]:
    """The same command without a process of its own: that takes seconds to start, and there are many ways to tamper."""
    done = CliRunner().invoke(command)
    return subprocess.CompletedProcess(["prove"], done.exit_code, done.stdout, done.stderr)


def prove(database: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "warchest.cli.main", "prove"],
        env={**os.environ, "WARCHEST_DATABASE_NAME": database, **environment},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def business(database: str) -> str:
    """A database in which something was bought; all of it is folded, and sealed in blocks of two entries with a head each."""
    ledger = services.get(Ledger)
    for _ in range(3):
        player = a_player(with_units="2000")
        prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        for _ in range(3):
            ledger.fold()
        while ledger.seal(entries_max=2):
            assert ledger.sign_head(at=NOW)
    assert ledger.sealing().number >= 3
    assert ledger.sealing().behind == 0
    return database


@pytest.fixture
def tamper(superuser_dsn: str) -> Tamper:
    def act(*statements: str) -> None:
        with_all_rights(superuser_dsn, *statements)

    return act


def found(superuser_dsn: str, query: str) -> tuple[str, ...]:
    with psycopg.connect(superuser_dsn) as superuser:
        row = superuser.execute(query).fetchone()
        assert row is not None
        return tuple(map(str, row))


def assert_broken(done: subprocess.CompletedProcess[str], *names: str) -> None:
    assert done.returncode == 1, done.stdout + done.stderr
    for name in names:
        assert name in done.stdout


def test_proves_clean_books(business: str) -> None:
    done = prove(business)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The books are proved." in done.stdout
    sealing = services.get(Ledger).sealing()
    assert (
        f"sealed    {sealing.entries}, up to position {sealing.position} in block {sealing.number}"
        in done.stdout
    )
    assert f"signed    up to block {sealing.number}" in done.stdout
    assert "unsealed  0" in done.stdout


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
        ("DELETE FROM ledger_postedkey", "key missing"),
        (
            "UPDATE subscriptions_deferral SET recognised_minor = recognised_minor + 1",
            "are recognised, the runs",
        ),
    ],
)
def test_names_what_was_tampered_with(business: str, tamper: Tamper, tampering: str, names: str) -> None:
    tamper(tampering)

    assert_broken(prove_here(), names)


def test_ends_as_a_process_with_what_it_found(business: str, tamper: Tamper) -> None:
    tamper("UPDATE ledger_balance SET posted_minor = posted_minor + 1")

    assert_broken(prove(business), "its balance or what is held differs", "Broken: ")


_SECOND = "SELECT id, position FROM ledger_journalentry ORDER BY position OFFSET 1 LIMIT 1"
_OF_SECOND = "WHERE position = (SELECT position FROM ledger_journalentry ORDER BY position OFFSET 1 LIMIT 1)"


@pytest.mark.use_case("ACC-03")
class TestControlAccounts:
    """What the books say of wallets, cards and subscriptions is what these say of themselves, to the last unit."""

    @pytest.mark.parametrize(
        ("tampering", "names"),
        [
            ("UPDATE charging_lot SET units_left_minor = units_left_minor - 1", "minor units, the ledger"),
            (
                "UPDATE charging_lot SET consideration_left_minor = consideration_left_minor - 1",
                "wallet funding is",
            ),
            (
                "UPDATE subscriptions_deferral SET recognised_minor = recognised_minor + 1",
                "the book deferred_revenue",
            ),
            (
                "UPDATE cards_batch SET face_minor = face_minor - 1",
                "minor are not activated, the books say",
            ),
        ],
    )
    def test_that_differ_are_named(self, business: str, tamper: Tamper, tampering: str, names: str) -> None:
        a_batch(quantity=2)
        books.fold_journal()
        assert prove_here().returncode == 0
        tamper(tampering)

        assert_broken(prove_here(), names)

    def test_that_an_entry_has_changed_are_told_with_the_first_such_entry(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        # Balanced, and past the tables that follow from it: only the seal knows.
        tamper(
            f"UPDATE ledger_journalentry SET amounts = (SELECT array_agg(2 * amount ORDER BY leg)"
            f" FROM unnest(amounts) WITH ORDINALITY AS l(amount, leg)) WHERE position >= {position}"
        )

        done = prove_here()

        assert_broken(done, f"entry {entry}: its postings differ", "the ledger")
        rule = done.stdout[done.stdout.index("broken  Every sealed entry") :].splitlines()
        assert rule[1].strip().startswith(f"entry {entry} at position {position}, ")


class TestTheJournal:
    def test_with_a_byte_flipped_in_a_sealed_row(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        tamper(f"UPDATE ledger_journalentry SET details = '{{}}' {_OF_SECOND}")

        assert_broken(
            prove(business), f"entry {entry} at position {position}, or an account that it names, is not what"
        )

    def test_with_an_amount_changed_past_its_constraint(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(superuser_dsn, _SECOND)
        tamper(
            "ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_balanced",
            f"UPDATE ledger_journalentry SET amounts[1] = amounts[1] + 1 {_OF_SECOND}",
        )

        assert_broken(
            prove_here(), f"entry {entry} does not balance", f"entry {entry} at position {position}"
        )

    def test_with_an_amount_changed_behind_a_constraint_that_says_it_holds(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, _ = found(superuser_dsn, _SECOND)
        tamper(
            "CREATE TEMPORARY TABLE kept AS SELECT pg_get_constraintdef(oid) AS rule FROM pg_constraint"
            " WHERE conname = 'entry_balanced' AND conrelid = 'ledger_journalentry'::regclass",
            "ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_balanced",
            f"UPDATE ledger_journalentry SET amounts[1] = amounts[1] + 1 {_OF_SECOND}",
            "DO $$ BEGIN EXECUTE 'ALTER TABLE ledger_journalentry ADD CONSTRAINT entry_balanced '"
            " || (SELECT rule FROM kept) || ' NOT VALID'; END $$",
            "UPDATE pg_constraint SET convalidated = true WHERE conname = 'entry_balanced'",
        )

        assert_broken(prove_here(), f"entry {entry} does not balance")

    def test_with_a_sealed_row_dropped(self, business: str, tamper: Tamper, superuser_dsn: str) -> None:
        entry, _ = found(superuser_dsn, _SECOND)
        tamper(f"DELETE FROM ledger_journalentry {_OF_SECOND}")

        assert_broken(prove(business), f"entry {entry}, sealed in block 1 (positions 1 to", "is missing")

    def test_with_a_row_put_among_the_sealed(self, business: str, tamper: Tamper, superuser_dsn: str) -> None:
        # Its id is of another month, where the position is still free.
        entry = "01000000-0000-7000-8000-000000000000"
        _, position = found(superuser_dsn, _SECOND)
        tamper(
            "INSERT INTO ledger_journalentry (position, occurred_at, recorded_at, id, cluster, kind, key, reference,"
            " sides, currencies, accounts, amounts) SELECT position, occurred_at, recorded_at,"
            f" '{entry}', cluster, kind, 'smuggled', reference, sides, currencies, accounts, amounts"
            f" FROM ledger_journalentry {_OF_SECOND}"
        )

        assert_broken(prove_here(), f"entry {entry} at position {position} was put into block 1")

    def test_with_an_account_given_to_another(
        self, business: str, tamper: Tamper, superuser_dsn: str
    ) -> None:
        entry, position = found(
            superuser_dsn,
            "SELECT e.id, e.position FROM ledger_journalentry AS e JOIN ledger_account AS a ON a.id = ANY (e.accounts)"
            " WHERE a.book_id = 'wallet_units' ORDER BY e.position LIMIT 1",
        )
        tamper("UPDATE ledger_account SET owner = owner || 'x' WHERE book_id = 'wallet_units'")

        assert_broken(
            prove_here(), f"entry {entry} at position {position}, or an account that it names, is not what"
        )


@pytest.mark.use_case("ACC-03")
class TestTheChain:
    def test_with_a_block_changed(self, business: str, tamper: Tamper) -> None:
        tamper(
            "UPDATE ledger_seal SET digests = set_byte(digests, 3, get_byte(digests, 3) # 1) WHERE number = 2"
        )

        assert_broken(prove_here(), "block 2 (positions 3 to 4): its hash is not that of its contents")

    def test_with_a_block_taken_out(self, business: str, tamper: Tamper) -> None:
        tamper("DELETE FROM ledger_seal WHERE number = 2")

        assert_broken(
            prove_here(), "block 2 is missing before block 3", "block 2 (positions up to 4) is not in the"
        )

    def test_computed_anew_over_a_changed_entry(self, business: str, tamper: Tamper) -> None:
        tamper(
            "UPDATE ledger_journalentry SET details = '{}' WHERE position = 3",
            COMPUTE_THE_CHAIN_ANEW,
            "TRUNCATE ledger_sealhead",
        )

        done = prove(business)

        # All is consistent, but it is not what was signed.
        assert "holds   Every sealed entry" in done.stdout
        assert "holds   The sealed blocks form one chain" in done.stdout
        assert_broken(
            done,
            f"block 2 is not the one whose head was signed at 2026-03-15 12:00:00 UTC ({heads.own_file()}, line 2):"
            " the chain was computed anew; something changed in positions 3 to 4",
        )

    def test_computed_anew_with_its_end_cut_off(self, business: str, tamper: Tamper) -> None:
        number = services.get(Ledger).sealing().number
        tamper(
            f"DELETE FROM ledger_seal WHERE number = {number}",
            f"DELETE FROM ledger_sealhead WHERE number = {number}",
        )

        assert_broken(
            prove_here(),
            f"block {number} (positions up to",
            "is not in the database, though its head was signed",
        )

    @pytest.mark.parametrize("tables", ["ledger_seal", "ledger_seal, ledger_sealhead"])
    def test_with_all_of_it_gone(self, business: str, tamper: Tamper, tables: str) -> None:
        tamper(f"TRUNCATE {tables}")

        assert_broken(prove_here(), "block 1 (positions up to 2) is not in the database")

    def test_that_no_signed_head_bears_witness_to(self, business: str, tamper: Tamper) -> None:
        tamper("TRUNCATE ledger_sealhead", "UPDATE ledger_seal SET sealed_at = sealed_at - interval '1 hour'")
        heads.own_file().unlink()

        assert_broken(prove_here(), "block 1 and those behind it: no signed head is known")


class TestTheHeads:
    def test_with_a_line_changed(self, business: str) -> None:
        file = heads.own_file()
        file.write_text(file.read_text().replace('"number":2', '"number":9', 1))

        assert_broken(
            prove(business),
            f"{file}, line 2: not a head that was signed here: its signature is of something else",
        )

    def test_with_a_line_taken_out(self, business: str) -> None:
        file = heads.own_file()
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:1] + lines[2:]))

        assert_broken(prove_here(), f"{file}, line 2: the head of block 2 should stand before it")

    @pytest.mark.parametrize("left", [0, 2])
    def test_with_the_end_cut_off(self, business: str, left: int) -> None:
        file = heads.own_file()
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:left]))

        assert_broken(
            prove_here(),
            f"{file} ends at block {left}, though the head of block {len(lines)} was written to it",
        )

    def test_with_noise_in_their_place(self, business: str) -> None:
        file = heads.own_file()
        file.write_bytes(bytes(range(256)) * 8)

        assert_broken(prove_here(), f"{file}, line 1: not a head that was signed here")

    def test_with_the_file_gone(self, business: str) -> None:
        file = heads.own_file()
        file.unlink()

        assert_broken(prove_here(), f"{file} is missing, though the head of block")

    def test_changed_in_the_database_and_looked_for_where_no_file_is(
        self, business: str, tamper: Tamper, tmp_path: Path
    ) -> None:
        tamper(
            "UPDATE ledger_sealhead SET line = replace(line, '\"entries\":2', '\"entries\":1') WHERE number = 1"
        )

        done = prove(business, WARCHEST_HEADS_FOLDER=str(tmp_path))

        assert_broken(
            done, f"ledger_sealhead, {heads.own_file().name}, line 1: not a head that was signed here"
        )


def test_proves_books_that_are_being_written(business: str) -> None:
    stop, failed = Event(), []

    def repeat(call: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                call()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    def buy() -> None:
        prolong_subscription(a_command(), player=a_player(with_units="2000").id, plan=ARENA_MONTH, periods=1)

    threads = [
        Thread(target=repeat, args=(call,)) for call in (buy, buy, books.fold_journal, books.seal_journal)
    ]
    for thread in threads:
        thread.start()
    try:
        before = services.get(Ledger).sealing().number
        proofs = [prove(business) for _ in range(3)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert not failed
    assert services.get(Ledger).sealing().number > before + 3
    for done in proofs:
        assert done.returncode == 0, done.stdout + done.stderr
