"""Checks of subscriptions on live tables and books."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from uuid import UUID

from warchest.ledger.contract import Entry, Kept, Ledger
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services
from warchest.subscriptions import queries
from warchest.subscriptions.contract import DEFERRED_BOOK
from warchest.subscriptions.models import PassDeferral as PassDeferralRow
from warchest.subscriptions.models import Recognition as RecognitionRow
from warchest.subscriptions.models import Withholding as WithholdingRow

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
      FROM (SELECT currency, sum(recognised_minor) AS minor
              FROM (SELECT currency, recognised_minor FROM subscriptions_deferral
                    UNION ALL SELECT currency, recognised_minor FROM subscriptions_passdeferral) AS every
             GROUP BY currency) AS d
      FULL JOIN (SELECT currency, sum(amount_minor) AS minor FROM subscriptions_recognition GROUP BY currency) AS r
           USING (currency)
     WHERE coalesce(d.minor, 0) <> coalesce(r.minor, 0)"""

# What a deferral began with, as far as its entry goes: what is left of it, and what the runs since must have recognised.
_KEPT = """
    SELECT coalesce(g.entry_id::text, ''), 'grant ' || g.id,
           d.net_minor - d.recognised_minor
               + coalesce((SELECT sum(w.net_minor) FROM subscriptions_withholding AS w
                            WHERE w.grant_id = g.id AND w.currency = d.currency), 0)
               + CASE WHEN d.ends_at <= run.until THEN d.net_minor
                      WHEN d.starts_at < run.until
                      THEN div(d.net_minor * floor(extract(epoch FROM run.until - d.starts_at)),
                               floor(extract(epoch FROM d.ends_at - d.starts_at)))::bigint
                      ELSE 0 END
      FROM subscriptions_deferral AS d
      JOIN subscriptions_grant AS g ON g.id = d.grant_id
      LEFT JOIN LATERAL (SELECT (max(r.day) + 1)::timestamp AT TIME ZONE 'UTC' AS until
                           FROM subscriptions_recognition AS r WHERE r.recorded_at >= g.recorded_at) AS run ON true
     -- What is granted again was deferred under the entry of the grant that it was cut from.
     WHERE d.currency = %(currency)s AND g.reference NOT LIKE 'withheld:%%' {of}
     ORDER BY g.id"""
_OF_ENTRIES = "AND (g.id = ANY (%(grants)s) OR g.source <> 'paid' AND g.entry_id = ANY (%(entries)s))"
_GRANT_IN_KEY = re.compile("subscription:([0-9a-f-]{36})")


def _deferred_kept(unit: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    values = {
        "currency": unit,
        "grants": [UUID(name[1]) for entry in entries or () if (name := _GRANT_IN_KEY.fullmatch(entry.key))],
        "entries": [entry.id for entry in entries or ()],
    }
    with services.database("subscriptions").chunked_cursor() as cursor:
        cursor.execute(_KEPT.format(of="" if entries is None else _OF_ENTRIES), values)
        for entry_id, grant, minor in cursor:
            yield Kept(entry=UUID(entry_id) if entry_id else "", minor=int(minor), record=grant)
    passes = PassDeferralRow.objects.filter(currency=unit).select_related("held").order_by("held_id")
    if entries is not None:
        passes = passes.filter(held__entry_id__in=[entry.id for entry in entries])
    for part in passes.iterator():
        yield Kept(entry=part.held.entry_id or "", minor=part.net_minor, record=f"pass {part.held_id}")
    # Of what was given back to payers, entry by entry.
    taken = WithholdingRow.objects.filter(state="taken", currency=unit, net_minor__gt=0).order_by("id")
    for part in taken:
        yield Kept(
            entry=part.entry_key, minor=-part.net_minor, record=f"what was withheld of grant {part.grant_id}"
        )
    runs = RecognitionRow.objects.filter(currency=unit).order_by("day", "run")
    for day, run, minor in runs.values_list("day", "run", "amount_minor"):
        key = f"recognise:{day.isoformat()}" + (f":{run}" if run > 1 else "")
        yield Kept(entry=key, minor=-minor, record=f"the run {run} of {day}")


def _deferred_and_books() -> Iterable[str]:
    booked: Counter[str] = Counter()
    accounts = services.get(Ledger).book_sums_by_owner(book=DEFERRED_BOOK)
    for (_, unit), minor in accounts.items():
        booked[unit] += minor
    deferred = queries.deferred()
    for unit in sorted(booked.keys() | deferred.keys()):
        if booked[unit] != deferred.get(unit, 0):
            first = services.get(Ledger).first_difference(
                book=DEFERRED_BOOK,
                accounts={account for account in accounts if account[1] == unit},
                kept=partial(_deferred_kept, unit),
            )
            yield (
                f"{unit}: grants defer {deferred.get(unit, 0)} minor units,"
                f" the book {DEFERRED_BOOK} holds {booked[unit]}; {first}"
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
        "What grants and passes defer and have not earned is the deferred revenue in the books, in each currency",
        _deferred_and_books,
    ),
    Invariant(
        "terms_contiguous",
        "A subscription's latest stretch is made of its terms, without a gap, and ends with the last of them",
        _stretches,
    ),
    Invariant("recognition_explained", "What deferrals have earned is what the runs recognised", _recognised),
)
