"""Rolling one server's base forward: a server of its own, which nobody else can reach, until it has come to the moment.

It listens in a folder that only we and it may enter, with no port and no passwords; what it says goes to ``recovery.log``. It
is stopped again once it has reached the moment, and starts from then on as any embedded server.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql

from warchest.runtime.backup.folder import Folder, Server, UnableToRestore
from warchest.runtime.backup.keeping import fetch_command
from warchest.runtime.postgres import SETTINGS, SUPERUSER
from warchest.runtime.postgres_programs import (
    UnableToStartPostgres,
    environment,
    find_binaries,
    give,
    is_setpriv,
    let_through,
    major,
    way_to_run,
)

Tell = Callable[[str], None]

_OURS_ALONE = """\
# Written by a restore: the embedded server listens on 127.0.0.1 alone.
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""
_AT_LEAST = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_xacts": "max_prepared_transactions",
    "max_locks_per_xact": "max_locks_per_transaction",
}


class NotReached(Exception):
    """WAL ended before the moment: either nothing was done any more, or it is not all there."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """How far to roll forward: to a barrier's name, to a moment, or (neither) as far as WAL reaches."""

    moment: datetime | None = None
    barrier: str = ""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """The timeline that the copy goes on with, and when the last transaction of it was committed, if WAL had any."""

    timeline: int
    at: datetime | None


def put_base(folder: Folder, backup: str, server: Server, home: Path, *, tell: Tell) -> None:
    """Copy a server's base into a home, and take from it what belonged to where it came from."""
    source, data = folder.base(backup, server.name), home / "postgres" / "data"
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)
    total = sum(file.stat().st_size for file in source.rglob("*") if file.is_file()) or 1
    copied = 0

    def copy(one: str, other: str) -> None:
        nonlocal copied
        shutil.copyfile(one, other)
        copied += os.path.getsize(other)
        tell(f"{server.name}: base {100 * copied // total} %")

    shutil.copytree(source, data, copy_function=copy)
    for path in (data, *data.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    # Settings that were made by ALTER SYSTEM may name the other server's archive, certificates or neighbours.
    (data / "postgresql.auto.conf").write_text("")
    (data / "standby.signal").unlink(missing_ok=True)
    main = data / "postgresql.conf"
    if not main.exists() or "include 'warchest.conf'" not in main.read_text():
        if main.exists():
            main.rename(data / "postgresql.conf.before-restore")
        main.write_text("include 'warchest.conf'\n")
    (data / "pg_hba.conf").write_text(_OURS_ALONE)
    (data / "pg_ident.conf").write_text("")
    settings = SETTINGS | _at_least(data, server)
    (data / "warchest.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in settings.items()))


def roll_forward(
    folder: Folder, server: Server, home: Path, *, target: Target, superuser_password: str, tell: Tell
) -> Reached:
    """Roll the base in ``home`` forward to ``target``, open it, and stop it again.

    Raises NotReached, UnableToRestore.
    """
    data, log = home / "postgres" / "data", home / "postgres" / "recovery.log"
    binaries = programs(server)
    way = way_to_run(binaries)
    (data / "recovery.signal").touch()
    if is_setpriv(way):
        let_through(home, data.parent)
    give(data, way)
    with _hidden_place(way) as place:
        (place / "hba").write_text("local all all trust\n")
        give(place, way)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(place),
            "hba_file": str(place / "hba"),
            "hot_standby": "on",
            "archive_mode": "off",
            "restore_command": fetch_command(folder.wal(server.name)),
            "recovery_target_timeline": "current",
            "recovery_target_action": "promote",
            "log_min_messages": "log",
        }
        if target.barrier:
            settings["recovery_target_name"] = target.barrier
        elif target.moment:
            settings["recovery_target_time"] = target.moment.astimezone(UTC).isoformat(sep=" ")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *way, str(binaries / "postgres"), "-D", str(data),
                    *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment(), cwd="/",
                start_new_session=True,
            )  # fmt: skip
        try:
            return _wait_until_open(process, place, log, server, superuser_password, tell=tell)
        finally:
            _stop(process)


