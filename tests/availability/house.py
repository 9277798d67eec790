"""A house of its own for a test: a home, a database that somebody runs, processes over it, and what is checked at the end."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.availability.processes import Code, Portal, Process, Worker, a_port, environment
from tests.availability.workload import Books, Furniture, Tally, assert_as_acknowledged

_HERE = Path(__file__).parent


class House:
    def __init__(self, folder: Path, *, like: Path | None, **more: str) -> None:
        self.folder = folder
        self.home = folder / "home"
        if like:
            shutil.copytree(like, self.home, symlinks=True)
        else:
            self.home.mkdir(mode=0o755)
        self.given = environment(self.home, DJANGO_SETTINGS_MODULE="warchest.config.settings", **more)
        self.processes: list[Process] = []

    def furnish(self, *, code: Code | None = None, players: int = 30, cards: int = 0) -> Furniture:
        """Bring the schema up to the code's version and fill the house."""
        code = code or Code()
        code.warchest("migrate", given=self.given)
        printed = code.run(str(_HERE / "furnishing.py"), str(players), str(cards), given=self.given)
        return Furniture.read(printed)

    def portals(self, *names: str, code: Code | None = None, kind: type[Portal] = Portal) -> list[Portal]:
        """Started, and ready."""
        portals = [
            kind(name, port=a_port(), given=self.given, folder=self.folder, code=code) for name in names
        ]
        self.processes += portals
        for portal in portals:
            portal.start()
        for portal in portals:
            portal.wait_until_ready()
        return portals

    def worker(self, name: str = "worker", *, code: Code | None = None) -> Worker:
        worker = Worker(name, given=self.given, folder=self.folder, code=code)
        self.processes.append(worker)
        worker.start()
        return worker

    def assert_as_acknowledged(
        self, furniture: Furniture, tally: Tally, *, codes: tuple[Code, ...] = ()
    ) -> None:
        """The books hold what the callers were told, and every version of the code proves them."""
        for code in codes or (Code(),):
            assert_as_acknowledged(tally, self.look(furniture, code=code))
            assert "The books are proved" in code.warchest("prove", given=self.given)

    def look(self, furniture: Furniture, *, code: Code | None = None) -> Books:
        code = code or Code()
        return Books.read(code.run(str(_HERE / "looking.py"), *furniture.players, given=self.given))

    def warchest(self, *arguments: str) -> str:
        return Code().warchest(*arguments, given=self.given)

    def doctor(self) -> str:
        """What it finds, well or wrong."""
        code = Code()
        return subprocess.run(
            code.command("-m", "warchest.cli.main", "doctor"),
            env=code.environment(self.given),
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout

    def stop_processes(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                process.stop()


@contextmanager
def a_house(*, like: Path | None = None, **given: str) -> Iterator[House]:
    """``like``: the home of another that it is a copy of; ``given``: further variables of its processes' environment."""
    # Not pytest's own folder: PostgreSQL may have to run as nobody, who must get in.
    folder = Path(tempfile.mkdtemp(prefix="warchest-availability-"))
    folder.chmod(0o755)
    house = House(folder, like=like, **given)
    try:
        yield house
    finally:
        house.stop_processes()
        shutil.rmtree(folder, ignore_errors=True)
