"""The arithmetic of time and of earning it. Pure functions."""

from __future__ import annotations

import calendar
from datetime import datetime
from zoneinfo import ZoneInfo

from warchest.kernel.period import Period, Term
from warchest.subscriptions.contract import YEARS_AHEAD_MAX, UnableToGrant


def next_term(
    *, at: datetime, ends_at: datetime | None, anchor_day: int | None, term: Term, zone: str
) -> tuple[Period, int]:
    """The term that a grant at ``at`` adds, and the anchor day that the subscription keeps.

    Time adds to what is left; where nothing is left it begins now, and so do the months. Raises UnableToGrant.
    """
    calendar_of = ZoneInfo(zone)
    goes_on = ends_at is not None and ends_at > at
    start = ends_at if goes_on and ends_at is not None else at
    anchor = _anchor(start.astimezone(calendar_of), anchor_day if goes_on else None)
    try:
        end = term.after(start, zone=calendar_of, anchor_day=anchor)
        latest = at.replace(year=at.year + YEARS_AHEAD_MAX, day=min(at.day, 28))
    except (OverflowError, ValueError):
        raise UnableToGrant("ends_too_late", years_max=YEARS_AHEAD_MAX) from None
    if end > latest:
        raise UnableToGrant("ends_too_late", years_max=YEARS_AHEAD_MAX)
    return Period(start, end), anchor


def _anchor(local_start: datetime, anchor_day: int | None) -> int:
    # The 31st stays the anchor on 28 February. It no longer is where the term before was counted in days and ended
    # elsewhere: a month from there would otherwise last up to twice as long.
    last_day = calendar.monthrange(local_start.year, local_start.month)[1]
    if anchor_day is not None and min(anchor_day, last_day) == local_start.day:
        return anchor_day
    return local_start.day


def recognised_minor(*, net_minor: int, term: Period, until: datetime) -> int:
    """How much of ``net_minor`` is earned at ``until``: pro rata by whole seconds, rounded down, all at the end.

    ``recognise`` in ``operations`` says the same in SQL. Rule: IFRS 15.39 to 15.45, progress measured by time.
    """
    if until >= term.ends_at:
        return net_minor
    length_s = term.elapsed_seconds(term.ends_at)
    return net_minor * term.elapsed_seconds(until) // length_s if length_s else 0