def _wait_until_open(
    process: subprocess.Popen[bytes],
    place: Path,
    log: Path,
    server: Server,
    superuser_password: str,
    *,
    tell: Tell,
) -> Reached:
    dsn = psycopg.conninfo.make_conninfo(
        "", host=str(place), port=5432, user=server.superuser, dbname="postgres", connect_timeout=5
    )
    while True:
        if process.poll() is not None:
            _explain(log, server)
        with suppress(psycopg.OperationalError), psycopg.connect(dsn, autocommit=True) as connection:
            row = connection.execute("SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()").fetchone()
            assert row is not None
            recovering, at = row
            if not recovering:
                return _open(connection, superuser_password, at)
            if at:
                tell(f"{server.name}: rolled forward to {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")
        time.sleep(0.1)


def _open(connection: psycopg.Connection, superuser_password: str, at: datetime | None) -> Reached:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [SUPERUSER]).fetchone()
    connection.execute(
        sql.SQL("{} ROLE {} SUPERUSER LOGIN PASSWORD {}").format(
            sql.SQL("ALTER" if known else "CREATE"),
            sql.Identifier(SUPERUSER),
            sql.Literal(superuser_password),
        )
    )
    connection.execute("CHECKPOINT")  # control data name the new timeline only from then on
    row = connection.execute("SELECT timeline_id FROM pg_control_checkpoint()").fetchone()
    assert row is not None
    return Reached(timeline=row[0], at=at)


def _explain(log: Path, server: Server) -> None:
    text = log.read_text(errors="replace")
    if "recovery ended before configured recovery target was reached" in text:
        raise NotReached
    end = "\n".join(line for line in text.splitlines() if re.search("FATAL|PANIC|ERROR|cannot be read", line))
    raise UnableToRestore(
        "failed", explanation=f"{server.name} could not be rolled forward. {log} says:\n{end or text[-2000:]}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, patience_s in ((signal.SIGINT, 60), (signal.SIGQUIT, 20), (signal.SIGKILL, 10)):
        if process.poll() is not None:
            return
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)


def end_leftovers(home: Path) -> None:
    """End servers that an interrupted restore left at work in this home, which is its own until it is finished."""
    for data in (home / "postgres" / "data", *home.glob("servers/*/postgres/data")):
        for link in Path("/proc").glob("[0-9]*/cwd"):
            with suppress(OSError, ValueError):
                if os.readlink(link) == os.path.realpath(data):
                    os.kill(int(link.parent.name), signal.SIGKILL)
        while any(_works_in(link, data) for link in Path("/proc").glob("[0-9]*/cwd")):
            time.sleep(0.05)


def _works_in(link: Path, data: Path) -> bool:
    with suppress(OSError):
        return os.readlink(link) == os.path.realpath(data)
    return False


def programs(server: Server) -> Path:
    """Those of the server's own version. Raises UnableToRestore."""
    try:
        found = find_binaries(version=server.version)
    except UnableToStartPostgres as error:
        raise UnableToRestore("no_binaries", explanation=str(error)) from None
    if major(found) != server.version:
        raise UnableToRestore(
            "no_binaries",
            explanation=f"The backup is of PostgreSQL {server.version}, and {found} holds {major(found)}. Install"
            f" PostgreSQL {server.version} and name its folder of programs in WARCHEST_POSTGRES_BIN.",
        )
    return found


def _at_least(data: Path, server: Server) -> dict[str, str]:
    """Settings that must not be lower than where WAL was written, from the base's own control data."""
    said = subprocess.run(
        [str(programs(server) / "pg_controldata"), str(data)],
        capture_output=True,
        text=True,
        env=environment(),
        cwd="/",
    ).stdout
    there = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    found = {}
    for name, setting in _AT_LEAST.items():
        value = int(there.get(f"{name} setting", "0").strip())
        if value > int(SETTINGS.get(setting, "0")):
            found[setting] = str(value)
    return found


@contextmanager
def _hidden_place(way: tuple[str, ...]) -> Iterator[Path]:
    """A folder for the socket, whose path must be short; only its owner may enter."""
    place = Path(tempfile.mkdtemp(prefix="warchest-restore-", dir="/tmp"))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
