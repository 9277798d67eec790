"""Whether this process lives, and whether it is ready to serve: the same words in every kind of process.

It *lives* while what has to move in it moves; whoever finds that it does not may kill it, which is safe at any moment. It is
*ready* when everything is there that a request needs; until then others are asked. A process that was told to stop says
first that it is not ready, so that nobody is sent to it who would find the door closed.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import InterfaceError, OperationalError, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from warchest.runtime import databases
from warchest.runtime.roles import Role
from warchest.runtime.services import COORDINATOR

DRAINING_FILE = "WARCHEST_DRAINING"
"""Names a file, in the environment; once it is there, all processes that were told of it say that they are not ready."""

_TABLELESS = {"admin"}
"""Of what the back office has installed, what has no tables here: its changes stand in the record of operations."""

Check = Callable[[], str]
"""Answers what is missing, in a few words for an operator; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class _Movement:
    at_s: float
    within_s: float


_movements: dict[str, _Movement] = {}
_checks: dict[str, Check] = {}
_draining = False


# Living.


def moved(name: str, *, within_s: float) -> None:
    """Say that something moves, and within how many seconds it will say so again."""
    _movements[name] = _Movement(time.monotonic(), within_s)


def ended(name: str) -> None:
    """Say that something moves no more, as it should."""
    _movements.pop(name, None)


def stuck() -> list[str]:
    """What has not moved for longer than it said; nothing in a process that lives."""
    moment = time.monotonic()
    return sorted(name for name, last in tuple(_movements.items()) if moment - last.at_s > last.within_s)


# Being ready.


def drain() -> None:
    """From now on this process is not ready. It goes on serving whoever comes all the same."""
    global _draining
    _draining = True


def is_draining() -> bool:
    file = os.environ.get(DRAINING_FILE)
    return _draining or bool(file and Path(file).exists())


def require(name: str, check: Check) -> None:
    """Ask this too before calling the process ready; again under the same name replaces it."""
    _checks[name] = check


def missing() -> list[str]:
    """What keeps this process from being ready, in the order in which it is worth reading."""
    if is_draining():
        return ["draining: this process was told to stop"]
    found = []
    for alias in databases.aliases():
        found += _of_database(alias)
    for name, check in _checks.items():
        if problem := _tried(name, check):
            found.append(problem)
    return found


def _of_database(alias: str) -> list[str]:
    called = "database" if alias == COORDINATOR else f"database {alias}"
    migrations = "migrations" if alias == COORDINATOR else f"migrations of {alias}"
    if problem := _tried(called, lambda: _answers(alias, called)):
        return [problem]
    problem = _tried(migrations, lambda: _is_behind(alias, migrations))
    return [problem] if problem else []


def _tried(name: str, check: Check) -> str:
    try:
        return check()
    except (OperationalError, InterfaceError):
        return f"{name}: does not answer"
    except Exception as error:
        return f"{name}: {type(error).__name__}"


def _answers(alias: str, called: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user")
        (user,) = cursor.fetchone()
    return "" if user == Role.JOURNEY else f"{called}: signed in as {user}"


def _is_behind(alias: str, called: str) -> str:
    """A schema that is ahead of the code is no reason to stand aside: that is how an upgrade begins."""
    applied: Any = MigrationRecorder(connections[alias]).applied_migrations()
    waiting = len(_known_migrations() - applied.keys())
    return f"{called}: {waiting} not applied" if waiting else ""


@functools.cache
def _known_migrations() -> frozenset[tuple[str, str]]:
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return frozenset((app, name) for app, name in found if app not in _TABLELESS)
