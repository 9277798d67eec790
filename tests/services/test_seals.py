"""The chain over the journal: sealed behind the sale by whoever comes, signed outside, and never mended by itself."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.db import DatabaseError, connection, connections, transaction
from structlog.testing import capture_logs

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.builders.tampering import with_all_rights
from tests.services.test_ledger import issue, ledger
from tests.services.test_ledger_interleavings import posted_but_not_committed
from warchest.jobs import books
from warchest.ledger import heads, seal_checks, seals
from warchest.ledger.contract import Ledger, UnableToSignHead
from warchest.runtime import configuration
from warchest.runtime.configuration import Configuration, Heads

__all__ = ["ledger"]

pytestmark = pytest.mark.usefixtures("database")

OWNERS = ("anna", "ben", "cleo")

SEAL_FOR_EVER = """
import django; django.setup()
from warchest.jobs import books
while True:
    books.fold_journal(); books.seal_journal()
"""


def settle(ledger: Ledger) -> None:
    for _ in range(3):
        ledger.fold()


def seal_all(ledger: Ledger, *, entries_max: int = 1000) -> int:
    settle(ledger)
    sealed = 0
    while step := ledger.seal(entries_max=entries_max):
        sealed += step
    return sealed


def sealed_ids() -> list[str]:
    """All ids in the chain, in its order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id::text FROM ledger_seal AS s, unnest(s.ids) WITH ORDINALITY AS i(id, n) ORDER BY number, n"
        )
        return [identity for (identity,) in cursor.fetchall()]


def journal_ids() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM ledger_journalentry ORDER BY position")
        return [identity for (identity,) in cursor.fetchall()]


class _Compact(list[int]):
    """The server writes arrays of its own without spaces."""


def _text(value: object) -> str:
    if isinstance(value, _Compact):
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _plain(value: object) -> object:
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.fixture
def entries(ledger: Ledger) -> list[str]:
    """Seven entries."""
    ledger.post_set(entries=[issue(OWNERS[n % 3], 1 + n) for n in range(7)])
    return journal_ids()


