"""Checks of subscriptions on live tables and books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from warchest.ledger.contract import Ledger
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services
from warchest.subscriptions import queries
from warchest.subscriptions.contract import DEFERRED_BOOK

# The latest stretch is covered by its terms without a gap: they never overlap, so their lengths must sum to its own.
_BROKEN_STRETCHES = """
    SELECT s.id, s.starts_at, s.ends_at, max(g.ends_at), coalesce(sum(g.ends_at - g.starts_at), interval '0')
      FROM subscriptions_subscription AS s
      LEFT JOIN subscriptions_grant AS g ON g.subscription_id = s.id AND g.starts_at >= s.starts_at
     GROUP BY s.id
    HAVING extract(epoch FROM coalesce(sum(g.ends_at - g.starts_at), interval '0'))
               <> extract(epoch FROM s.ends_at - s.starts_at)
        OR max(g.ends_at) <> s.ends_at"""

_LATER_GRANTS = """
    SELECT g.id, g.ends_at, s.ends_at
      FROM subscriptions_grant AS g JOIN subscriptions_subscription AS s ON s.id = g.subscription_id
     WHERE g.ends_at > s.ends_at"""

_RECOGNISED = """
    SELECT currency, coalesce(d.minor, 0), coalesce(r.minor, 0)
      FROM (SELECT currency, sum(recognised_minor) AS minor FROM subscriptions_deferral GROUP BY currency) AS d
      FULL JOIN (SELECT currency, sum(amount_minor) AS minor FROM subscriptions_recognition GROUP BY currency) AS r
           USING (currency)
     WHERE coalesce(d.minor, 0) <> coalesce(r.minor, 0)"""


def _deferred_and_books() -> Iterable[str]:
    booked: Counter[str] = Counter()
    for (_, unit), minor in services.get(Ledger).book_sums_by_owner(book=DEFERRED_BOOK).items():
        booked[unit] += minor
    deferred = queries.deferred()
    for unit in sorted(booked.keys() | deferred.keys()):
        if booked[unit] != deferred.get(unit, 0):
            yield (
                f"{unit}: grants defer {deferred.get(unit, 0)} minor units,"
                f" the book {DEFERRED_BOOK} holds {booked[unit]}"
            )


def _stretches() -> Iterable[str]:
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(_BROKEN_STRETCHES)
        for subscription, starts_at, ends_at, last, granted in cursor.fetchall():
            yield f"subscription {subscription} runs from {starts_at} to {ends_at}, its terms {granted} until {last}"
        cursor.execute(_LATER_GRANTS)
        for grant, granted_until, ends_at in cursor.fetchall():
            yield f"grant {grant} lasts until {granted_until}, its subscription ends at {ends_at}"


def _recognised() -> Iterable[str]:
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(_RECOGNISED)
        for unit, deferrals, runs in cursor.fetchall():
            yield f"{unit}: deferrals say {deferrals} minor units are recognised, the runs {runs}"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "deferred_revenue_explained",
        "What grants defer and have not earned is the deferred revenue in the books, in each currency",
        _deferred_and_books,
    ),
    Invariant(
        "terms_contiguous",
        "A subscription's latest stretch is made of its terms, without a gap, and ends with the last of them",
        _stretches,
    ),
    Invariant("recognition_explained", "What deferrals have earned is what the runs recognised", _recognised),
)
