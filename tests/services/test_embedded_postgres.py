"""The embedded server: it starts anywhere, keeps its data, survives a kill, and belongs to its starter."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event, Thread, current_thread
from typing import Any

import psycopg
import pytest

from warchest.runtime import postgres_programs, roles
from warchest.runtime.backup.keeping import kept_wal
from warchest.runtime.postgres import EmbeddedPostgres, UnableToStartPostgres, UnableToStopPostgres
from warchest.runtime.roles import Role

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def home() -> Iterator[Path]:
    """Not pytest's own folder: that one is closed to others, and some of these tests run as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="warchest-pg-"))
    yield folder
    _stop_whatever_runs_in(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _stop_whatever_runs_in(home: Path) -> None:
    server = EmbeddedPostgres(home)
    while (pid := server.status().pid) is not None:
        os.kill(pid, signal.SIGQUIT)
        time.sleep(0.1)


def execute(
    server: EmbeddedPostgres, statement: str, *, role: Role = Role.OWNER, database: str | None = None
) -> None:
    with psycopg.connect(server.dsn(role, database=database), autocommit=True) as connection:
        connection.execute(statement)


def value(
    server: EmbeddedPostgres, query: str, *, role: Role = Role.OWNER, database: str | None = None
) -> object:
    with psycopg.connect(server.dsn(role, database=database), autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        return row and row[0]


def in_another_process(
    home: Path, *, user: str | None = None, ends: str = "server.stop()"
) -> subprocess.Popen[str]:
    """Starts the server in a process of its own, which says 'ready' and goes on when it is told to."""
    code = f"""
import sys
from pathlib import Path
from warchest.runtime.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path({str(home)!r}), durable=False).start()
print("ready", server.status().ours, flush=True)
sys.stdin.readline()
{ends}
print("stopped", flush=True)
"""
    prefix = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] if user else []
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )


def tell(process: subprocess.Popen[str]) -> str:
    stdout, _ = process.communicate("go on\n", timeout=60)
    return stdout


