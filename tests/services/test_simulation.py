"""A few seeds of ``script/simulate``; ``--sweep=SECONDS`` goes on with others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.sweep import Sweep


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.use_case("SMG-03")
def test_nothing_acknowledged_is_lost_and_nothing_is_half_done_whoever_is_killed(sweep: Sweep) -> None:
    # In processes of its own: it has a home, servers and a configuration of its own.
    for seed in sweep.seeds(short=1):
        done = subprocess.run(
            [sys.executable, "-m", "tests.simulation.spread", "--seed", str(seed), "--seconds", "10"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-6000:] + done.stdout[-2000:]
        assert "1 of 1 seeds clean" in done.stdout
        assert '"died_at": {"' in done.stdout, (
            "no caller died between the steps of a commit: nothing was shown"
        )
