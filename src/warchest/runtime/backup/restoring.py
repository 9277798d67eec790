"""Restoring a house into a new home: its belongings, and every server rolled forward to one moment.

A note in the home says that it is being restored; who finds it there begins anew, so a restore may be killed anywhere. Nothing
but the new home is written to. What the databases themselves need then (promises, the chain's heads) is for those who
know them: see ``cli.restore``.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec

from warchest.runtime import set_aside
from warchest.runtime.backup.folder import (
    Backup,
    Barrier,
    Folder,
    Server,
    UnableToBackUp,
    UnableToRestore,
    write_down,
)
from warchest.runtime.backup.making import verify_base
from warchest.runtime.backup.recovering import (
    NotReached,
    Reached,
    Target,
    end_leftovers,
    programs,
    put_base,
    roll_forward,
)
from warchest.runtime.backup.strongbox import Opened
from warchest.runtime.set_aside import SetAside

Tell = Callable[[str], None]

_LOCK = "restore.lock"


@dataclass(frozen=True)
class Plan:
    """From which backup, and to which barrier where there are several servers."""

    backup: Backup
    barrier: Barrier | None


def choose(folder: Folder, *, moment: datetime | None, named: str | None = None) -> Plan:
    """The newest backup, or the one of this name, from which the moment can be reached (None: the latest).

    Raises UnableToRestore.
    """
    backups = [backup for backup in folder.backups() if named in (None, backup.name)]
    fitting = [backup for backup in reversed(backups) if moment is None or backup.ended_at <= moment]
    if not fitting:
        raise UnableToRestore(
            "no_backup",
            explanation=f"{f'Backup {named}' if named else f'The oldest backup in {folder.path}'} was ready at"
            f" {_told(backups[0].ended_at)}: nothing before that can be restored."
            if backups
            else f"There is no backup {f'{named} ' if named else ''}in {folder.path}.",
        )
    if moment is None and any(folder.lives(server) > server.timeline for server in fitting[0].servers):
        raise UnableToRestore(
            "other_life",
            explanation=f"After backup {fitting[0].name} a restored copy took the house's place, and no backup of that was"
            " made. Without --to the former house would be restored, with all that was left behind: say which moment of it.",
        )
    if len(fitting[0].servers) == 1:
        return Plan(fitting[0], None)
    barriers = list(folder.barriers())
    for backup in fitting:
        for barrier in reversed(barriers):
            in_time = backup.ended_at <= barrier.at and (moment is None or barrier.at <= moment)
            if in_time and _has_arrived(folder, backup, barrier):
                return Plan(backup, barrier)
    raise UnableToRestore(
        "no_barrier",
        explanation="Before that moment there is no place at which all servers are of one mind and up to which their WAL"
        " is kept.",
    )


def _has_arrived(folder: Folder, backup: Backup, barrier: Barrier) -> bool:
    def arrived(server: Server) -> bool:
        segment, last = barrier.segments.get(server.name, ""), folder.wal_reaches(backup, server)[0]
        return segment[:8] == last[:8] and segment[8:] <= last[8:]

    return all(map(arrived, backup.servers))


def restore(
    folder: Folder, *, into: Path, moment: datetime | None, named: str | None, key: str, tell: Tell
) -> SetAside:
    """Restore into a home that is empty, or that an interrupted restore has left, and that is ``taken`` for it.

    Answers the note of the home, which is not ``finished`` yet. Raises UnableToRestore, UnableToOpen.
    """
    plan = choose(folder, moment=moment, named=named)
    backup = plan.backup
    for server in backup.servers:
        programs(server)
    _empty(into)
    if (free := shutil.disk_usage(into).free) < backup.size_bytes:
        raise UnableToRestore(
            "no_space",
            explanation=f"{into} has room for {free / 1e6:.0f} MB, and the backup has {backup.size_bytes / 1e6:.0f} MB.",
        )
    homes = _homes(backup, into)
    note = SetAside(
        backup=backup.name,
        begun_at=datetime.now(UTC),
        wanted_at=moment,
        barrier=plan.barrier.name if plan.barrier else "",
        databases={alias: name for server in backup.servers for alias, name in server.databases.items()},
        own_servers=tuple(alias for alias, (_, home) in homes.items() if home != into),
        servers={alias: str(home.relative_to(into)) for alias, (_, home) in homes.items()},
    )
    _write(into, note)
    tell("belongings")
    _unlock(folder, backup, into, key=key)
    reached = dict[str, Reached]()
    for alias, (server, home) in homes.items():
        tell(f"{server.name}: is the base whole?")
        _verify(folder, backup, server)
        put_base(folder, backup.name, server, home, tell=tell)
        reached[alias] = _roll(folder, plan, server, home, moment=moment, tell=tell)
    moments = [one.at for one in reached.values() if one.at]
    note = msgspec.structs.replace(
        note,
        timelines={alias: one.timeline for alias, one in reached.items()},
        reached_at=max(moments) if moments else None,
    )
    _write(into, note)
    return note


def finish(home: Path) -> SetAside:
    """All is done that a restore does: the home is whole."""
    note = set_aside.note(home)
    assert note is not None
    note = msgspec.structs.replace(note, finished=True)
    os.sync()
    _write(home, note)
    return note


def _homes(backup: Backup, into: Path) -> dict[str, tuple[Server, Path]]:
    """Where each server's data go: the coordinator's into the home itself, others by the alias of a database of theirs."""
    found: dict[str, tuple[Server, Path]] = {}
    for server in backup.servers:
        if server is backup.servers[0]:
            found[server.name] = (server, into)
        else:
            # A server of the operator's with several of our databases becomes as many embedded ones.
            found |= {alias: (server, into / "servers" / alias) for alias in server.databases}
    return found


def _roll(
    folder: Folder, plan: Plan, server: Server, home: Path, *, moment: datetime | None, tell: Tell
) -> Reached:
    target = Target(
        moment=None if plan.barrier else moment, barrier=plan.barrier.name if plan.barrier else ""
    )
    last, written_at, missing = folder.wal_reaches(plan.backup, server)
    if target == Target() and missing:
        raise UnableToRestore(
            "wal_missing",
            explanation=f"{missing} of {server.name} is missing, and later WAL is there. Say --to a moment before it, or"
            " bring it back.",
        )

    def forward(target: Target) -> Reached:
        password = _superuser_password(home)
        return roll_forward(folder, server, home, target=target, superuser_password=password, tell=tell)

    try:
        return forward(target)
    except NotReached:
        if target.barrier or moment is None or missing or written_at is None or written_at < moment:
            raise UnableToRestore(
                "wal_missing",
                explanation=f"WAL of {server.name} does not reach to that moment: "
                + (f"{missing} is missing." if missing else f"its last segment, {last}, ")
                + (
                    ""
                    if missing
                    else f"was written to until {_told(written_at)}."
                    if written_at
                    else "is the base's own."
                )
                + " Leave --to away for all that there is.",
            ) from None
    # Nothing was committed behind the moment, and WAL tells of a time after it: all of it is wanted.
    return forward(Target())


def _superuser_password(home: Path) -> str:
    file = home / "secrets" / "postgres-postgres"
    if not file.exists():
        # It was a server of the operator's.
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_down(file, secrets.token_urlsafe(24).encode())
    return file.read_text()


def _unlock(folder: Folder, backup: Backup, into: Path, *, key: str) -> None:
    box = folder.box(backup.name)
    with box.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != backup.box_sha256:
            raise UnableToRestore("torn", explanation=f"{box} is not what was written.")
        file.seek(0)
        opened = io.BufferedReader(Opened(file, key=key), 1 << 16)
        with tarfile.open(fileobj=opened, mode="r|") as tar:
            # Our own archive, sealed and compared with its digest; Python before 3.11.4 knows no filters.
            tar.extraction_filter = getattr(tarfile, "tar_filter", None)
            tar.extractall(into)


def _verify(folder: Folder, backup: Backup, server: Server) -> None:
    try:
        verify_base(folder.base(backup.name, server.name), version=server.version)
    except UnableToBackUp as error:
        raise UnableToRestore("torn", explanation=str(error)) from None


def check(folder: Folder, backup: Backup) -> None:
    """Whether a backup is what was written, and its WAL has no gap. Raises UnableToRestore."""
    box = folder.box(backup.name)
    with box.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != backup.box_sha256:
            raise UnableToRestore("torn", explanation=f"{box} is not what was written.")
    for server in backup.servers:
        _verify(folder, backup, server)
        if missing := folder.wal_reaches(backup, server)[2]:
            raise UnableToRestore(
                "wal_missing", explanation=f"{missing} of {server.name} is missing, and later WAL is there."
            )


def _empty(into: Path) -> None:
    """Nothing but the lock in it. Raises UnableToRestore for a home that holds data."""
    there = [path for path in into.iterdir() if path.name != _LOCK]
    if not there:
        return
    note = set_aside.note(into)
    if note is None or note.finished:
        raise UnableToRestore(
            "not_empty",
            explanation=f"{into} holds {'a restored house' if note else 'data'}. Choose an empty folder, or a new one.",
        )
    end_leftovers(into)
    # The note goes last: whoever is killed here leaves a home that says what it is.
    for path in sorted(there, key=lambda path: path.name == set_aside.NAME):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def taken(into: Path) -> Iterator[int]:
    """Nobody else restores into this home meanwhile. Answers what a process must inherit that goes on with it.

    Raises UnableToRestore.
    """
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (into / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnableToRestore("busy", explanation=f"Another restore works in {into}.") from None
        yield lock.fileno()


def _write(home: Path, note: SetAside) -> None:
    write_down(home / set_aside.NAME, msgspec.json.format(cast(bytes, msgspec.json.encode(note))))


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
