"""The embedded PostgreSQL: a real server in a folder of ours, for a laptop, the demo and the tests.

    with EmbeddedPostgres(home) as server:
        server.dsn(Role.JOURNEY)

In `<home>/postgres/` lie the server's `data/`, its `port`, its `server.log` and the `lock` that one process
holds: the one that starts the server, and that stops it. Others that start meanwhile use the running server. Its
passwords lie in `<home>/secrets/`. It listens on 127.0.0.1 alone.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg

from warchest.kernel.errors import UnableTo
from warchest.runtime import roles
from warchest.runtime.postgres_programs import (
    NOBODY,
    UnableToStartPostgres,
    environment,
    find_binaries,
    give,
    is_setpriv,
    let_through,
    major,
    unable,
    way_to_run,
)
from warchest.runtime.roles import Role

__all__ = [
    "EmbeddedPostgres",
    "KeptWal",
    "Status",
    "UnableToStartPostgres",
    "UnableToStopPostgres",
    "find_binaries",
]

SUPERUSER = "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a socket's path must be shorter than many folders' paths are
    "max_connections": "400",  # of each thread one for each database: four service processes may have 192 over three
    "max_prepared_transactions": "64",  # 0 by default: no two-phase commit
    "wal_level": "replica",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # Of what fails, what failed and not with which values: our own log has the rest, without what is secret in it.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "lc_messages": "C",
    "logging_collector": "off",  # the log is the server's own standard error, our file
}
# A commit still reaches the operating system, so it survives a killed server, though not a power cut.
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}
LOG_BYTES_MAX = 10_000_000


class UnableToStopPostgres(UnableTo):
    """`not_ours`: another process started this server, and only that one may stop it."""

    reasons = frozenset({"not_ours"})


@dataclass(frozen=True, kw_only=True)
class Status:
    running: bool
    """A server process lives in the data folder; it may still be starting."""
    ours: bool
    """This object holds the lock, so it stops the server."""
    port: int | None
    pid: int | None
    """Of the server's main process (postmaster)."""


@dataclass(frozen=True, kw_only=True)
class KeptWal:
    """Where the server's WAL is kept, by which ``archive_command``; what is written reaches it within ``every_s``."""

    folder: Path
    command: str
    every_s: int