class TestStartAndStop:
    def test_answers_as_every_role_and_is_gone_after_stop(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            for role in Role:
                assert value(server, "SELECT current_user", role=role) == role
            assert server.status().running and server.status().ours
        assert not server.status().running
        with pytest.raises(psycopg.OperationalError):
            value(server, "SELECT 1")

    def test_data_and_port_are_kept_between_runs(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            port = server.status().port
        with EmbeddedPostgres(home, durable=False) as server:
            assert value(server, "SELECT answer FROM kept") == 42
            assert server.status().port == port

    def test_starting_twice_changes_nothing(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            pid = server.status().pid
            assert server.start().status().pid == pid

    def test_restart_keeps_data_and_lets_two_phase_transactions_through(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            execute(
                server,
                "CREATE TABLE marks (n int); BEGIN; INSERT INTO marks VALUES (1); PREPARE TRANSACTION 'p'",
            )
            server.restart()
            execute(server, "COMMIT PREPARED 'p'")
            assert value(server, "SELECT count(*) FROM marks") == 1

    def test_a_taken_port_is_chosen_anew_and_remembered(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            taken = server.status().port
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", taken))
            other.listen()
            with EmbeddedPostgres(home, durable=False) as server:
                chosen = server.status().port
                assert chosen != taken
                assert value(server, "SELECT 1") == 1
        with EmbeddedPostgres(home, durable=False) as server:
            assert server.status().port == chosen

    def test_durable_unless_told_otherwise(self, home: Path) -> None:
        with EmbeddedPostgres(home) as server:
            settings = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
            assert [value(server, f"SHOW {name}") for name in settings] == ["on", "on", "on", "on"]
        with EmbeddedPostgres(home, durable=False) as server:
            assert value(server, "SHOW fsync") == "off"

    def test_secrets_are_closed_to_others_and_no_line_of_ps_shows_them(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            files = list((home / "secrets").iterdir())
            assert len(files) == 4
            assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
            lines = Path(f"/proc/{server.status().pid}/cmdline").read_text()
            assert not [file for file in files if file.read_text() in lines]


class TestCrash:
    def test_killed_at_once_it_starts_again_with_what_was_committed(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            for _ in range(3):
                os.kill(server.status().pid, signal.SIGKILL)
                server.start()
                assert value(server, "SELECT answer FROM kept") == 42

    def test_sessions_that_outlive_the_main_process_do_not_stop_the_next_start(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            with psycopg.connect(server.superuser_dsn(), autocommit=True) as session:
                row = session.execute("SELECT pg_backend_pid()").fetchone()
                os.kill(row[0], signal.SIGSTOP)  # it cannot notice that its parent is gone
                os.kill(server.status().pid, signal.SIGKILL)
                server.start()
            assert value(server, "SELECT 1") == 1

    def test_a_starter_killed_at_once_leaves_a_server_that_the_next_takes_over(self, home: Path) -> None:
        other = in_another_process(home)
        assert other.stdout.readline() == "ready True\n"
        pid = EmbeddedPostgres(home).status().pid
        other.kill()
        other.communicate()
        with EmbeddedPostgres(home, durable=False) as server:
            assert server.status().pid == pid
            assert server.status().ours
        assert not server.status().running

    def test_a_stale_process_number_that_now_belongs_to_another_program(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            pass
        stale = f"{os.getppid()}\n{server.data}\n1\n{server.status().port}\n\n127.0.0.1\n"
        (server.data / "postmaster.pid").write_text(stale)
        with EmbeddedPostgres(home, durable=False) as server:
            assert value(server, "SELECT 1") == 1


class TestSecondStarter:
    def test_uses_the_running_server_and_leaves_stopping_it_to_the_first(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as first:
            pid = first.status().pid
            with EmbeddedPostgres(home, durable=False) as second:
                assert second.status().pid == pid
                assert not second.status().ours
                with pytest.raises(UnableToStopPostgres, match="not_ours"):
                    second.restart()
            assert value(first, "SELECT 1") == 1

    def test_who_comes_before_the_starter_made_the_roles_finds_them_all_the_same(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lets_people_in, goes_on = Event(), Event()
        set_up = roles.set_up_database

        def slowly(dsn: str, **wanted: Any) -> None:
            if current_thread() is starting:
                lets_people_in.set()
                assert goes_on.wait(60)
            set_up(dsn, **wanted)

        monkeypatch.setattr(roles, "set_up_database", slowly)
        first, second = EmbeddedPostgres(home, durable=False), EmbeddedPostgres(home)
        starting = Thread(target=first.start)
        starting.start()
        try:
            assert lets_people_in.wait(60)
            second.start()
            second.create_database("warchest_people")
            assert value(second, "SELECT 1", role=Role.JOURNEY, database="warchest_people") == 1
        finally:
            goes_on.set()
            starting.join()
        # Both made the passwords: those of the one who came first hold for both.
        assert value(first, "SELECT 1", role=Role.JOURNEY) == 1
        assert value(second, "SELECT 1", role=Role.JOURNEY) == 1
        first.stop()

    def test_of_many_who_make_a_password_at_once_the_first_one_wins(self, home: Path) -> None:
        many = Barrier(8)
        (home / "postgres").mkdir()
        (home / "postgres" / "port").write_text("1")

        def address(_: int) -> str:
            server = EmbeddedPostgres(home)
            many.wait(60)
            return server.dsn(Role.JOURNEY)

        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(address, range(8)))) == 1

    def test_two_processes_that_start_together_share_one_server(self, home: Path) -> None:
        processes = [in_another_process(home) for _ in range(2)]
        assert sorted(process.stdout.readline() for process in processes) == ["ready False\n", "ready True\n"]
        assert [tell(process) for process in processes] == ["stopped\n", "stopped\n"]
        assert not EmbeddedPostgres(home).status().running


class TestWhoRunsIt:
    def test_an_ordinary_user_starts_it(self, home: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("runs as an ordinary user anyway: the other tests show it")
        if subprocess.run(
            [
                "setpriv",
                "--reuid=65534",
                "--regid=65534",
                "--clear-groups",
                sys.executable,
                "-c",
                "import warchest",
            ],
            cwd="/",
        ).returncode:
            pytest.skip("nobody cannot read this checkout")
        os.chown(home, 65534, 65534)
        other = in_another_process(home, user="65534")
        assert other.stdout.readline() == "ready True\n"
        assert (home / "postgres" / "data").stat().st_uid == 65534
        assert tell(other) == "stopped\n"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a way round PostgreSQL's refusal of root")
    def test_root_starts_it_without_user_namespaces_and_with_them_again(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ways = postgres_programs.WAYS_FOR_ROOT
        for allowed in (ways[1:], ways, ways[1:]):
            monkeypatch.setattr(postgres_programs, "WAYS_FOR_ROOT", allowed)
            try:
                with EmbeddedPostgres(home, durable=False) as server:
                    assert value(server, "SELECT 1") == 1
            except UnableToStartPostgres as error:
                if error.reason != "root":
                    raise
                pytest.skip(str(error))


class TestRefusals:
    def test_data_of_another_major_version(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False) as server:
            pass
        (server.data / "PG_VERSION").write_text("11\n")
        with pytest.raises(UnableToStartPostgres, match="made by PostgreSQL 11"):
            server.start()
        assert not server.status().running

    def test_no_programs_where_they_are_said_to_be(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WARCHEST_POSTGRES_BIN", str(home / "nowhere"))
        with pytest.raises(UnableToStartPostgres, match="nowhere"):
            EmbeddedPostgres(home).start()

    def test_a_lost_password_is_said_plainly(self, home: Path) -> None:
        with EmbeddedPostgres(home, durable=False):
            pass
        (home / "secrets" / "postgres-postgres").unlink()
        with pytest.raises(UnableToStartPostgres, match="restore it from a backup"):
            EmbeddedPostgres(home, durable=False).start()


class TestKeptWal:
    def keeping(self, home: Path, folder: Path) -> EmbeddedPostgres:
        return EmbeddedPostgres(home, durable=False, wal=kept_wal(folder, server="default", every_s=1))

    def test_what_is_written_reaches_the_folder_by_itself_soon_after_a_start(
        self, home: Path, tmp_path: Path
    ) -> None:
        with self.keeping(home, tmp_path) as server:
            execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            until = time.monotonic() + 100
            while not list((tmp_path / "wal" / "default").glob("0*")):
                assert time.monotonic() < until
                time.sleep(0.1)

    def test_a_folder_that_is_away_keeps_nobody_from_working(self, home: Path, tmp_path: Path) -> None:
        away = tmp_path / "away"
        away.write_text("no folder")
        with self.keeping(home, away) as server:
            execute(server, "CREATE TABLE kept AS SELECT 42 AS answer")
            away.unlink()
            (away / "wal" / "default").mkdir(parents=True)
        assert list((away / "wal" / "default").glob("0*")), "what waited came when the folder was back"


class TestSystemsOwnServer:
    def test_an_older_postgresql_of_the_system_serves_as_well(self, home: Path) -> None:
        folders = [f for f in Path("/usr/lib/postgresql").glob("*/bin") if (f / "initdb").exists()]
        if not folders:
            pytest.skip("the system has no PostgreSQL of its own")
        with EmbeddedPostgres(home, durable=False, binaries=folders[0]) as server:
            assert value(server, "SHOW server_version_num").startswith(folders[0].parent.name)


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    folder = Path(tempfile.mkdtemp(prefix="warchest-pg-"))
    with EmbeddedPostgres(folder, durable=False) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


class TestRights:
    @pytest.fixture(autouse=True)
    def books(self, server: EmbeddedPostgres) -> Iterator[None]:
        execute(
            server,
            "CREATE TABLE books (id int GENERATED BY DEFAULT AS IDENTITY, n int);"
            "INSERT INTO books (n) VALUES (1);"
            "CREATE FUNCTION seven() RETURNS int LANGUAGE sql AS 'SELECT 7'",
        )
        yield
        execute(server, "DROP TABLE books; DROP FUNCTION seven")

    @pytest.mark.parametrize(
        ("role", "statement", "allowed"),
        [
            (Role.OWNER, "CREATE TABLE further (n int)", True),
            (Role.JOURNEY, "SELECT * FROM books", True),
            (Role.JOURNEY, "INSERT INTO books (n) VALUES (2)", True),
            (Role.JOURNEY, "UPDATE books SET n = 3", True),
            (Role.JOURNEY, "DELETE FROM books", True),
            (Role.JOURNEY, "SELECT seven()", True),
            (Role.JOURNEY, "TRUNCATE books", False),
            (Role.JOURNEY, "DROP TABLE books", False),
            (Role.JOURNEY, "CREATE TABLE further (n int)", False),
            (Role.JOURNEY, "CREATE TEMPORARY TABLE further (n int)", False),
            (Role.JOURNEY, "CREATE SCHEMA further", False),
            (Role.READER, "SELECT * FROM books", True),
            (Role.READER, "SELECT seven()", False),
            (Role.READER, "INSERT INTO books (n) VALUES (2)", False),
            (Role.READER, "SET default_transaction_read_only = off; UPDATE books SET n = 3", False),
        ],
    )
    def test_each_role_may_do_its_own_work_only(
        self, server: EmbeddedPostgres, role: Role, statement: str, allowed: bool
    ) -> None:
        if allowed:
            execute(server, f"BEGIN; {statement}; ROLLBACK", role=role)
        else:
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
                execute(server, f"BEGIN; {statement}; ROLLBACK", role=role)

    def test_setting_up_again_gives_back_nothing_that_a_migration_took(
        self, server: EmbeddedPostgres
    ) -> None:
        execute(server, "REVOKE UPDATE, DELETE ON books FROM warchest_journey")
        server.create_database(server.database)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            execute(server, "DELETE FROM books", role=Role.JOURNEY)


class TestCopies:
    def test_a_copy_has_the_data_and_the_rights_and_is_dropped_whoever_uses_it(
        self, server: EmbeddedPostgres
    ) -> None:
        server.create_database("pattern")
        execute(server, "CREATE TABLE kept AS SELECT 42 AS answer", database="pattern")
        server.clone_database("pattern", "copy")
        execute(server, "UPDATE kept SET answer = 43", role=Role.JOURNEY, database="copy")
        assert value(server, "SELECT answer FROM kept", role=Role.READER, database="pattern") == 42
        execute(server, "BEGIN; DELETE FROM kept; PREPARE TRANSACTION 'left over'", database="copy")
        with psycopg.connect(server.dsn(Role.JOURNEY, database="copy")):
            server.drop_database("copy")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            value(server, "SELECT 1", database="copy")
        server.drop_database("copy")
