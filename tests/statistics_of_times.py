"""Mann and Whitney's test: how probable it is that two series of numbers come from one source."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, sqrt


def probability_of_one_source(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided, by the normal approximation, which is good from some twenty numbers on; numbers are taken as all different.

    (H. B. Mann, D. R. Whitney, "On a test of whether one of two random variables is stochastically larger than the other",
    1947.)
    """
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in other])
    ranks = sum(place for place, (_, whose) in enumerate(ranked, 1) if whose == 0)
    smaller = ranks - len(one) * (len(one) + 1) / 2
    mean = len(one) * len(other) / 2
    spread = sqrt(len(one) * len(other) * (len(one) + len(other) + 1) / 12)
    return erfc(abs(smaller - mean) / spread / sqrt(2))
