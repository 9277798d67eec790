"""The benchmarks of the runtime and of cards run, and their tables are whole. No figure is looked at: those belong to the
machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(("subject", "lines"), [("runtime", 11), ("cards", 10)])
def test_every_row_has_a_figure(subject: str, lines: int, tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", subject, "--quick", "--json", str(told)],
        env={name: value for name, value in os.environ.items() if not name.startswith("WARCHEST_")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(told.read_text())
    assert len(figures["lines"]) == lines
    assert [line for line in figures["lines"] if not line["values"]] == []
    assert {goal["verdict"] for goal in figures["goals"]} <= {"met", "not met", ""}
