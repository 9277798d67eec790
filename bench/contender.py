"""Contenders seen from outside: whose Python runs them, whether they can be had here, and their steps."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.worker import Place

ROOT = Path(__file__).parents[1]
OURS = Path(sys.executable)
PEERS = ROOT / ".venv-bench" / "bin" / "python"
PGLEDGER = "WARCHEST_BENCH_PGLEDGER"
TIGERBEETLE = "WARCHEST_BENCH_TIGERBEETLE"


class StepFailed(RuntimeError):
    """A contender's step ended badly; the text says how."""


@dataclass(frozen=True, slots=True)
class Contender:
    """``distribution`` is what it must have installed, and whose version is told; ``put_in_place`` the variable that names
    what an operator fetched for it."""

    name: str
    module: str
    python: Path
    distribution: str = ""
    put_in_place: str = ""

    def missing(self) -> str:
        """Why it cannot be measured here; empty if it can."""
        if self.put_in_place:
            path = os.environ.get(self.put_in_place, "")
            if not path:
                return f"{self.put_in_place} is not set"
            if not Path(path).exists():
                return f"{self.put_in_place} names no file"
        if not self.python.exists():
            return "the peers' environment was not installed"
        if self.distribution and not self.version():
            return f"{self.distribution} is not installed"
        return ""

    def version(self) -> str:
        """Of its distribution; of a file that was put in place the first letters of its SHA-256; empty where missing."""
        if self.put_in_place and not self.distribution:
            path = Path(os.environ.get(self.put_in_place, ""))
            return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else ""
        if not self.distribution or not self.python.exists():
            return ""
        asked = f"from importlib.metadata import version; print(version({self.distribution!r}))"
        done = subprocess.run([str(self.python), "-c", asked], capture_output=True, text=True)
        return done.stdout.strip()


class Worker:
    """A contender's process. It lives until it is closed, so that no step pays for imports anew."""

    def __init__(self, contender: Contender) -> None:
        # Only loopback is spoken with; what the caller's environment says of servers is none of a contender's.
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("WARCHEST_", "PG", "DJANGO"))
        }
        self._told = tempfile.TemporaryFile("w+")  # noqa: SIM115 as long as the process
        self._process = subprocess.Popen(
            [str(contender.python), "-m", contender.module],
            cwd=ROOT,
            env=kept | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._told,
            text=True,
        )

    def ask(self, step: str, place: Place, **arguments: Any) -> Mapping[str, Any]:
        """Raises StepFailed."""
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"step": step, "place": asdict(place), **arguments}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._told.seek(0)
            lines = [told for told in self._told.read().splitlines() if told.strip()]
            raise StepFailed(lines[-1] if lines else "its process ended")
        answer = json.loads(line)
        if "error" in answer:
            raise StepFailed(answer["error"])
        return answer["answer"]

    def close(self) -> None:
        self._process.communicate()
        self._told.close()


@dataclass(slots=True)
class Entrant:
    """A contender in this run, with its database prepared. ``why_not`` says what kept it from taking part."""

    contender: Contender
    place: Place
    why_not: str = ""
    _worker: Worker | None = None

    def step(self, name: str, *, variant: str = "", **arguments: Any) -> Mapping[str, Any]:
        """Raises StepFailed."""
        if self._worker is None:
            self._worker = Worker(self.contender)
        return self._worker.ask(name, replace(self.place, variant=variant), **arguments)

    def beside(self) -> Entrant:
        """The same with a process of its own, for what is done at the same time. Close it."""
        return Entrant(self.contender, self.place)

    def elsewhere(self, *, dsn: str) -> Entrant:
        """The same in another database. Close it."""
        return Entrant(self.contender, replace(self.place, dsn=dsn))

    def close(self) -> None:
        if self._worker:
            self._worker.close()
            self._worker = None


WARCHEST = Contender("Warchest", "bench.contenders.warchest", OURS, "warchest")
JOURNEY = Contender("Warchest's journey", "bench.contenders.warchest_journey", OURS, "warchest")
HORDAK = Contender("django-hordak", "bench.contenders.hordak", PEERS, "django-hordak")
NAIVE = Contender("naive Django ORM", "bench.contenders.naive", PEERS, "django")
PYTHON_ACCOUNTING = Contender(
    "python-accounting", "bench.contenders.python_accounting", PEERS, "python-accounting"
)
PGLEDGER_SQL = Contender("pgledger", "bench.contenders.pgledger", PEERS, put_in_place=PGLEDGER)
TIGERBEETLE_SERVER = Contender(
    "TigerBeetle", "bench.contenders.tigerbeetle", PEERS, "tigerbeetle", TIGERBEETLE
)
BARE = Contender("one row, no ledger", "bench.contenders.bare_commit", OURS, "psycopg")
PEERS_NAMED = (PGLEDGER_SQL, TIGERBEETLE_SERVER, HORDAK, NAIVE, PYTHON_ACCOUNTING)
