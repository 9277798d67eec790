"""The benchmark of notices runs, and its table is whole. No figure is looked at: those belong to the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import payments


@pytest.mark.slow
def test_every_row_has_a_figure(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "payments", "--quick", "--json", str(told)],
        env={name: value for name, value in os.environ.items() if not name.startswith("WARCHEST_")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    # It counts the notices itself: stored, acted on, credited, each once.
    assert done.returncode == 0, done.stderr
    figures = json.loads(told.read_text())
    assert {line["who"] for line in figures["lines"]} == {*payments.P50, "the limit"}
    assert [line for line in figures["lines"] if not line["values"]] == []
    assert {goal["verdict"] for goal in figures["goals"]} <= {"met", "not met", ""}
