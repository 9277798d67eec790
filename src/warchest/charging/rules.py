"""How parts are cut out of lots, and what term a part gets that comes back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from warchest.charging.contract import Source

RETURNED_TERM = timedelta(days=30)
"""What comes back after its lot's term may be spent for so long."""

PAUSE_MIN, PAUSE_MAX = timedelta(seconds=1), timedelta(minutes=5)
"""Another cluster that could not be reached is asked again after the shorter one, then after twice as long each time."""

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left in a lot, in minor units: ``reserved_minor`` is kept by holds, ``free_minor`` may be taken."""

    lot_id: UUID
    source: Source
    units_minor: int
    reserved_minor: int
    free_minor: int
    consideration_minor: int
    currency: str
    transferable: bool
    expires_at: datetime | None
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Cut:
    lot: Left
    units_minor: int
    consideration_minor: int


@dataclass(frozen=True, slots=True)
class Unreturned:
    """What of a slice was not given back yet, in minor units."""

    slice_id: UUID
    units_minor: int
    consideration_minor: int


@dataclass(frozen=True, slots=True)
class Part:
    slice_id: UUID
    units_minor: int
    consideration_minor: int


def share(amount_minor: int, *, part: int, whole: int) -> int:
    """``part``/``whole`` of an amount that is not negative, exactly, rounded half to even."""
    least, rest = divmod(amount_minor * part, whole)
    return least + (2 * rest > whole or (2 * rest == whole and least % 2 == 1))


def free_units(*, units_minor: int, reserved_minor: int, expires_at: datetime | None, at: datetime) -> int:
    """How many of a lot's units a spend may take: none of what holds have reserved, and nothing after its term."""
    return 0 if expires_at is not None and expires_at <= at else units_minor - reserved_minor


def in_order_of_use(lots: Iterable[Left]) -> list[Left]:
    """Promotions first (they cost nothing and lapse soonest), then the earliest expiry, then the oldest."""

    def rank(lot: Left) -> tuple[bool, datetime, datetime, UUID]:
        return (
            lot.source is not Source.PROMOTION,
            lot.expires_at or _NEVER,
            lot.opened_at,
            lot.lot_id,
        )

    listed = list(lots)
    if len(listed) > 1:
        listed.sort(key=rank)
    return listed


def cut(lots: Iterable[Left], *, units_minor: int) -> list[Cut] | None:
    """Take ``units_minor`` of what is free in the lots, in their order of use; None when there is less.

    A part of a lot carries its exact share of the consideration, rounded half to even; the last unit carries all that is
    left, so the parts of a lot always sum to what was paid for it.
    """
    wanted, cuts = units_minor, []
    for lot in in_order_of_use(lots):
        if taken := min(wanted, lot.free_minor):
            paid = share(lot.consideration_minor, part=taken, whole=lot.units_minor)
            cuts.append(Cut(lot, taken, paid))
            wanted -= taken
    return None if wanted else cuts


def paid_by_currency(lots: Iterable[Left]) -> list[list[Left]]:
    """The lots that real money was paid for and that may be moved, by its currency: first that whose units are used first."""
    groups: dict[str, list[Left]] = {}
    for lot in in_order_of_use(lots):
        if (
            lot.free_minor
            and lot.transferable
            and lot.consideration_minor
            and lot.source is not Source.PROMOTION
        ):
            groups.setdefault(lot.currency, []).append(lot)
    return list(groups.values())


def after(lots: Iterable[Left], cuts: Iterable[Cut]) -> list[Left]:
    """The lots as the cuts leave them."""
    taken = {one.lot.lot_id: one for one in cuts}
    return [
        lot
        if (one := taken.get(lot.lot_id)) is None
        else replace(
            lot,
            units_minor=lot.units_minor - one.units_minor,
            free_minor=lot.free_minor - one.units_minor,
            consideration_minor=lot.consideration_minor - one.consideration_minor,
        )
        for lot in lots
    ]


def give_back(slices: Sequence[Unreturned], *, units_minor: int) -> list[Part] | None:
    """Give back ``units_minor`` of a spend's slices, which stand in their order of use: the last one used comes first.

    Consideration is shared as in ``cut``, so that what comes back of a slice in several parts sums to what was taken. None
    when there is less.
    """
    wanted, parts = units_minor, []
    for slice_ in reversed(slices):
        if given := min(wanted, slice_.units_minor):
            paid = share(slice_.consideration_minor, part=given, whole=slice_.units_minor)
            parts.append(Part(slice_.slice_id, given, paid))
            wanted -= given
    return None if wanted else parts


def units_for(wanted_minor: int, *, units_minor: int, consideration_minor: int) -> int:
    """How many of ``units_minor`` leave with ``wanted_minor`` of the ``consideration_minor`` that was paid for them.

    The nearest whole number of their share, so that what is left keeps its rate; all of them with all of it, and at least
    one on either side else. 0 where nothing is wanted, or where a single minor unit would have to be divided.
    """
    if wanted_minor <= 0 or wanted_minor > consideration_minor:
        return 0
    if wanted_minor == consideration_minor:
        return units_minor
    if units_minor < 2:
        return 0
    return max(1, min(units_minor - 1, share(units_minor, part=wanted_minor, whole=consideration_minor)))


def term_after_return(expires_at: datetime | None, *, at: datetime) -> datetime | None:
    """When units expire that come back at ``at``: with the lot that they were taken from.

    Where its term is over, they could not be used at all, and giving them back would be no refund: they get a term of their
    own of ``RETURNED_TERM``.
    """
    if expires_at is None or expires_at > at:
        return expires_at
    return at + RETURNED_TERM


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries in vain."""
    return min(PAUSE_MIN * 2 ** min(tries - 1, 20), PAUSE_MAX)
