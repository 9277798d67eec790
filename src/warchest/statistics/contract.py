"""Statistics, on one page: figures of days, fed by published events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money


class UnableToReport(UnableTo):
    """The days asked for are no range, or more of them than one report shows."""

    reasons = frozenset({"days_malformed", "days_too_many"})


DAYS_MAX = 3660
"""The longest range of one report, in days: ten years."""


class Measure(StrEnum):
    """What is counted. ``amounts`` of each are in the currencies named here."""

    REGISTRATIONS = "registrations"  # none
    TOP_UPS = "top_ups"  # what was paid, in the currency that was paid
    UNITS_RECEIVED = "units_received"  # units; the source tells top-ups from cards
    CARDS_ACTIVATED = "cards_activated"  # what had been paid for the cards
    SUBSCRIPTIONS_SOLD = "subscriptions_sold"  # prices in units, none for a card's; each prolongation counts
    UNITS_SPENT = "units_spent"  # units; the source tells subscriptions from captured holds
    COMMISSION_COST = "commission_cost"  # what sponsors earned, in the currency of the cost


class Dimension(StrEnum):
    """By what a measure may be told apart."""

    COUNTRY = "country"
    CURRENCY = "currency"
    PROVIDER = "provider"
    SERVICE = "service"  # the online service, by its id
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure over a range of days. ``amounts``: one sum for each currency, by code; no sums of zero."""

    measure: Measure
    count: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class DayFigure:
    """One day (UTC) of a series."""

    day: date
    count: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """A measure's part that has this ``value`` of a dimension; empty where the event did not say."""

    value: str
    count: int
    amounts: tuple[Money, ...]


class Statistics(Protocol):
    """Days are UTC. Ranges are half-open: from ``from_day``, included, to ``to_day``, excluded."""

    def figures(self, *, from_day: date, to_day: date) -> tuple[Figure, ...]:
        """Every measure once, in the order of ``Measure``, also those with nothing to count.

        Raises UnableToReport.
        """
        ...

    def series(self, *, measure: Measure, from_day: date, to_day: date) -> tuple[DayFigure, ...]:
        """Every day of the range once, in order, also those without any. Raises UnableToReport."""
        ...

    def totals(self, *, measure: Measure, by: Dimension, from_day: date, to_day: date) -> tuple[Total, ...]:
        """The measure's parts by a dimension, the most frequent first. Raises UnableToReport."""
        ...

    def behind(self) -> int:
        """How many published events are not counted yet."""
        ...

    def catch_up(self, *, limit: int = 500) -> int:
        """Count the next published events, each once whoever calls and however often; answers how many were read."""
        ...

    def rebuild(self) -> int:
        """Count all published events anew, under today's rules; answers how many.

        Readers see the old figures until the new ones replace them at once. Events published meanwhile count too.
        """
        ...