class TestSealing:
    def test_takes_all_that_is_settled_in_the_order_of_the_books(
        self, ledger: Ledger, entries: list[str]
    ) -> None:
        assert seal_all(ledger, entries_max=3) == 7

        assert sealed_ids() == entries
        sealing = ledger.sealing()
        assert (sealing.number, sealing.entries, sealing.behind) == (3, 7, 0)
        assert ledger.seal() == 0
        assert_books_prove()

    def test_waits_for_what_may_still_come_before(self, ledger: Ledger, entries: list[str]) -> None:
        seal_all(ledger)
        with posted_but_not_committed(issue("anna", 10)):
            late = issue("ben", 20)
            ledger.post(entry=late)
            assert seal_all(ledger) == 0

        assert seal_all(ledger) == 2
        assert sealed_ids() == journal_ids()
        assert sealed_ids()[-1] == str(late.id)

    def test_steps_over_positions_that_were_drawn_in_vain(self, ledger: Ledger, entries: list[str]) -> None:
        with posted_but_not_committed(issue("anna", 10), roll_back=True):
            ledger.post(entry=issue("ben", 20))

        assert seal_all(ledger, entries_max=2) == 8
        assert_books_prove()

    def test_seals_each_entry_once_however_many_are_at_it(self, ledger: Ledger) -> None:
        def post(owner: str) -> None:
            for n in range(40):
                if n % 7:
                    ledger.post(entry=issue(owner, n))
                else:
                    with transaction.atomic():
                        ledger.post_set(entries=[issue(owner, n + 1), issue(owner, n + 2)])
                        transaction.set_rollback(n % 2 == 1)
            connections.close_all()

        def seal() -> int:
            sealed, until = 0, time.monotonic() + 60
            while not posted.is_set() and time.monotonic() < until:
                ledger.fold()
                sealed += ledger.seal(entries_max=5)
                ledger.sign_head(at=NOW)
            connections.close_all()
            return sealed

        posted = Event()
        with ThreadPoolExecutor(6) as threads:
            sealing = [threads.submit(seal) for _ in range(3)]
            for done in [threads.submit(post, owner) for owner in OWNERS]:
                done.result()
            posted.set()
            before = sum(done.result() for done in sealing)

        assert before + seal_all(ledger) == ledger.count_entries()
        assert sealed_ids() == journal_ids()
        assert ledger.sign_head(at=NOW) is None or ledger.sign_head(at=NOW) is None
        assert_books_prove()

    def test_leaves_nothing_half_done_where_it_is_killed(self, ledger: Ledger, database: str) -> None:
        environment = {**os.environ, "WARCHEST_DATABASE_NAME": database}
        for pause_s in (0.05, 0.0, 0.12):
            worker = subprocess.Popen([sys.executable, "-c", SEAL_FOR_EVER], env=environment)
            until, before = time.monotonic() + 60, ledger.sealing().number
            while ledger.sealing().number < before + 2 and time.monotonic() < until:
                ledger.post(entry=issue("anna", 1))
            time.sleep(pause_s)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            assert ledger.sealing().number >= before + 2

        ledger.post(entry=issue("ben", 1))
        settle(ledger)
        books.seal_journal()
        assert sealed_ids() == journal_ids()
        assert ledger.sealing().signed == ledger.sealing().number
        assert_books_prove()

    def test_gives_the_same_digests_whatever_the_session_is_set_to(
        self, ledger: Ledger, entries: list[str]
    ) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SET TimeZone = 'Pacific/Chatham'; SET DateStyle = 'German'; SET bytea_output = 'escape'"
            )
            cursor.execute(
                "SET IntervalStyle = 'iso_8601'; SET extra_float_digits = -3; SET xmlbinary = 'hex'"
            )
        seal_all(ledger, entries_max=3)
        connections.close_all()

        assert not list(seal_checks.chain())
        assert_books_prove()

    def test_can_be_computed_by_anyone(self, ledger: Ledger, entries: list[str]) -> None:
        odd = 'Zoë\t"\\ </script> \x7f \U0001f3ae'
        draft = dataclasses.replace(
            issue("anna", 5), reference=odd, details={"note": odd, "n": 10**15, "": ""}
        )
        ledger.post(entry=draft)
        seal_all(ledger)

        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT json_build_object('position', position, 'key', key, 'kind', kind, 'reference', reference,
                                         'details', details::text, 'sides', sides, 'currencies', currencies,
                                         'amounts', amounts, 'accounts', accounts), occurred_at, recorded_at
                  FROM ledger_journalentry WHERE id = %s""",
                [draft.id],
            )
            columns, occurred_at, recorded_at = cursor.fetchone()
            cursor.execute(
                "SELECT substr(digests, 32 * 7 + 1), previous, ids::text, sealed_at, digests, hash FROM ledger_seal"
            )
            digest, previous, ids, sealed_at, digests, block = map(_plain, cursor.fetchone())
            cursor.execute("SELECT id, book_id, owner, currency FROM ledger_account")
            accounts = {account[0]: list(account) for account in cursor.fetchall()}

        written = [
            columns["position"], _microseconds(occurred_at), _microseconds(recorded_at), str(draft.id), None, "main",
            columns["kind"], columns["key"], odd, columns["details"], columns["sides"], columns["currencies"],
            _Compact(columns["amounts"]), [accounts[number] for number in columns["accounts"]],
        ]  # fmt: skip
        assert digest == hashlib.sha256(_text(written).encode()).digest()
        numbers = struct.pack(">5q", 1, 1, columns["position"], 8, _microseconds(sealed_at))
        assert previous == bytes(32)
        assert block == hashlib.sha256(previous + numbers + ids.encode() + digests).digest()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_seal SET entries = 0",
            "DELETE FROM ledger_seal",
            "TRUNCATE ledger_seal",
            "INSERT INTO ledger_seal SELECT * FROM ledger_seal",
            "UPDATE ledger_sealhead SET line = ''",
            "DELETE FROM ledger_sealhead",
            "TRUNCATE ledger_sealhead",
        ],
    )
    def test_can_be_undone_by_nobody_who_works_here(self, entries: list[str], statement: str) -> None:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.parametrize("table", ["ledger_seal", "ledger_sealhead"])
    @pytest.mark.parametrize("statement", ["UPDATE {} SET number = 9", "DELETE FROM {}", "TRUNCATE {}"])
    def test_is_refused_to_the_owner_too(
        self, ledger: Ledger, entries: list[str], table: str, statement: str
    ) -> None:
        seal_all(ledger)
        ledger.sign_head(at=NOW)
        with pytest.raises(DatabaseError, match="append-only"), connections["owner"].cursor() as cursor:
            cursor.execute(statement.format(table))


@pytest.fixture
def signed(ledger: Ledger, entries: list[str]) -> Path:
    """The file of this host, with three heads of seven entries."""
    settle(ledger)
    for _ in range(3):
        ledger.seal(entries_max=3)
        assert ledger.sign_head(at=NOW)
    return heads.own_file()


class TestSigning:
    def test_writes_one_line_a_head_and_tells_the_log(self, ledger: Ledger, signed: Path) -> None:
        read = [heads.read(line) for _, line, _ in heads.lines(signed)]
        assert [(head.number, head.before, head.entries) for head in read] == [
            (1, 0, 3),
            (2, 1, 6),
            (3, 2, 7),
        ]
        assert ledger.sign_head(at=NOW) is None

        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)
        with capture_logs() as logged:
            line = ledger.sign_head(at=NOW)
        assert signed.read_text().splitlines()[-1] == line
        assert [entry["head"] for entry in logged if entry["event"] == "journal_sealed"] == [line]

    def test_can_be_checked_by_anyone(self, signed: Path) -> None:
        for line in signed.read_text().splitlines():
            (file,) = signed.parent.glob("*.pem")
            key = load_pem_public_key(file.read_bytes())
            assert isinstance(key, Ed25519PublicKey)
            head, signature = re.fullmatch(r'(.*),"signature":"([0-9a-f]{128})"}', line).groups()
            key.verify(bytes.fromhex(signature), f"warchest ledger head 1\n{head}}}".encode())

    def test_makes_up_for_a_head_that_a_crash_kept_from_the_file(self, ledger: Ledger, signed: Path) -> None:
        for _ in range(2):
            ledger.post(entry=issue("anna", 1))
            seal_all(ledger)

        line = ledger.sign_head(at=NOW)

        assert line is not None
        assert (heads.read(line.encode()).number, heads.read(line.encode()).before) == (5, 3)
        assert_books_prove()

    def test_goes_on_where_it_was_killed_between_file_and_database(
        self, ledger: Ledger, signed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(seals, "_keep", killed)
            ledger.sign_head(at=NOW)

        assert ledger.sign_head(at=NOW) is None
        assert ledger.sealing().signed == 4
        assert_books_prove()

    def test_goes_on_behind_half_a_line(self, ledger: Ledger, signed: Path) -> None:
        whole = signed.read_bytes()
        signed.write_bytes(whole + whole.splitlines()[-1][:70])
        assert_books_prove()

        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)
        assert ledger.sign_head(at=NOW)

        assert signed.read_bytes().startswith(whole)
        assert_books_prove()

    def test_leaves_it_to_the_process_that_has_the_file(self, ledger: Ledger, signed: Path) -> None:
        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)
        with signed.open("ab") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert ledger.sign_head(at=NOW) is None
        assert ledger.sign_head(at=NOW)

    def test_gives_each_host_a_file_of_its_own(
        self, ledger: Ledger, signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        there = Configuration(heads=Heads(folder=str(tmp_path), name="second"))
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr(heads, "configuration", lambda: there)
            line = ledger.sign_head(at=NOW)
            assert heads.own_file() == tmp_path / "main" / signed.parent.name / "second.jsonl"
            assert heads.own_file().read_text() == f"{line}\n"
            assert_books_prove()
        # The first host has not the second's file, but what was signed there lies in the database as well.
        assert_books_prove()

    def test_takes_the_folder_from_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WARCHEST_HEADS_FOLDER", "/mnt/elsewhere")
        assert configuration.read(tmp_path / "none.toml").heads.folder == "/mnt/elsewhere"

    def test_trusts_a_key_that_signed_before(
        self, ledger: Ledger, signed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        former = heads._signing_key()
        new = Ed25519PrivateKey.generate()
        trusted = (former.public_key().public_bytes_raw().hex(),)
        monkeypatch.setattr(heads, "_signing_key", lambda: new)
        monkeypatch.setattr(heads, "_trusted", heads._trusted.__wrapped__)
        with pytest.raises(UnableToSignHead, match="heads_file_damaged"):
            ledger.sign_head(at=NOW)
        monkeypatch.setattr(heads, "configuration", lambda: Configuration(heads=Heads(trusted=trusted)))
        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)

        assert ledger.sign_head(at=NOW)
        assert_books_prove()


class TestAlarm:
    """What does not agree is told, and left as it is."""

    def refused(self, ledger: Ledger, reason: str) -> None:
        file = heads.own_file()
        was = file.read_bytes() if file.exists() else None
        with pytest.raises(UnableToSignHead, match=reason):
            ledger.sign_head(at=NOW)
        assert (file.read_bytes() if file.exists() else None) == was

    def test_when_the_file_is_gone(self, ledger: Ledger, signed: Path) -> None:
        signed.unlink()
        self.refused(ledger, "heads_file_missing")

    def test_until_a_file_that_is_lost_for_good_has_a_successor(
        self, ledger: Ledger, signed: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        signed.unlink()
        monkeypatch.setattr(heads, "configuration", lambda: Configuration(heads=Heads(name="second")))

        assert ledger.sign_head(at=NOW)
        assert_books_prove()

    @pytest.mark.parametrize("left", [0, 1, 2])
    def test_when_the_file_has_lost_its_end(self, ledger: Ledger, signed: Path, left: int) -> None:
        signed.write_bytes(b"".join(signed.read_bytes().splitlines(keepends=True)[:left]))
        self.refused(ledger, "heads_file_damaged")

    def test_when_the_last_line_was_changed(self, ledger: Ledger, signed: Path) -> None:
        signed.write_text(signed.read_text().replace('"number":3', '"number":4'))
        self.refused(ledger, "heads_file_damaged")

    def test_when_the_last_block_is_gone(self, ledger: Ledger, signed: Path, superuser_dsn: str) -> None:
        with_all_rights(superuser_dsn, "DELETE FROM ledger_seal WHERE number = 3")
        self.refused(ledger, "sealed_block_missing")

    def test_when_the_last_block_is_another(self, ledger: Ledger, signed: Path, superuser_dsn: str) -> None:
        with_all_rights(superuser_dsn, "UPDATE ledger_seal SET hash = sha256('x') WHERE number = 3")
        self.refused(ledger, "head_differs")

    def test_when_the_chain_does_not_lead_there(
        self, ledger: Ledger, signed: Path, superuser_dsn: str
    ) -> None:
        ledger.post(entry=issue("anna", 1))
        seal_all(ledger)
        with_all_rights(superuser_dsn, "UPDATE ledger_seal SET previous = sha256('x') WHERE number = 4")
        self.refused(ledger, "chain_broken")
