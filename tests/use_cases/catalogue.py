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
    """The last run of the tests, as far as it touched use cases."""

    finished_at: str
    arguments: list[str]
    """What the run was limited to; empty for the whole suite."""
    finished: bool
    """False when the run was broken off."""
    tests: dict[str, list[str]]
    """Outcomes of the tests of each id: passed, failed or skipped."""

    def shows(self, use_case: str) -> bool:
        """Whether a test of it passed and none failed."""
        outcomes = self.tests.get(use_case, [])
        return "passed" in outcomes and "failed" not in outcomes


def sections() -> dict[str, str]:
    return {section["id"]: section["title"] for section in _catalogue()["section"]}


def use_cases() -> dict[str, UseCase]:
    return {row["id"]: UseCase(**row) for row in _catalogue()["use_case"]}


def last_run() -> Run | None:
    try:
        return Run(**json.loads(RECORD.read_text()))
    except FileNotFoundError:
        return None


def record(run: Run) -> None:
    RECORD.write_text(json.dumps(vars(run), indent=1) + "\n")


def _catalogue() -> dict[str, list[dict[str, str]]]:
    return tomllib.loads(Path(__file__).with_name("catalogue.toml").read_text(encoding="utf-8"))
