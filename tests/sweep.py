"""Sweeps: tests that look for what nobody thought of. Short in every run, the same each time; long with ``--sweep``."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Sweep:
    """``seconds``: how long a test goes on with other seeds (None: only as long as every run of the tests can bear)."""

    seconds: float | None
    first_seed: int

    @property
    def is_long(self) -> bool:
        return self.seconds is not None

    def seeds(self, *, short: int) -> Iterator[int]:
        """The seeds to begin with, one after the other; ``short`` of them where nobody asked for more.

        Each is printed: ``--sweep=1 --sweep-seed=<it>`` plays it again.
        """
        until = time.monotonic() + (self.seconds or 0)
        seed = self.first_seed
        while (time.monotonic() < until or seed == self.first_seed) if self.is_long else seed < short:
            print(f"sweep seed {seed}", flush=True)
            yield seed
            seed += 1


def sweep_of(*, seconds: float | None, seed: int | None) -> Sweep:
    chance = random.SystemRandom().randrange(2**31)
    return Sweep(seconds, seed if seed is not None else chance if seconds else 0)
