"""A process that bears workers, each a process of its own that may be killed: ``python -m tests.simulation.nursery``.

It reads one command a line, forks, and answers with the child's number (``check`` is waited for: its exit status). Django
is loaded once, so that a worker that was killed is replaced at once. Run in a home whose database runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

from psycopg import errors as postgres

FOLDER = Path(os.environ["WARCHEST_HOME"]) / "simulation"
_PASSING = (postgres.DeadlockDetected, postgres.SerializationFailure, postgres.LockNotAvailable)
_THREADS = 3


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    import django

    django.setup()
    # Before they are needed: a newborn that has to read its code would be killed while it reads.
    import warchest.jobs.books  # noqa: F401

    FOLDER.mkdir(exist_ok=True)
    bear(ROLES, waited_for=WAITED_FOR)


def bear(roles: Mapping[str, Callable[..., None]], *, waited_for: Sequence[str]) -> None:
    """One child for each line on the standard input, until that ends."""
    for line in sys.stdin:
        role, *arguments = line.split()
        child = os.fork()
        if child == 0:
            # The terminal's and the tests' death is the children's.
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            os._exit(_live(roles[role], arguments))
        answer = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) if role in waited_for else child
        print(answer, flush=True)


def _live(role: Callable[..., None], arguments: list[str]) -> int:
    try:
        role(*arguments)
        return 0
    except BaseException:
        traceback.print_exc()
        return 1


class File:
    """What was acknowledged, on the disk before anybody goes on."""

    def __init__(self, name: str) -> None:
        self._file = os.open(FOLDER / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def posted(self, key: str, entry_id: UUID) -> None:
        self._write(f"posted {entry_id} {key}")

    def held(self, hold_id: UUID) -> None:
        self._write(f"held {hold_id}")

    def _write(self, line: str) -> None:
        os.write(self._file, line.encode() + b"\n")
        os.fsync(self._file)


def prepare() -> None:
    from django.core.management import call_command

    from tests.builders.house import furnish
    from tests.simulation import callers

    call_command("migrate", database="owner", verbosity=0)
    furnish()
    (FOLDER / "players").write_text("\n".join(map(str, callers.prepare())))


def call(seed: str) -> None:
    """Ask for everything, over several connections, until killed."""
    from tests.simulation.callers import WORK, Caller

    players = [UUID(line) for line in (FOLDER / "players").read_text().split()]
    work = [name for name in WORK if name not in ("fold", "seal")]
    callers = [
        Caller(
            seed=int(seed) * _THREADS + number,
            players=players,
            notes=File(f"{os.getpid()}.notes"),
            only=work,
        )
        for number in range(_THREADS)
    ]
    with ThreadPoolExecutor(_THREADS) as threads:
        list(threads.map(_go_on, [caller.once for caller in callers]))


def fold(seed: str) -> None:
    from tests.simulation.callers import Caller

    _go_on(Caller(seed=int(seed), players=[], notes=File("none"), only=["fold"]).once)


def seal(seed: str) -> None:
    from warchest.jobs.books import seal_journal

    _go_on(seal_journal)


def _go_on(work: Callable[[], object]) -> None:
    """Until killed; a server that is away for a while is nobody's failure."""
    from django.db import InterfaceError, OperationalError, connections

    while True:
        try:
            work()
        except (OperationalError, InterfaceError) as error:
            if isinstance(error.__cause__, _PASSING):
                _alarm()
            connections.close_all()
            time.sleep(0.05)
        except BaseException:
            _alarm()
            raise


def _alarm() -> None:
    with (FOLDER / "alarms").open("a") as alarms:
        traceback.print_exc(file=alarms)


def check() -> None:
    from tests.simulation.checks import assert_everything_is_as_answered

    answers, holds = [], []
    for notes in FOLDER.glob("*.notes"):
        # A line that was being written at the moment of death was not acknowledged to anybody.
        for line in notes.read_text().split("\n")[:-1]:
            what, identity, *key = line.split(" ")
            if what == "posted":
                answers.append((key[0], UUID(identity)))
            else:
                holds.append(UUID(identity))
    alarms = FOLDER / "alarms"
    assert not alarms.exists(), alarms.read_text()
    assert_everything_is_as_answered(answers, holds=holds)
    print(f"{len(answers)} acknowledged, {len(holds)} holds", file=sys.stderr)


ROLES = {"prepare": prepare, "call": call, "fold": fold, "seal": seal, "check": check}
WAITED_FOR = ("prepare", "check")

if __name__ == "__main__":
    main()
