"""Kill and cut a whole deployment for a while, then judge: ``python -m tests.simulation.spread --seed 7``."""

from __future__ import annotations

import argparse
import json
import sys
import time

from tests.simulation.spread.deployment import a_deployment
from tests.simulation.spread.fate import Fate


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/simulate", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=1, help="the first seed: it chooses what is done to whom, and when"
    )
    parser.add_argument("--seeds", type=int, default=1, help="so many seeds, one after the other")
    parser.add_argument("--seconds", type=float, default=25, help="for so long each")
    asked = parser.parse_args()
    failed = []
    with a_deployment() as deployment:
        for seed in range(asked.seed, asked.seed + asked.seeds):
            started = time.monotonic()
            with deployment.fresh_databases():
                fate = Fate(seed, deployment)
                error = fate.run(seconds=asked.seconds)
            if error:
                failed.append(seed)
                print(error, file=sys.stderr)
            verdict = "FAILED" if error else "clean"
            took = f"{time.monotonic() - started:.0f} s"
            print(f"seed {seed}: {verdict}, {took}, {json.dumps(fate.counts)}", flush=True)
    print(
        f"{asked.seeds - len(failed)} of {asked.seeds} seeds clean"
        + (f"; failed: {failed}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
