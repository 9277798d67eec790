"""The folder of backups: what lies where, what is whole, and what may go.

    house.json                         whose folder this is
    barriers.jsonl                     places at which all servers are of one mind, a line each
    backups/20261122T183000Z/          one backup; ``….part`` while it is made
        backup.json                    what it holds, written last
        home.box                       the home (secrets, authority, heads, configuration), locked
        base/SERVER/                   a base backup of each server, as PostgreSQL leaves it
    wal/SERVER/                        WAL, a compressed file for each segment

A folder takes its name only when all in it is on the disk; so what was cut off is never taken for a backup.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from warchest.kernel.errors import UnableTo

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_PART = ".part"


class UnableToBackUp(UnableTo):
    """The text says what to do. Nothing that looks like a backup was left."""

    reasons = frozenset(
        {
            "no_folder",  # the configuration names none
            "busy",  # another backup is being made into the folder
            "other_house",  # the folder holds backups of another house
            "set_aside",  # this house is itself a restored copy that is not in service
            "not_allowed",  # the database's role may not replicate
            "tablespaces",  # the server keeps data outside its folder
            "no_wal",  # segments of WAL are not kept, or do not arrive
            "failed",  # PostgreSQL's own program said no
            "torn",  # what was copied is not what the server has
        }
    )

    def __str__(self) -> str:
        return str(self.details["explanation"])


class UnableToRestore(UnableTo):
    """The text says what to do. A restore can be repeated; the folder of backups is only read."""

    reasons = frozenset(
        {
            "no_backup",  # none that is whole, or none before that moment
            "torn",  # the backup is not what was written
            "no_space",  # the backup is larger than what the new home's disk has left
            "not_empty",  # the new home holds data
            "busy",  # another restore works there
            "wal_missing",  # between the backup and the moment, or up to it
            "other_life",  # the newest backup is of a house that a restored copy has replaced
            "no_barrier",  # no place before that moment at which all servers are of one mind
            "no_binaries",  # PostgreSQL of that version is not here
            "failed",  # the server did not come up
            "not_set_aside",  # the house is in service already
            "taken_over",  # another copy was put into service
            "own_server",  # the configuration names a server of the operator's
        }
    )

    def __str__(self) -> str:
        return str(self.details["explanation"])


class Server(msgspec.Struct, frozen=True):
    """A server as it was backed up. ``databases`` by their aliases; ``begins_at`` is the first segment of WAL that its base
    needs; ``wal_kept``: all later segments were being kept as well."""

    name: str
    system: str
    version: int
    databases: dict[str, str]
    superuser: str
    timeline: int
    begins_at: str
    segment_bytes: int
    wal_kept: bool


class Backup(msgspec.Struct, frozen=True):
    """Any moment from ``ended_at`` on can be restored, as far as WAL reaches."""

    name: str
    cluster: str
    made_by: str
    begun_at: datetime
    ended_at: datetime
    size_bytes: int
    box_sha256: str
    servers: tuple[Server, ...]


class Barrier(msgspec.Struct, frozen=True):
    """Every server has a restore point of this name, in the segment of its WAL that ``segments`` names; all of them were
    made before ``at``."""

    name: str
    at: datetime
    segments: dict[str, str]


class Folder:
    """The backups of one house."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self.lock = self.path / "lock"
        self._house = self.path / "house.json"
        self._barriers = self.path / "barriers.jsonl"
        self._backups = self.path / "backups"

    # -- what lies where ------------------------------------------------------------------------------------

    def wal(self, server: str) -> Path:
        return self.path / "wal" / server

    def of(self, backup: str) -> Path:
        return self._backups / backup

    def base(self, backup: str, server: str) -> Path:
        return self.of(backup) / "base" / server

    def box(self, backup: str) -> Path:
        return self.of(backup) / "home.box"

    # -- whose it is ----------------------------------------------------------------------------------------

    def claim(self, *, cluster: str, systems: dict[str, str]) -> None:
        """Make the folder this house's, by its servers' own numbers. Raises UnableToBackUp."""
        self._backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        known: dict[str, str] = {}
        if self._house.exists():
            found = msgspec.json.decode(self._house.read_bytes())
            known = found["systems"]
            if found["cluster"] != cluster or any(
                known.get(name, system) != system for name, system in systems.items()
            ):
                raise UnableToBackUp(
                    "other_house",
                    explanation=f"{self.path} holds the backups of another house. Choose a folder of its own.",
                )
        if known | systems != known or not self._house.exists():
            written = msgspec.json.encode({"cluster": cluster, "systems": known | systems})
            write_down(self._house, written)

    # -- backups --------------------------------------------------------------------------------------------

    def begin(self, name: str) -> Path:
        """A folder to make a backup in, and what was cut off before is gone."""
        for left in self._backups.glob(f"*{_PART}"):
            shutil.rmtree(left)
        aside = self._backups / f"{name}{_PART}"
        aside.mkdir(mode=0o700)
        return aside

    def finish(self, backup: Backup) -> None:
        """Everything of it is on the disk: give it its name."""
        aside = self._backups / f"{backup.name}{_PART}"
        write_down(aside / "backup.json", msgspec.json.format(msgspec.json.encode(backup)))
        for folder in (aside / "base", aside):
            sync_folder(folder)
        aside.rename(self.of(backup.name))
        sync_folder(self._backups)

    def backups(self) -> tuple[Backup, ...]:
        """All that are whole, oldest first."""
        found = []
        for file in sorted(self._backups.glob("*/backup.json")):
            if not file.parent.name.endswith(_PART):
                found.append(msgspec.json.decode(file.read_bytes(), type=Backup))
        return tuple(sorted(found, key=lambda backup: backup.ended_at))

    def prune(self, *, keep: int) -> tuple[str, ...]:
        """Remove all but the newest ``keep`` backups, and the WAL that none of the kept ones needs; answers their names."""
        backups = self.backups()
        gone = backups[:-keep]
        for backup in gone:
            # Without its name first: what is half removed is no backup.
            aside = self._backups / f"{backup.name}{_PART}"
            self.of(backup.name).rename(aside)
            shutil.rmtree(aside)
        kept = backups[-keep:]
        for name in {server.name for backup in kept for server in backup.servers}:
            needed = min(
                server.begins_at[8:] for backup in kept for server in backup.servers if server.name == name
            )
            for file in self.wal(name).glob("*"):
                # The first eight digits are the timeline: a line that ended is older than what follows it.
                if _SEGMENT.fullmatch(file.name[:24]) and file.name[8:24] < needed:
                    file.unlink()
        return tuple(backup.name for backup in gone)

    # -- WAL ------------------------------------------------------------------------------------------------

    def wal_reaches(self, backup: Backup, server: Server) -> tuple[str, datetime | None, str | None]:
        """The last segment up to which WAL has no gap, when the server last wrote to that, and the first one missing
        behind it, if there are later ones."""
        own = self.base(backup.name, server.name) / "pg_wal"
        files = {
            file.name[:24]: file
            for folder in (own, self.wal(server.name))
            if folder.exists()
            for file in folder.iterdir()
            if _SEGMENT.fullmatch(file.name) and int(file.name[:8], 16) == server.timeline
        }
        at = last = server.begins_at
        while at in files:
            last, at = at, next_segment(at, server.segment_bytes)
        kept = self.wal(server.name) / last
        written = datetime.fromtimestamp(kept.stat().st_mtime).astimezone() if kept.exists() else None
        return last, written, at if any(name > at for name in files) else None

    def lives(self, server: Server) -> int:
        """The newest timeline whose WAL was ever kept for this server: another one since each copy that took the house's
        place."""
        found = [int(file.name[:8], 16) for file in self.wal(server.name).glob("*.history")]
        return max([server.timeline, *found])

    # -- barriers -------------------------------------------------------------------------------------------

    def remember(self, barrier: Barrier) -> None:
        new = not self._barriers.exists()
        with self._barriers.open("ab+") as file:
            line = msgspec.json.encode(barrier) + b"\n"
            if size := file.seek(0, os.SEEK_END):
                file.seek(size - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync_folder(self.path)

    def barriers(self) -> Iterator[Barrier]:
        """In the order in which they were made. What a crash has left of a line is none."""
        if not self._barriers.exists():
            return
        for line in self._barriers.read_bytes().split(b"\n"):
            try:
                yield msgspec.json.decode(line, type=Barrier)
            except msgspec.MsgspecError:
                continue


def next_segment(name: str, segment_bytes: int) -> str:
    """The name of the segment behind this one."""
    in_log = (1 << 32) // segment_bytes
    number = int(name[8:16], 16) * in_log + int(name[16:], 16) + 1
    return f"{name[:8]}{number // in_log:08X}{number % in_log:08X}"


def write_down(path: Path, content: bytes) -> None:
    """Write a small file so that it is there whole or not at all, and see it on the disk."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
