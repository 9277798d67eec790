"""Making a backup: a base of every server, the locked home, and proof that WAL arrives."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from warchest.runtime import set_aside
from warchest.runtime.backup import barriers
from warchest.runtime.backup.folder import Backup, Folder, Server, UnableToBackUp, write_down
from warchest.runtime.backup.servers import Found, find_servers
from warchest.runtime.backup.strongbox import Locking, new_key
from warchest.runtime.configuration import configuration, path
from warchest.runtime.postgres_programs import environment, find_binaries, major
from warchest.runtime.secrets import home

Tell = Callable[[str], None]

_ARRIVES_S_MAX = 120.0
_SMALL = 8 << 20


def recovery_key() -> str | None:
    """Make the recovery key if this house has none yet, and answer it, this once: only its public half is written down."""
    file = home() / "recovery.pub"
    if file.exists():
        return None
    return renew_recovery_key()


def renew_recovery_key() -> str:
    """Another one, for the backups from now on. The former one goes on opening those that were made before."""
    text, public = new_key()
    write_down(home() / "recovery.pub", public.hex().encode())
    return text


def back_up(folder: Folder, *, tell: Tell) -> Backup:
    """Make a backup of all servers, which are running, and of the home. Raises UnableToBackUp."""
    if set_aside.note() is not None:
        raise UnableToBackUp(
            "set_aside",
            explanation="This house is a restored copy that is not in service: its backup would pass for the house's own.",
        )
    servers = find_servers()
    with _alone(folder):
        folder.claim(
            cluster=configuration().community.cluster,
            systems={server.name: server.system for server in servers},
        )
        begun_at = datetime.now(UTC)
        name = f"{begun_at:%Y%m%dT%H%M%SZ}"
        if folder.of(name).exists():
            time.sleep(1)  # two within a second
            return _make(folder, servers, name=f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", tell=tell)
        return _make(folder, servers, name=name, tell=tell)


def _make(folder: Folder, servers: tuple[Found, ...], *, name: str, tell: Tell) -> Backup:
    begun_at = datetime.now(UTC)
    aside = folder.begin(name)
    try:
        made = tuple(_base(server, aside / "base" / server.name, tell=tell) for server in servers)
        if len(made) > 1 and not all(server.wal_kept for server in made):
            raise UnableToBackUp(
                "no_wal",
                explanation="Bases of several servers are of one mind only at a later barrier, up to which their WAL must be"
                " kept: set [backup] folder and restart, or archive the WAL of servers of your own.",
            )
        ended_at = max(_clock(server) for server in servers)
        tell("home")
        digest = _lock_home(aside / "home.box", folder=folder.path)
        size = sum(file.stat().st_size for file in aside.rglob("*") if file.is_file())
        backup = Backup(
            name=name,
            cluster=configuration().community.cluster,
            made_by=version("warchest"),
            begun_at=begun_at,
            ended_at=ended_at,
            size_bytes=size,
            box_sha256=digest,
            servers=made,
        )
        folder.finish(backup)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if len(servers) > 1:
        tell("barrier")
        barriers.make(folder, servers)
    see_wal_arrive(folder, servers, tell=tell)
    return backup


def prune(folder: Folder, *, keep: int) -> tuple[str, ...]:
    """Remove all but the newest ``keep`` backups, and WAL that none of them needs; answers the names of those removed."""
    with _alone(folder):
        return folder.prune(keep=keep)


def see_wal_arrive(folder: Folder, servers: tuple[Found, ...] | None = None, *, tell: Tell) -> None:
    """Have all that is committed until now in the kept WAL of the embedded servers. Raises UnableToBackUp.

    Without an archive of its WAL a server is passed over; one of the operator's archives as the operator says.
    """
    for server in servers or find_servers():
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            if not server.embedded or not _keeps_wal(connection):
                continue
            tell(f"WAL of {server.name}")
            # Something to switch behind: an empty segment is not archived.
            connection.execute("SELECT pg_logical_emit_message(false, 'warchest', 'backup')")
            row = connection.execute(
                "SELECT pg_walfile_name(pg_current_wal_lsn()), pg_switch_wal()"
            ).fetchone()
            assert row is not None
            target = folder.wal(server.name) / row[0]
            until = time.monotonic() + _ARRIVES_S_MAX
            while not target.exists():
                if time.monotonic() > until:
                    raise UnableToBackUp(
                        "no_wal",
                        explanation=f"The server {server.name} does not bring its WAL to {target.parent}: see its log. "
                        f"{_failure(connection)}",
                    )
                time.sleep(0.1)


def _base(server: Found, target: Path, *, tell: Tell) -> Server:
    target.parent.mkdir(exist_ok=True)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        _check_allowed(server, connection)
        row = connection.execute(
            "SELECT (SELECT rolname FROM pg_roles WHERE oid = 10),"
            "       (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')"
        ).fetchone()
        assert row is not None
        superuser, segment_bytes = row
        kept = _keeps_wal(connection)
    programs = _programs(server)
    command = [
        str(programs / "pg_basebackup"), "--pgdata", str(target), "--wal-method=stream", "--checkpoint=fast",
        "--manifest-checksums=SHA256", "--progress", "--no-password", "--label=warchest",
    ]  # fmt: skip
    _run(command, dsn=server.dsn, tell=lambda line: tell(f"{server.name}: {line}"))
    verify_base(target, version=server.version)
    label = dict(
        line.split(": ", 1) for line in (target / "backup_label").read_text().splitlines() if ": " in line
    )
    return Server(
        name=server.name,
        system=server.system,
        version=server.version,
        databases=server.databases,
        superuser=superuser,
        timeline=int(label["START TIMELINE"]),
        begins_at=label["START WAL LOCATION"].split("file ")[1].rstrip(")"),
        segment_bytes=segment_bytes,
        wal_kept=kept,
    )


def verify_base(target: Path, *, version: int) -> None:
    """Compare a base, file by file, with the manifest that the server made. Raises UnableToBackUp: ``torn``."""
    programs = find_binaries(version=version)
    command = [str(programs / "pg_verifybackup"), "--quiet", str(target)]
    if major(programs) != version:
        command.append("--no-parse-wal")  # WAL is read by its own version only
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd="/")
    if done.returncode:
        raise UnableToBackUp("torn", explanation=f"{target} is not whole: {done.stderr.strip()}")


def _check_allowed(server: Found, connection: psycopg.Connection) -> None:
    row = connection.execute(
        "SELECT (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user),"
        "       EXISTS (SELECT FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global'))"
    ).fetchone()
    assert row is not None
    allowed, tablespaces = row
    if not allowed:
        raise UnableToBackUp(
            "not_allowed",
            explanation=f"The role by which Warchest signs in to {server.name} may not replicate: ALTER ROLE … REPLICATION,"
            " or back the server up by its own tools (pgBackRest, Barman).",
        )
    if tablespaces:
        raise UnableToBackUp(
            "tablespaces",
            explanation=f"{server.name} has tablespaces outside its folder: back it up by its own tools.",
        )


def _programs(server: Found) -> Path:
    """Programs that are not older than the server."""
    found = find_binaries(version=server.version)
    if major(found) < server.version or not (found / "pg_basebackup").exists():
        raise UnableToBackUp(
            "failed",
            explanation=f"{found} has no pg_basebackup of PostgreSQL {server.version} or newer: install it, and name its"
            " folder in WARCHEST_POSTGRES_BIN.",
        )
    return found


def _run(command: list[str], *, dsn: str, tell: Tell) -> None:
    """Run a program of PostgreSQL's, with the password where no list of processes shows it."""
    parts = conninfo_to_dict(dsn)
    parts.pop("dbname", None)
    password = str(parts.pop("password", ""))
    known = environment() | {"PGPASSWORD": password, "HOME": os.environ.get("HOME", "/")}
    process = subprocess.Popen(
        [*command, "--dbname", make_conninfo("", **parts)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=known,
        cwd="/",
    )
    assert process.stderr is not None
    said: list[str] = []
    try:
        for line in _lines(process.stderr):
            if "%" in line:
                tell(line.strip())
            elif line.strip():
                said.append(line.strip())
    finally:
        if process.poll() is None and process.wait(60) is None:
            process.kill()
    if process.returncode:
        raise UnableToBackUp("failed", explanation="\n".join(said[-5:]) or "pg_basebackup failed.")


def _lines(source: object) -> Iterator[str]:
    """Progress overwrites its own line: a return ends one as well."""
    left = b""
    while read := cast(BinaryIO, source).read1(4096):  # type: ignore[attr-defined]
        *whole, left = (left + read).replace(b"\r", b"\n").split(b"\n")
        yield from (line.decode(errors="replace") for line in whole)
    yield left.decode(errors="replace")


def _keeps_wal(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT current_setting('archive_mode') <> 'off'").fetchone()
    return bool(row and row[0])


def _failure(connection: psycopg.Connection) -> str:
    row = connection.execute(
        "SELECT failed_count, last_failed_wal, last_failed_time FROM pg_stat_archiver"
    ).fetchone()
    return f"It failed {row[0]} times, last with {row[1]} at {row[2]}." if row and row[0] else ""


def _clock(server: Found) -> datetime:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return cast(datetime, row[0]).astimezone(UTC)


def _lock_home(target: Path, *, folder: Path) -> str:
    """The home without its databases and the folder of backups, locked; answers the SHA-256 of what was written."""
    public = bytes.fromhex((home() / "recovery.pub").read_text())
    with target.open("wb") as file:
        box = Locking(file, public=public)
        with tarfile.open(fileobj=box, mode="w|", format=tarfile.PAX_FORMAT) as tar:
            for found, name in _belongings(folder):
                with suppress(FileNotFoundError):  # a temporary file of somebody's
                    _add(tar, found, name)
        box.finish()
        file.flush()
        os.fsync(file.fileno())
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, found: Path, name: str) -> None:
    """What is small is read at once, so that it may be written anew meanwhile; what is large only grows (heads)."""
    info = tar.gettarinfo(found, arcname=name)
    if info is None:
        return  # a socket
    if info.isreg() and info.size <= _SMALL:
        content = found.read_bytes()
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    else:
        tar.add(found, arcname=name, recursive=False)


def _belongings(folder: Path) -> Iterator[tuple[Path, str]]:
    """What of the home goes into a backup, and where from there: secrets, authority, heads, what providers keep."""
    elsewhere, heads = path(), configuration().heads.folder
    for found in sorted(home().rglob("*")):
        inside = found.relative_to(home())
        if _is_left_out(inside) or found.name.endswith(".lock") or found.name.startswith("draining-"):
            continue
        if any(found.is_relative_to(one) for one in (folder, configuration().backup_folder) if one):
            continue
        if inside == Path("warchest.toml") and elsewhere.absolute() != found:
            continue
        if inside.parts[0] == "heads" and heads:
            continue
        if found.is_file() or found.is_dir() or found.is_symlink():
            yield found, str(inside)
    if elsewhere.exists() and elsewhere.absolute() != home() / "warchest.toml":
        yield elsewhere, "warchest.toml"
    if heads:
        for found in sorted(Path(heads).rglob("*")):
            yield found, str(Path("heads") / found.relative_to(heads))


def _is_left_out(inside: Path) -> bool:
    """Databases have bases; and what the broker keeps is made anew, since it tells of what may be left behind."""
    top, *below = inside.parts
    return top in ("postgres", "broker", "line") or (top == "servers" and "postgres" in below[1:])


@contextmanager
def _alone(folder: Folder) -> Iterator[None]:
    folder.path.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnableToBackUp(
                "busy", explanation=f"Another backup is being made into {folder.path}."
            ) from None
        yield
