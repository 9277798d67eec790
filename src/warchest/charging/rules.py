"""How a spend is cut out of lots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from warchest.charging.contract import Source


@dataclass(frozen=True, slots=True)
class Left:
    """What is left in a lot, in minor units."""

    lot_id: UUID
    source: Source
    units_minor: int
    consideration_minor: int
    currency: str
    expires_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Cut:
    lot: Left
    units_minor: int
    consideration_minor: int


def in_order_of_use(lots: Iterable[Left]) -> list[Left]:
    """Promotions first (they cost nothing and lapse soonest), then the earliest expiry, then the oldest."""

    def rank(lot: Left) -> tuple[bool, bool, float, float, int]:
        expiry = lot.expires_at.timestamp() if lot.expires_at else 0.0
        return (
            lot.source is not Source.PROMOTION,
            lot.expires_at is None,
            expiry,
            lot.opened_at.timestamp(),
            lot.lot_id.int,
        )

    return sorted(lots, key=rank)


def cut(lots: Iterable[Left], *, units_minor: int) -> list[Cut] | None:
    """Take ``units_minor`` from the lots in their order of use; None when they hold less.

    A part of a lot carries its exact share of the consideration, rounded half to even; the last unit carries all that is
    left, so the parts of a lot always sum to what was paid for it.
    """
    wanted, cuts = units_minor, []
    for lot in in_order_of_use(lots):
        taken = min(wanted, lot.units_minor)
        if taken:
            share = round(Fraction(lot.consideration_minor * taken, lot.units_minor))
            cuts.append(Cut(lot, taken, share))
            wanted -= taken
    return None if wanted else cuts