class EmbeddedPostgres:
    """One PostgreSQL server in `<home>/postgres/`. Not for use by several threads at once.

    `durable=False` trades safety at a power cut for speed: for tests only. `binaries` is a folder that holds
    `postgres` and `initdb`; `find_binaries` says where they are looked for otherwise. With `wal`, every change is
    kept for a restore.
    """

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        binaries: Path | None = None,
        database: str = "warchest",
        start_seconds_max: float = 120.0,
        wal: KeptWal | None = None,
    ) -> None:
        self.home = Path(home).absolute()
        self.folder = self.home / "postgres"
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.database = database
        self._durable = durable
        self._configured_binaries = binaries
        self._start_seconds_max = start_seconds_max
        self._wal = wal
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    # -- what callers do ------------------------------------------------------------------------------------

    def start(self) -> EmbeddedPostgres:
        """Have the server running, with roles and database in place, and return self.

        Starts it, takes over one whose starter died, or uses the one that another process runs. Calling it
        again is free, and starts the server anew if it died. Raises UnableToStartPostgres.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self._start_seconds_max
        while not self._take_lock():
            # Somebody else's server, perhaps still starting. Should its starter die, the lock becomes free.
            if self._answers():
                self._have_roles_and_database()
                return self
            if time.monotonic() > deadline:
                raise unable(
                    "timeout", f"The process that holds {self.folder / 'lock'} did not start its server."
                )
            time.sleep(0.1)
        try:
            self._start_as_owner(deadline)
            self._set_up()
            if self._wal:
                # The process that minds archive_timeout went to sleep before the server was open, for minutes.
                with self._admin() as admin:
                    admin.execute("SELECT pg_reload_conf()")
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the sessions and stop the server if this object started it, else do nothing. Takes up to 30 s."""
        if self._lock is None:
            return
        self._stop_server()
        self._lock.close()
        self._lock = None

    def restart(self) -> EmbeddedPostgres:
        """Stop and start, on the same port if it is free. Raises UnableToStopPostgres, UnableToStartPostgres."""
        if self._lock is None and self._postmaster():
            raise UnableToStopPostgres("not_ours", pid=self._postmaster())
        if self._lock is not None:
            self._stop_server()
        return self.start()

    def status(self) -> Status:
        pid = self._postmaster()
        return Status(running=pid is not None, ours=self._lock is not None, port=self._port(), pid=pid)

    def __enter__(self) -> EmbeddedPostgres:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def dsn(self, role: Role, *, database: str | None = None) -> str:
        """A URL that signs in as one of Warchest's roles, password included: never log it."""
        return self._dsn(role, self._password(role), database or self.database)

    def superuser_dsn(self, *, database: str = "postgres") -> str:
        """A URL that signs in as the superuser, as set-up, backup and tests do, the running system never."""
        return self._dsn(SUPERUSER, self._password(SUPERUSER), database)

    def create_database(self, name: str) -> None:
        """Create a further database (a service's own) with the roles' grants, where missing."""
        with self._admin() as admin:
            roles.create_database(admin, name=name)

    def clone_database(self, template: str, name: str) -> None:
        """Copy a database nobody is connected to, for a test that must commit."""
        with self._admin() as admin:
            roles.clone_database(admin, template=template, name=name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, whoever uses it, prepared transactions included."""
        with self._admin() as admin:
            roles.drop_database(admin, name=name)

    # -- starting -------------------------------------------------------------------------------------------

    def _start_as_owner(self, deadline: float) -> None:
        changed = False
        if self.data.exists():
            self._password(SUPERUSER)  # refuses now rather than after a vain wait
            changed = self._write_settings()
        if self._postmaster() and changed:
            self._stop_server()  # left over from a starter that died, under other settings
        while self._postmaster() and time.monotonic() < deadline:
            if self._answers():
                return
            time.sleep(0.05)
        binaries = find_binaries(self._configured_binaries, version=self._made_by())
        way = way_to_run(binaries)
        self._prepare_wal_folder(way)
        if self.data.exists():
            self._check_version(binaries)
            if is_setpriv(way):
                let_through(self.home, self.folder)
            give(self.data, way)
        else:
            self._init(binaries, way)
            self._write_settings()
        self._wait_for_leftovers()
        retry_until = time.monotonic() + 10
        while not self._launch(binaries, way, deadline):
            # A crash just now: its last processes may hold the shared memory for a moment more.
            if time.monotonic() > retry_until:
                raise unable(
                    "failed", f"PostgreSQL does not start. The end of {self.log}:\n{self._log_end()}"
                )
            self._wait_for_leftovers()
            time.sleep(0.3)

    def _set_up(self) -> None:
        roles.set_up_database(
            self.superuser_dsn(),
            name=self.database,
            passwords={role: self._password(role) for role in Role},
        )

    def _have_roles_and_database(self) -> None:
        """A server lets people in before its starter has made them: who comes in between makes them too, in turns with it."""
        with self._admin() as admin:
            complete = roles.is_set_up(admin, name=self.database)
        if not complete:
            self._set_up()

    def _prepare_wal_folder(self, way: tuple[str, ...]) -> None:
        # A folder that is away for a while is no reason not to work: the server keeps its WAL until it is back.
        with suppress(OSError):
            if self._wal:
                self._wal.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                if is_setpriv(way):
                    let_through(self._wal.folder.parent, self._wal.folder.parent.parent)
                give(self._wal.folder, way)

    def _init(self, binaries: Path, way: tuple[str, ...]) -> None:
        # Made beside and renamed, so that an interrupted start leaves no half a cluster.
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._make_password(SUPERUSER, replacing=True)
        password_file = self.folder / "password"
        password_file.write_text(self._password(SUPERUSER))
        password_file.chmod(0o600)
        if is_setpriv(way):
            let_through(self.home, self.folder)
            os.chown(new, NOBODY, NOBODY)
            os.chown(password_file, NOBODY, NOBODY)
        # C.UTF-8 sorts by code point, so no index depends on the operating system's version of a language.
        locale = ["--locale=C.UTF-8"]
        if major(binaries) >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command = [
            *way, str(binaries / "initdb"), f"--pgdata={new}", f"--username={SUPERUSER}",
            f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums",
            *locale, *([] if self._durable else ["--no-sync"]),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd="/")
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise unable("failed", f"initdb failed:\n{done.stderr.strip() or done.stdout.strip()}")
        new.rename(self.data)

    def _write_settings(self) -> bool:
        """Whether they differ from those of the last start."""
        settings = SETTINGS | ({} if self._durable else NOT_DURABLE)
        if self._wal:
            settings |= {
                "archive_mode": "on",
                "archive_command": self._wal.command,
                "archive_timeout": str(self._wal.every_s),
            }
        text = "# Written by Warchest at each start; your own settings go into postgresql.conf, after the include.\n"
        text += "".join(f"{name} = '{_quoted(value)}'\n" for name, value in settings.items())
        ours, main = self.data / "warchest.conf", self.data / "postgresql.conf"
        if "include 'warchest.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("\ninclude 'warchest.conf'\n")
        if ours.exists() and ours.read_text() == text:
            return False
        ours.write_text(text)
        ours.chmod(0o644)
        return True

    def _launch(self, binaries: Path, way: tuple[str, ...], deadline: float) -> bool:
        """Start the server once. False if it gave up by itself, as it may after a crash or on a taken port."""
        port = self._free_port()
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*way, str(binaries / "postgres"), "-D", str(self.data), "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment(),
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the starter, which then stops the server in order
            )
        while self._process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise unable(
                    "timeout", f"PostgreSQL did not answer in time. The end of its log:\n{self._log_end()}"
                )
            time.sleep(0.05)
        return False

    def _free_port(self) -> int:
        """The remembered port if it is free, else another, remembered from now on.

        Below the range from which the system gives ports to outgoing connections (32768 and up).
        """
        port = self._port() or random.randint(20000, 29999)
        while not _is_free(port):
            port = random.randint(20000, 29999)
        new = self.folder / "port.new"
        new.write_text(str(port))
        new.replace(self.folder / "port")
        return port

    def _made_by(self) -> int | None:
        """The major version that made the data, where there are any."""
        file = self.data / "PG_VERSION"
        return int(file.read_text()) if file.exists() else None

    def _check_version(self, binaries: Path) -> None:
        made_by = self._made_by()
        if made_by != major(binaries):
            raise unable(
                "other_version",
                f"{self.data} was made by PostgreSQL {made_by}, but {binaries} holds {major(binaries)}. "
                f"Point WARCHEST_POSTGRES_BIN at version {made_by}, or move the data by pg_dump and pg_restore.",
            )

    def _wait_for_leftovers(self) -> None:
        """After a crash of the main process: let its children end, and end those that do not within 3 s.

        They hold the old shared memory, and a new server refuses to start beside them. Called with the lock
        held and without a main process, so nothing else can have started them.
        """
        patience = time.monotonic() + 3
        while left := self._processes():
            if time.monotonic() > patience:
                for pid in left:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        # A number in a stale postmaster.pid may belong to some other process by now, which the server would
        # take for its own kind. Where /proc cannot tell that nothing runs here, the server judges by itself.
        if Path("/proc/self/cwd").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    # -- stopping and looking -------------------------------------------------------------------------------

    def _stop_server(self) -> None:
        # 'fast': sessions are ended; 'immediate' after 30 s: as after a power cut, which it survives.
        for mode, patience_s in ((signal.SIGINT, 30), (signal.SIGQUIT, 10)):
            if not (pid := self._postmaster()):
                break
            with suppress(ProcessLookupError):
                os.kill(pid, mode)
            patience = time.monotonic() + patience_s
            while self._postmaster() and time.monotonic() < patience:
                time.sleep(0.05)
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
            self._process = None

    def _postmaster(self) -> int | None:
        """The main process' id, if it lives."""
        if self._process is not None:
            return None if self._process.poll() is not None else self._process.pid
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        if Path("/proc/self/cwd").exists():
            return pid if pid in self._processes() else None
        try:
            os.kill(pid, 0)
        except OSError:
            return None
        return pid

    def _processes(self) -> list[int]:
        """Every process that works in the data folder, as all of a server's do. None where there is no /proc."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError):
                if os.readlink(link) == os.path.realpath(self.data):
                    found.append(int(link.parent.name))
        return found

    def _answers(self) -> bool:
        """Whether our server takes sessions now: ours, because it knows our password."""
        try:
            with self._admin():
                return True
        except UnableToStartPostgres:
            return False  # another process has not come so far as to choose a port and a password
        except psycopg.OperationalError as error:
            if (
                "password authentication failed" in str(error)
                and self._lock is not None
                and self._postmaster()
            ):
                raise unable(
                    "no_password", f"{self.data} does not belong to the passwords in {self.home / 'secrets'}."
                ) from error
            return False

    @contextmanager
    def _admin(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.superuser_dsn(), autocommit=True, connect_timeout=5) as connection:
            yield connection

    def _take_lock(self) -> bool:
        """The system frees it when the process ends, however it ends."""
        if self._lock is not None:
            return True
        file = (self.folder / "lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._lock = file
        return True

    def _port(self) -> int | None:
        try:
            return int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return None

    def _dsn(self, user: str, password: str, database: str) -> str:
        if (port := self._port()) is None:
            raise unable("failed", f"There is no PostgreSQL in {self.folder} yet: start it first.")
        return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"

    def _secret(self, role: str) -> Path:
        return self.home / "secrets" / f"postgres-{role.removeprefix('warchest_')}"

    def _password(self, role: str) -> str:
        try:
            return self._secret(role).read_text()
        except FileNotFoundError:
            if role == SUPERUSER:
                raise unable(
                    "no_password", f"{self._secret(role)} is missing: restore it from a backup."
                ) from None
        self._make_password(role, replacing=False)
        return self._password(role)

    def _make_password(self, role: str, *, replacing: bool) -> None:
        """A new one; unless ``replacing``, the first of several processes that make one at once wins."""
        path = self._secret(role)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as aside:
            new = Path(aside) / "new"
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
            if replacing:
                new.replace(path)
            else:
                with suppress(FileExistsError):
                    os.link(new, path)

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])


def _quoted(value: str) -> str:
    """Within the quotes of a setting."""
    return value.replace("\\", "\\\\").replace("'", "''")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
