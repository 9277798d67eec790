"""Writes of the ledger's entries; those of holds are in ``holds``."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import chain
from uuid import UUID

from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from psycopg import errors as postgres

from warchest.ledger import entry_queries, numbers
from warchest.ledger.contract import (
    AccountRef,
    Book,
    Entry,
    EntryDraft,
    Leg,
    Posted,
    Refused,
    Side,
    UnableToArchive,
    UnableToPost,
)
from warchest.ledger.models import Book as BookRow
from warchest.ledger.packing import POST, Draft, columns, refusal, runs
from warchest.runtime import statements
from warchest.runtime.batcher import Batcher
from warchest.runtime.busy import repeated_while_busy
from warchest.runtime.services import services

Outcome = Posted | Refused

# What breaks these may be done again: somebody posted one of the keys since we looked; or (a violation that names no
# constraint) the entry's month got a table while it was on its way into the one for the rest.
_BEGUN_AGAIN = frozenset({"ledger_postedkey_pkey", None, ""})

# As archive.sql says them.
_NOT_ARCHIVED = {
    "WC404": "month_unknown",
    "WC410": "month_not_over",
    "WC411": "month_not_oldest",
    "WC412": "month_not_sealed",
}


def define_books(*, books: Sequence[Book]) -> None:
    BookRow.objects.bulk_create(
        [BookRow(code=book.code, kind=book.kind, side=book.side, floored=book.floored) for book in books],
        ignore_conflicts=True,
    )


def post(*, entry: EntryDraft) -> Posted:
    (outcome,) = post_set(entries=[entry])
    if isinstance(outcome, Refused):
        raise UnableToPost(outcome.reason, key=entry.key)
    return outcome


def post_set(*, entries: Sequence[EntryDraft]) -> tuple[Outcome, ...]:
    reasons = [refusal(entry) for entry in entries]
    sound = [Draft(entry) for entry, reason in zip(entries, reasons, strict=True) if not reason]
    answers: Iterator[Outcome] = iter(())
    if sound:
        joined = not services.database("ledger").in_atomic_block
        answers = iter(_batcher.do(sound) if joined else _post_here(sound))
    return tuple(Refused(reason) if reason else next(answers) for reason in reasons)


def reverse(
    *, entry_id: UUID, key: str, reversal_id: UUID, occurred_at: datetime, legs: Sequence[Leg] | None = None
) -> Posted:
    original = entry_queries.entry(entry_id=entry_id)
    if original is None:
        raise UnableToPost("entry_unknown")
    undone = original.legs if legs is None else tuple(legs)
    draft = EntryDraft(
        id=reversal_id,
        key=key,
        kind="reversal",
        occurred_at=occurred_at,
        legs=tuple(Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in undone),
        reference=original.reference,
        details={"of": original.kind},
    )
    too_much = "entry_already_reversed" if legs is None else "reversal_exceeds_entry"
    if reason := refusal(draft):
        raise UnableToPost(reason, key=key)
    try:
        (outcome,) = _post_apart([Draft(draft, reverses=entry_id)])
    except IntegrityError as error:
        violated = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if violated not in ("reversed_within_entry", "reversal_within_entry"):
            raise
        raise UnableToPost(too_much, key=key) from None
    if isinstance(outcome, Refused):
        # What was given back before is mostly spent since: that is not why it cannot be given back again.
        exceeds = outcome.reason == "insufficient_funds" and _exceeds(original, undone)
        raise UnableToPost(too_much if exceeds else outcome.reason, key=key)
    return outcome


def _exceeds(original: Entry, undone: Sequence[Leg]) -> bool:
    earlier = entry_queries.entries(entry_ids=entry_queries.reversals(entry_id=original.id)).values()
    left: Counter[tuple[AccountRef, Side]] = Counter()
    for leg in original.legs:
        left[leg.account, leg.side] += leg.amount.minor
    for leg in chain.from_iterable(entry.legs for entry in earlier):
        left[leg.account, leg.side.other] -= leg.amount.minor
    for leg in undone:
        left[leg.account, leg.side] -= leg.amount.minor
    return min(left.values()) < 0


def fold(*, entries_max: int = 10_000) -> int:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT ledger_fold(%s)", [entries_max])
        return cursor.fetchone()[0]


def open_months(*, at: datetime) -> int:
    first: date = at.date()
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT ledger_ensure_months(%s, %s)", [first, first + timedelta(days=62)])
        return cursor.fetchone()[0]


def archive_month(*, month: date) -> int:
    try:
        with services.database("ledger").cursor() as cursor:
            cursor.execute("SELECT ledger_archive_month(%s)", [month])
            return cursor.fetchone()[0]
    except DatabaseError as error:
        reason = _NOT_ARCHIVED.get(getattr(error.__cause__, "sqlstate", ""))
        if reason is None:
            raise
        raise UnableToArchive(reason, month=f"{month:%Y-%m}") from None


def _post_together(drafts: Sequence[Draft]) -> list[Outcome]:
    """A ledger-only call: one statement, which is a transaction of its own, or a few of them."""
    outcomes: list[Outcome] = []
    for portion in runs(drafts):
        outcomes += repeated_while_busy("ledger.post", functools.partial(_post_portion, portion))
    return outcomes


def _post_apart(drafts: Sequence[Draft]) -> list[Outcome]:
    """What the database may refuse by a constraint: the rest of a journey's transaction outlives that."""
    if not services.database("ledger").in_atomic_block:
        return _post_together(drafts)
    with transaction.atomic(using=services.alias("ledger")):
        return _post_here(drafts)


def _post_here(drafts: Sequence[Draft]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for portion in runs(drafts):
        outcomes += _post_portion(portion)
    return outcomes


def _post_portion(drafts: Sequence[Draft]) -> list[Outcome]:
    parameters, asked = columns(drafts, cluster=services.cluster, numbers=numbers.seen())
    try:
        ((found, places, *otherwise),) = statements.rows("ledger", POST, parameters)
    except IntegrityError as error:
        cause = error.__cause__
        if isinstance(cause, postgres.CheckViolation | postgres.UniqueViolation) and (
            cause.diag.constraint_name in _BEGUN_AGAIN
        ):
            raise OperationalError(str(error)) from postgres.SerializationFailure(str(error))
        raise
    if asked:
        numbers.learn(asked, found)
    outcomes: list[Outcome] = [Posted(draft.entry.id) for draft in drafts]
    for place, outcome, entry_id, reason in zip(places, *otherwise, strict=True) if places else ():
        replayed = outcome == "replayed"
        outcomes[place - 1] = Posted(entry_id, replayed=True) if replayed else Refused(reason)
    return outcomes


_batcher: Batcher[Draft, Outcome] = Batcher(_post_together, lanes=2)
