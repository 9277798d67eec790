"""Spans of time: half-open periods, and terms such as 'three months' that a calendar makes into them."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Period:
    """From ``starts_at``, included, until ``ends_at``, excluded. Both carry a time zone."""

    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        if self.starts_at.tzinfo is None or self.ends_at.tzinfo is None:
            raise ValueError("a period's moments need a time zone")
        if self.ends_at < self.starts_at:
            raise ValueError("a period cannot end before it starts")

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.starts_at

    def __contains__(self, moment: datetime) -> bool:
        return self.starts_at <= moment < self.ends_at

    def overlaps(self, other: Period) -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at

    def elapsed_seconds(self, at: datetime) -> int:
        """Whole seconds of the period that have passed at ``at``: 0 before it starts, all of it after its end."""
        until = min(max(at, self.starts_at), self.ends_at)
        return int((until - self.starts_at).total_seconds())


class TermUnit(StrEnum):
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Term:
    """A length of time as people agree on it: 30 days, 1 month, 1 year."""

    count: int
    unit: TermUnit

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError("a term is at least one of its unit")

    def __mul__(self, times: int) -> Term:
        return Term(self.count * times, self.unit)

    def after(self, start: datetime, *, zone: tzinfo, anchor_day: int | None = None) -> datetime:
        """The moment at which the term ends that begins at ``start``, by the calendar and wall clock of ``zone``.

        Months keep the day of the month (``anchor_day`` where the agreement began on another day) and fall back to the
        month's last day where it has no such day: 31 January, 28 February, 31 March. A day lasts from one wall-clock
        time to the next, thus 23 or 25 hours where the clocks change; a time that a zone skips moves on by the gap.
        The answer is in the zone of ``start``.
        """
        local = start.astimezone(zone)
        if self.unit is TermUnit.DAY:
            wall = local.replace(tzinfo=None) + timedelta(days=self.count)
        else:
            months = self.count * (12 if self.unit is TermUnit.YEAR else 1)
            year, month0 = divmod(local.year * 12 + local.month - 1 + months, 12)
            day = min(anchor_day or local.day, calendar.monthrange(year, month0 + 1)[1])
            wall = local.replace(tzinfo=None, year=year, month=month0 + 1, day=day)
        return wall.replace(tzinfo=zone).astimezone(start.tzinfo)
