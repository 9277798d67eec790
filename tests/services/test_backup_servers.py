"""Several databases, several servers, a server of the operator's: what is restored is of one mind."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from tests.builders.second_house import House, a_house
from warchest.runtime.postgres import EmbeddedPostgres

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

TWO_DATABASES = '[databases.shop]\n[services]\nsubscriptions = "shop"\n'

DIE_AT = """
from warchest.runtime import two_phase

def step(name):
    if name == STEP:
        os._exit(0)

buyer = a_buyer()
two_phase.step = step
purchase(STEP, buyer)
"""


@pytest.mark.use_case("SMG-03")
def test_promises_end_as_was_decided() -> None:
    """Of two purchases whose processes died, one was decided; both had promised to keep the subscription's part."""
    with a_house(toml=TWO_DATABASES) as house:
        house.found_with_books()
        for step in ("promised:shop", "decided"):
            house.work(f"STEP = {step!r}\n{DIE_AT}")
        house.backup()

        copy, said = house.restored()

        assert said.count(": committed") == 1
        assert said.count(": rolled back") == 1
        assert copy.bought() == {"decided"}
        assert copy.rows("SELECT count(*) FROM subscriptions_grant", database="warchest_shop") == [(1,)]
        assert copy.rows("SELECT gid FROM pg_prepared_xacts") == []


TELL_STEPS = """
import time
from warchest.runtime import two_phase

def step(name):
    time.sleep(0.05)
    print(name, datetime.now(UTC).isoformat())
    time.sleep(0.05)

buyer = a_buyer()
two_phase.step = step
purchase("it", buyer)
"""


def test_a_promise_has_the_fate_that_it_had_at_the_moment() -> None:
    with a_house(toml=TWO_DATABASES) as house:
        house.found_with_books()
        house.backup()
        steps = dict(line.split() for line in house.work(TELL_STEPS).splitlines())
        house.done("backup", "--wal")
        for step, said_of_it, bought in (
            ("promised:shop", ": rolled back", set()),
            ("decided", ": committed", {"it"}),
            ("kept", "", {"it"}),
        ):
            copy, said = house.restored("--to", steps[step])
            assert ("warchest/main/" in said) == bool(said_of_it)
            assert said_of_it in said
            assert copy.bought() == bought
            grants = copy.rows("SELECT count(*) FROM subscriptions_grant", database="warchest_shop")
            assert grants == [(len(bought),)]


SPREAD = """
[databases.shop]
own_server = true
[services]
subscriptions = "shop"
"""


class TestSeveralServers:
    """Each purchase writes to both; so each is in both or in none, wherever the barrier lies."""

    @pytest.fixture
    def house(self) -> Iterator[House]:
        with a_house(toml=SPREAD) as made:
            yield made.found_with_books()

    @pytest.mark.use_case("SMG-13")
    def test_both_are_restored_to_one_barrier(self, house: House) -> None:
        with house.buying("early"):
            house.backup()
        with house.buying("late") as late:
            said = house.work(
                """
                import time
                from warchest.runtime.backup import barriers
                time.sleep(0.3)
                print(datetime.now(UTC).isoformat())
                barriers.make_one()
                print(datetime.now(UTC).isoformat())
                time.sleep(0.3)
                """
            )
        house.done("backup", "--wal")
        begun, moment = (datetime.fromisoformat(line) for line in said.split())
        before = {one.key for one in late if one.answered_at < begun}
        after = {one.key for one in late if one.asked_at > moment}
        assert before and after

        copy, said = house.restored("--to", moment.isoformat())

        assert "stand at the barrier warchest-" in said
        kept = copy.bought()
        served = copy.rows(
            "SELECT count(*) FROM subscriptions_grant", server="servers/shop", database="warchest_shop"
        )
        assert served == [(len(kept),)]
        assert before <= kept
        assert not kept & after
        assert copy.rows("SELECT 1 FROM pg_prepared_xacts", server="servers/shop") == []

    def test_a_moment_before_the_first_barrier_is_refused(self, house: House) -> None:
        house.backup()
        (line,) = (house.backups / "barriers.jsonl").read_text().splitlines()
        (house.backups / "barriers.jsonl").write_text("")
        assert "of one mind" in house.refused(
            "restore", "--from", str(house.backups), "--into", str(house.beside().home)
        )
        # What a crash left of a line is passed over.
        (house.backups / "barriers.jsonl").write_text(f"{line}\n{line[:20]}")
        house.restored()

    def test_without_kept_wal_their_bases_are_no_backup(self, house: House) -> None:
        text = (house.home / "warchest.toml").read_text()
        (house.home / "warchest.toml").write_text(text.split("[backup]")[0])
        said = house.refused("backup", "--into", str(house.backups))
        assert "of one mind" in said
        assert "There is no backup" in house.done("backup", "--list", "--into", str(house.backups))


class TestServerOfTheOperators:
    @pytest.fixture
    def server(self) -> Iterator[EmbeddedPostgres]:
        with tempfile.TemporaryDirectory(prefix="warchest-operator-") as folder:
            Path(folder).chmod(0o755)
            with EmbeddedPostgres(Path(folder), durable=False, database="other") as running:
                with psycopg.connect(running.superuser_dsn(), autocommit=True) as connection:
                    for role in ("owner", "journey", "reader"):
                        connection.execute(f"ALTER ROLE warchest_{role} PASSWORD 'another'")
                    connection.execute("CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'of%the house'")
                yield running

    @pytest.fixture
    def house(self, server: EmbeddedPostgres) -> Iterator[House]:
        port = server.status().port
        with a_house(
            toml=f'[database]\nurl = "postgresql://boss:of%25the%20house@127.0.0.1:{port}/postgres"\n'
        ) as made:
            yield made.found_with_books()

    @pytest.mark.use_case("SMG-13")
    def test_its_backup_is_proved_in_an_embedded_one(self, house: House) -> None:
        house.work("purchase('one', a_buyer())\nseal()")
        house.backup()

        copy, _ = house.restored()

        assert copy.bought() == {"one"}
        said = copy.refused("restore", "--put-into-service")
        assert "a server of your own" in said

    def test_a_role_that_may_not_replicate_is_told_so(self, house: House, server: EmbeddedPostgres) -> None:
        with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
            connection.execute("ALTER ROLE boss NOSUPERUSER CREATEDB CREATEROLE NOREPLICATION")
            connection.execute(
                "GRANT warchest_owner, warchest_journey, warchest_reader TO boss WITH ADMIN OPTION"
            )
        assert "may not replicate" in house.refused("backup")

    def test_a_backup_while_the_password_is_seen_in_no_list_of_processes(self, house: House) -> None:
        seen: list[str] = []
        stop = threading.Event()

        def look() -> None:
            while not stop.is_set():
                for file in Path("/proc").glob("[0-9]*/cmdline"):
                    try:
                        words = file.read_text()
                    except (OSError, UnicodeDecodeError):
                        continue
                    if "pg_basebackup" in words:
                        seen.append(words)

        looking = threading.Thread(target=look)
        looking.start()
        house.backup()
        stop.set()
        looking.join()
        assert seen
        assert not any("of%the house" in words or "of%25the" in words for words in seen)
