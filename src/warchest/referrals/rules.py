"""The arithmetic of commissions. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from warchest.kernel.money import Money

WHOLE_BPS = 10_000


def shares(base: Money, *, rates_bps: Sequence[int]) -> tuple[tuple[Money, ...], Money]:
    """The base split by level, and the rest that the house keeps; together they are the base, to the last minor unit.

    Each share is within one minor unit of its exact part (``Money.split``, largest remainder).
    """
    *levels, rest = base.split([*rates_bps, WHOLE_BPS - sum(rates_bps)])
    return tuple(levels), rest


def share_of(amount_minor: int, *, part: int, whole: int) -> int:
    """``part``/``whole`` of an amount in minor units, rounded half to even."""
    return round(Fraction(amount_minor * part, whole))
