"""The benchmark of the runtime runs, and its table is whole. No figure is looked at: those belong to the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_row_has_a_figure(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "runtime", "--quick", "--json", str(told)],
        env={name: value for name, value in os.environ.items() if not name.startswith("WARCHEST_")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(told.read_text())
    assert len(figures["lines"]) == 11
    assert [line for line in figures["lines"] if not line["values"]] == []
    assert {goal["verdict"] for goal in figures["goals"]} <= {"met", "not met", ""}
