"""A house of its own beside the one that tests run in: a home with an embedded server, worked in by processes of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from warchest.runtime.postgres import EmbeddedPostgres

ROOT = Path(__file__).parents[2]

_WORK = """
import os, sys
from datetime import UTC, datetime
from warchest.runtime.deployment import running_django
with running_django():
    from tests.builders.house import ARENA_MONTH, furnish
    from tests.builders.people import a_command, a_player
    from warchest.accounting.contract import Accounting
    from warchest.journeys.prolong_subscription import prolong_subscription
    from warchest.ledger.contract import Ledger
    from warchest.runtime.services import services
    ledger = services.get(Ledger)

    def a_buyer():
        return a_player(nickname=f"buyer{os.urandom(5).hex()}", with_units="100000").id

    def purchase(key, player):
        prolong_subscription(a_command(key=key), player=player, plan=ARENA_MONTH, periods=1)

    def seal():
        for _ in range(3):
            ledger.fold()
        while ledger.seal():
            pass
        ledger.sign_head(at=datetime.now(UTC))

"""

_BUY = """
import select, time
buyer = a_buyer()
number = 0
while not select.select([sys.stdin], [], [], 0.03)[0]:
    number += 1
    key = f"{PREFIX}-{number}"
    before = datetime.now(UTC)
    purchase(key, buyer)
    print(key, before.isoformat(), datetime.now(UTC).isoformat(), flush=True)
    if number % 5 == 0:
        seal()
"""


_patterns: dict[str, Path] = {}
"""Homes of houses with books and nothing more, by their configuration. Made once, for this process's tests."""
_forever = ExitStack()
atexit.register(_forever.close)


@dataclass(frozen=True)
class Bought:
    """A purchase under this key was asked for at ``asked_at`` and answered at ``answered_at``."""

    key: str
    asked_at: datetime
    answered_at: datetime


@dataclass
class House:
    """``toml`` is its configuration, without where backups go; ``recovery_key`` is known from its first backup on."""

    home: Path
    backups: Path
    environment: dict[str, str] = field(default_factory=dict)
    recovery_key: str = ""
    toml: str = ""

    @property
    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("WARCHEST_") or name == "WARCHEST_POSTGRES_BIN"
        }
        return {
            **inherited,
            "WARCHEST_HOME": str(self.home),
            "WARCHEST_RECOVERY_KEY": self.recovery_key,
            "DJANGO_SETTINGS_MODULE": "warchest.config.settings",
            **self.environment,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "warchest.cli.main", *arguments]

    def start(self, *arguments: str, log: Path | None = None) -> subprocess.Popen[str]:
        """What it says goes into the file ``log``; None: to who reads it from a pipe, soon, for a full one stops it."""
        with log.open("a") if log else nullcontext(subprocess.PIPE) as output:
            return subprocess.Popen(
                self.command(*arguments),
                env=self._environment, cwd=ROOT, text=True, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def warchest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self._environment, cwd=ROOT, text=True, capture_output=True, timeout=110,
        )  # fmt: skip

    def done(self, *arguments: str) -> str:
        """What a command says that ends well."""
        done = self.warchest(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """What a command says that ends otherwise, in words."""
        done = self.warchest(*arguments)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert "Traceback" not in said
        return said

    def work(self, code: str) -> str:
        """Do something in the house, as its worker or its web server would."""
        process = self._at_work(code)
        said, _ = process.communicate(timeout=110)
        assert process.returncode == 0
        return said

    def _at_work(self, code: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _WORK + textwrap.indent(textwrap.dedent(code), "    ")],
            env=self._environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def found_with_books(self) -> House:
        """As after a first start, with what is sold; a copy of one that was made before, where that has come out alike."""
        if self.environment or "url =" in self.toml:
            return self._found()
        if self.toml not in _patterns:
            _patterns[self.toml] = _forever.enter_context(a_house(toml=self.toml))._found().home
        configuration = (self.home / "warchest.toml").read_text()
        shutil.copytree(_patterns[self.toml], self.home, symlinks=True, dirs_exist_ok=True)
        (self.home / "warchest.toml").write_text(configuration)
        return self

    def _found(self) -> House:
        self.done("migrate")
        self.work("furnish()")
        return self

    def backup(self, *arguments: str) -> str:
        """Make a backup; answers its name."""
        said = self.done("backup", *arguments)
        if "The recovery key: " in said:
            self.recovery_key = said.split("The recovery key: ")[1].split()[0]
        return max(folder.name for folder in (self.backups / "backups").iterdir())

    @contextmanager
    def buying(self, prefix: str) -> Iterator[list[Bought]]:
        """Purchases go on meanwhile; those that were answered are in the list after it."""
        answered: list[Bought] = []
        process = self._at_work(f"PREFIX = {prefix!r}\n{_BUY}")
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            yield answered
            rest, _ = process.communicate("enough\n", timeout=60)
            for line in (first + rest).splitlines():
                if line.startswith(prefix):
                    key, asked, got = line.split()
                    answered.append(Bought(key, datetime.fromisoformat(asked), datetime.fromisoformat(got)))
            assert process.returncode == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def restored(self, *arguments: str) -> tuple[House, str]:
        """A copy in a new home beside this one; it proves its books."""
        copy = self.beside()
        said = self.done("restore", "--from", str(self.backups), "--into", str(copy.home), *arguments)
        assert "The books are proved." in said
        return copy, said

    def beside(self) -> House:
        """A house yet to be restored, with the same environment."""
        number = sum(1 for _ in self.home.parent.iterdir())
        return House(
            self.home.parent / f"copy-{number}", self.backups, dict(self.environment), self.recovery_key
        )

    def rows(self, query: str, *, database: str = "warchest", server: str = "") -> list[tuple[Any, ...]]:
        """What the database says; the server is started for it where it does not run."""
        with (
            EmbeddedPostgres(self.home / server) as running,
            psycopg.connect(running.superuser_dsn(database=database), autocommit=True) as connection,
        ):
            cursor = connection.execute(query)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def bought(self) -> set[str]:
        """The keys of all purchases that the books know."""
        return {
            key for (key,) in self.rows("SELECT key FROM runtime_operation WHERE name LIKE 'subscriptions.%'")
        }


@contextmanager
def a_house(*, toml: str = "", **environment: str) -> Iterator[House]:
    # Not pytest's own folder: PostgreSQL may have to run as nobody, who must get in.
    parent = Path(tempfile.mkdtemp(prefix="warchest-house-", dir=_quickest()))
    parent.chmod(0o755)
    backups = parent / "backups"
    house = House(parent / "home", backups, environment, toml=toml)
    house.home.mkdir()
    (house.home / "warchest.toml").write_text(f'{toml}\n[backup]\nfolder = "{backups}"\n')
    try:
        yield house
    finally:
        _end_servers(parent)
        shutil.rmtree(parent, ignore_errors=True)


def _quickest() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _end_servers(parent: Path) -> None:
    for data in parent.glob("**/postgres"):
        server = EmbeddedPostgres(data.parent)
        while (pid := server.status().pid) is not None:
            os.kill(pid, signal.SIGQUIT)
            time.sleep(0.1)


def between(one: Bought, other: Bought) -> datetime:
    """A moment at which the first was answered and the second not yet asked for."""
    assert one.answered_at < other.asked_at
    return (one.answered_at + (other.asked_at - one.answered_at) / 2).astimezone(UTC)
