"""How an embedded server is told to keep its WAL in the folder of backups, and to take it from there."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from warchest.runtime.backup import wal_copy
from warchest.runtime.backup.folder import Folder
from warchest.runtime.postgres import KeptWal


def kept_wal(folder: Path | None, *, server: str, every_s: int) -> KeptWal | None:
    """For the server of this name; None where the configuration names no folder."""
    if folder is None:
        return None
    target = Folder(folder).wal(server)
    return KeptWal(folder=target, command=keep_command(target), every_s=every_s)


def keep_command(folder: Path) -> str:
    """For ``archive_command``."""
    return f'{_program()} keep "%p" "{_literal(folder)}/%f"'


def fetch_command(folder: Path) -> str:
    """For ``restore_command``."""
    return f'{_program()} fetch "{_literal(folder)}/%f" "%p"'


def _program() -> str:
    # -I and -S: nothing of the environment, and no packages to look through.
    return shlex.join([sys.executable, "-I", "-S", wal_copy.__file__]).replace("%", "%%")


def _literal(path: Path) -> str:
    """Within a shell's double quotes, in a text whose percent signs PostgreSQL reads."""
    text = str(path).replace("%", "%%")
    for sign in ("\\", '"', "$", "`"):
        text = text.replace(sign, f"\\{sign}")
    return text
