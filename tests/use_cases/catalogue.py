"""The catalogue of use cases, read from catalogue.toml, and the record of which tests last showed them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

RECORD = Path(__file__).parents[2] / ".use-cases.json"


@dataclass(frozen=True, kw_only=True)
class UseCase:
    id: str
    size: str
    actor: str
    text: str

    @property
    def section(self) -> str:
        return self.id.partition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the tests, as far as it touched use cases."""

    finished_at: str
    arguments: list[str]
    """What the run was limited to; empty for the whole suite."""
    finished: bool
    """False when the run was broken off."""
    tests: dict[str, list[str]]
    """Outcomes of the tests of each id: passed, failed or skipped."""
    spread: str = ""
    """What services were spread over; empty: over nothing, they were in one process with one database."""

    def shows(self, use_case: str) -> bool:
        """Whether a test of it passed and none failed."""
        outcomes = self.tests.get(use_case, [])
        return "passed" in outcomes and "failed" not in outcomes


def sections() -> dict[str, str]:
    return {section["id"]: section["title"] for section in _catalogue()["section"]}


def use_cases() -> dict[str, UseCase]:
    return {row["id"]: UseCase(**row) for row in _catalogue()["use_case"]}


def last_runs() -> tuple[Run, ...]:
    """The last run in one process first, then what was run since then with services spread."""
    try:
        return tuple(Run(**run) for run in json.loads(RECORD.read_text())["runs"])
    except (FileNotFoundError, KeyError):
        return ()


def record(run: Run) -> None:
    """A run in one process replaces all that was before it; a spread one only its like."""
    kept = [each for each in last_runs() if each.spread != run.spread] if run.spread else []
    RECORD.write_text(json.dumps({"runs": [vars(each) for each in (*kept, run)]}, indent=1) + "\n")


def working() -> set[str]:
    """The rows that a test of the last runs showed working, and none failed in any of them."""
    runs = last_runs()
    failed = {id for run in runs for id, outcomes in run.tests.items() if "failed" in outcomes}
    return {id for run in runs for id in run.tests if run.shows(id)} - failed


def _catalogue() -> dict[str, list[dict[str, str]]]:
    return tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
