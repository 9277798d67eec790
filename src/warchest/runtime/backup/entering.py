"""Putting a restored house into service: from then on it is the house, and writes where the one before it wrote."""

from __future__ import annotations

from pathlib import Path

from warchest.runtime import set_aside
from warchest.runtime.backup import wal_copy
from warchest.runtime.backup.folder import Folder, UnableToRestore, sync_folder
from warchest.runtime.configuration import Configuration
from warchest.runtime.set_aside import SetAside


def begin(home: Path, wanted: Configuration) -> SetAside:
    """Let the home out of being set aside; ``wanted`` is what its file says. No process of the house runs. Can be repeated.

    Raises UnableToRestore.
    """
    note = set_aside.note(home) or set_aside.note(home, name=set_aside.ENTERING)
    if note is None or not note.finished:
        raise UnableToRestore(
            "not_set_aside",
            explanation=f"{home} is no restored house that waits to be put into service."
            if note is None
            else f"The restore into {home} was cut off: repeat it.",
        )
    if wanted.database.url or any(further.url for further in wanted.databases.values()):
        raise UnableToRestore(
            "own_server",
            explanation="The configuration names a server of your own ([database] url), and this copy is an embedded one."
            " Take the url out to go on with the copy, or restore your server by its own tools.",
        )
    if wanted.backup_folder is not None:
        for server, timeline in note.timelines.items():
            _claim_timeline(Folder(wanted.backup_folder), home / note.servers[server], server, timeline)
    if (home / set_aside.NAME).exists():
        (home / set_aside.NAME).rename(home / set_aside.ENTERING)
        sync_folder(home)
    return note


def end(home: Path) -> None:
    """All is done: portal and worker may start."""
    (home / set_aside.ENTERING).rename(home / set_aside.ENTERED)
    sync_folder(home)


def _claim_timeline(folder: Folder, home: Path, server: str, timeline: int) -> None:
    """Each restored server goes on with a timeline of its own, whose WAL must mix with no other copy's."""
    history = f"{timeline:08X}.history"
    folder.wal(server).mkdir(mode=0o700, parents=True, exist_ok=True)
    if wal_copy.keep(home / "postgres" / "data" / "pg_wal" / history, folder.wal(server) / history):
        raise UnableToRestore(
            "taken_over",
            explanation=f"{folder.wal(server) / history} belongs to another restored copy, which was put into service before."
            " Restore again, to go on from what that one did, or choose another [backup] folder.",
        )
