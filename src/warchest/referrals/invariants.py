"""Checks of referrals on live tables and books."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from django.db.models import Sum

from warchest.ledger.contract import Entry, Kept, Ledger
from warchest.referrals.contract import ON_HOLD_BOOK, CommissionState
from warchest.referrals.models import Commission as CommissionRow
from warchest.referrals.models import CommissionReversal as ReversalRow
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

_IS_ID = re.compile("[0-9a-f-]{36}")

# Whoever has a sponsor and cannot be reached from one who has none hangs in a loop.
_LOOPS = """
    WITH RECURSIVE reached AS (
        SELECT player FROM referrals_node WHERE sponsor_id IS NULL
        UNION ALL
        SELECT n.player FROM reached JOIN referrals_node AS n ON n.sponsor_id = reached.player)
    SELECT player FROM referrals_node EXCEPT SELECT player FROM reached"""

_STRAYS = """
    SELECT c.id FROM referrals_commission AS c LEFT JOIN referrals_commissionplan AS p ON p.version = c.plan_id
     WHERE p.rates_bps[c.level] IS DISTINCT FROM c.rate_bps ORDER BY c.id"""


def _on_hold_and_books() -> Iterable[str]:
    booked = services.get(Ledger).book_sums_by_owner(book=ON_HOLD_BOOK)
    sums = (
        CommissionRow.objects.filter(state=CommissionState.ON_HOLD)
        .values("sponsor", "currency")
        .annotate(minor=Sum("amount_minor"))
        .order_by("sponsor", "currency")
    )
    earned = Counter({(str(row["sponsor"]), row["currency"]): int(row["minor"]) for row in sums})
    back = ReversalRow.objects.values("commission__sponsor", "commission__currency").annotate(
        minor=Sum("amount_minor")
    )
    for row in back.order_by():
        earned[str(row["commission__sponsor"]), row["commission__currency"]] -= int(row["minor"])
    for place in sorted(booked.keys() | earned.keys()):
        if booked.get(place, 0) != earned.get(place, 0):
            sponsor, unit = place
            first = services.get(Ledger).first_difference(
                book=ON_HOLD_BOOK, accounts={place}, kept=partial(_kept, sponsor, unit)
            )
            yield (
                f"sponsor {sponsor}, {unit}: commissions on hold are {earned.get(place, 0)} minor units,"
                f" the book {ON_HOLD_BOOK} holds {booked.get(place, 0)}; {first}"
            )


def _kept(sponsor: str, unit: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    if not _IS_ID.fullmatch(sponsor):
        return  # The books could name an owner who is none.
    rows = CommissionRow.objects.filter(state=CommissionState.ON_HOLD, sponsor=sponsor, currency=unit)
    if entries is not None:
        rows = rows.filter(entry_id__in=[entry.id for entry in entries])
    sums = rows.values_list("entry_id").annotate(minor=Sum("amount_minor")).order_by("entry_id")
    for entry_id, minor in sums.iterator():
        yield Kept(entry=entry_id, minor=int(minor), record=f"the commission of entry {entry_id}")
    back = ReversalRow.objects.filter(commission__sponsor=sponsor, commission__currency=unit)
    if entries is not None:
        back = back.filter(reference__in=[entry.key for entry in entries])
    for key, minor in (
        back.values_list("reference").annotate(minor=Sum("amount_minor")).order_by("reference").iterator()
    ):
        yield Kept(entry=key, minor=-int(minor), record=f"what {key} took back of commissions")


def _loops() -> Iterable[str]:
    with services.database("referrals").cursor() as cursor:
        cursor.execute(_LOOPS)
        for (player,) in cursor.fetchall():
            yield f"player {player} has an upline without a beginning"


def _strays() -> Iterable[str]:
    with services.database("referrals").cursor() as cursor:
        cursor.execute(_STRAYS)
        for (commission,) in cursor.fetchall():
            yield f"commission {commission} was not earned by the rate of its plan"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "commissions_on_hold_explained",
        "Commissions on hold are what the books owe each sponsor, in each currency",
        _on_hold_and_books,
    ),
    Invariant(
        "commissions_by_plans",
        "Every commission was earned by its level's rate in a plan that exists",
        _strays,
    ),
    Invariant("tree_without_loops", "Every upline begins with a player whom nobody invited", _loops),
)
