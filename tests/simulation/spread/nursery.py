"""One host of the simulation: a process that bears callers, workers and service hosts, each a process that may be killed."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from random import Random

from tests.simulation.nursery import bear
from tests.simulation.spread.notes import Notes
from tests.simulation.spread.world import World

FOLDER = Path(os.environ["SIMULATION_FOLDER"])
_THREADS = 2
_STEPS_FATAL = 0.04
"""So many of the steps of two-phase commit are a caller's last."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "warchest.config.settings")
    import django

    django.setup()
    # Before they are needed: a newborn that has to read its code would be killed while it reads.
    import warchest.jobs.app
    import warchest.runtime.broker.host  # noqa: F401

    FOLDER.mkdir(exist_ok=True)
    bear(ROLES, waited_for=("prepare", "judge"))


def prepare() -> None:
    from tests.builders.house import furnish
    from warchest.cli.deployment import migrate, running_databases

    with running_databases():
        migrate()
        furnish()
        World.make(FOLDER)


def serve(*names: str) -> None:
    """Answer calls for these services, until killed."""
    from warchest.config.wiring import wire
    from warchest.runtime import recovery
    from warchest.runtime.broker.host import Host
    from warchest.runtime.services import services

    os.environ["WARCHEST_SERVICES"] = ",".join(names)
    wire()
    recovery.start()
    Host(services).start()
    signal.pause()


def work() -> None:
    """Background work, until killed."""
    from warchest.jobs.app import run_worker
    from warchest.runtime import recovery

    stop = threading.Event()
    recovery.start(stop)
    run_worker(stop)


def call(seed: str) -> None:
    """Ask for everything over several connections, until killed, or until one of its own steps is the last."""
    from warchest.config.wiring import wire
    from warchest.runtime import recovery, two_phase

    os.environ["WARCHEST_SERVICES"] = ""
    wire()
    recovery.start()
    chance = Random(f"steps {seed}")

    def step(name: str) -> None:
        if chance.random() < _STEPS_FATAL:
            with (FOLDER / "steps").open("a") as steps:
                steps.write(f"{name.partition(':')[0]}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    two_phase.step = step  # type: ignore[assignment]
    notes = Notes(FOLDER / f"{seed}-{os.getpid()}.notes")
    world = World.read(FOLDER)
    threads = [
        threading.Thread(target=_go_on, args=(world, notes, Random(f"{seed} {number}"), f"{seed}.{number}"))
        for number in range(_THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _go_on(world: World, notes: Notes, chance: Random, name: str) -> None:
    """Whatever is away for a while is nobody's failure; what must never be is an alarm."""
    from django.db import connections
    from django.db.utils import InterfaceError, OperationalError

    from tests.simulation.spread.work import ask
    from warchest.kernel.errors import TryAgain

    earlier: list[tuple[str, str, dict[str, object]]] = []
    number = 0
    while True:
        if earlier and chance.random() < 0.2:
            asked = chance.choice(earlier)
        else:
            number += 1
            kind, arguments = world.something(chance, f"{name}-{number}")
            asked = (f"{name}-{os.getpid()}-{number}", kind, arguments)
            earlier.append(asked)
            notes.asks(*asked)
        try:
            world.look(chance)
            outcome, _ = ask(*asked)
            notes.heard(asked[0], outcome)
        except (TryAgain, OperationalError, InterfaceError):
            connections.close_all()
            time.sleep(0.05)
        except BaseException as error:
            notes.alarm(f"{asked}: {type(error).__name__}: {error}")
            raise


def judge() -> None:
    from tests.simulation.spread.verdict import judge as pronounce

    pronounce(FOLDER)


ROLES = {"prepare": prepare, "serve": serve, "work": work, "call": call, "judge": judge}

if __name__ == "__main__":
    sys.exit(main())
