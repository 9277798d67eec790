"""A restored house that is not in service: it is looked at and proved, and talks to nobody.

The note lies in the home from the first file that a restore brings until the house is put into service. While it is there,
the configuration knows no provider, no game server, no mail server, no server of the operator's, no folder of backups, and
no folder of heads outside; and neither portal nor worker starts.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import msgspec

from warchest.kernel.errors import UnableTo

NAME = "set-aside.json"
ENTERING = "entering.json"
"""Its name while the house is being put into service, which can be repeated from there."""
ENTERED = "restored.json"


class UnableToServe(UnableTo):
    """``set_aside``: this home was restored, and nobody has put it into service."""

    reasons = frozenset({"set_aside"})

    def __str__(self) -> str:
        return (
            "This house was restored and is set aside. Once the one that it was made from is down for good: "
            "warchest restore --put-into-service."
        )


class SetAside(msgspec.Struct, frozen=True):
    """``finished`` once all is restored. ``wanted_at``: the moment that was asked for, None for the latest; ``reached_at``:
    when the last of what was rolled forward was committed, None where nothing was."""

    backup: str
    begun_at: datetime
    wanted_at: datetime | None = None
    barrier: str = ""
    databases: dict[str, str] = {}
    """What each database is called on its server, by its alias."""
    own_servers: tuple[str, ...] = ()
    """Aliases of those that lie on an embedded server of their own."""
    servers: dict[str, str] = {}
    """The folder of each server's data, within the home, by the server's name."""
    timelines: dict[str, int] = {}
    """Of the copy, by the server's name."""
    reached_at: datetime | None = None
    finished: bool = False


def note(home: Path | None = None, *, name: str = NAME) -> SetAside | None:
    """The note of this deployment's home, or of another one."""
    folder = home or Path(os.environ.get("WARCHEST_HOME") or "var")
    try:
        return msgspec.json.decode((folder / name).read_bytes(), type=SetAside)
    except FileNotFoundError:
        return None


def check_in_service() -> None:
    """Raises UnableToServe where this house is a copy that is set aside."""
    if note() or note(name=ENTERING):
        raise UnableToServe("set_aside")
