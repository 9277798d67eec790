"""Cards come to their end: warned of, put off, and in the end expired, a portion at a time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Coalesce

from warchest.cards import end_queries, queries
from warchest.cards.contract import (
    CardSelection,
    ExpiredCards,
    ExpiryWarned,
    ExtendedCards,
    UnableToExtendCards,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import CardEvent, ExpiredPart, ExpiryWalk, ExpiryWarning
from warchest.cards.operations.blocking import range_of
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.services import services

# Cards of one portion, in one statement: it waits for whoever activates one of them, and then leaves that one out. What the
# books owe is that of the card itself; of a batch that a reseller had as a whole it is the same for each that did not come back.
_EXPIRE = """
    WITH due AS (
        SELECT card.serial, card.number,
               coalesce(nullif(card.owed_currency, ''), batch.face_currency) AS currency,
               CASE WHEN card.owed_minor IS NOT NULL THEN card.owed_minor
                    WHEN batch.reseller <> '' AND card.state <> 'returned' THEN batch.face_minor - batch.card_tax_minor
                    ELSE 0 END AS owed
          FROM cards_card AS card JOIN cards_batch AS batch ON batch.id = card.batch_id
         WHERE batch.id = %(batch)s
           AND card.serial BETWEEN %(first_serial)s AND %(last_serial)s
           AND card.number BETWEEN %(first)s AND %(last)s
           AND card.state IN ('as_batch', 'shipped', 'sold', 'returned')
           AND coalesce(card.expires_at, batch.expires_at) <= %(at)s
         ORDER BY card.serial
           FOR UPDATE OF card),
    gone AS (
        UPDATE cards_card AS card SET state = 'expired' FROM due WHERE card.serial = due.serial
        RETURNING due.number, due.currency, due.owed)
    SELECT currency, count(*), sum(owed)::bigint, min(number), max(number) FROM gone GROUP BY currency ORDER BY currency"""


def extend(
    *, selection: CardSelection, ends_at: datetime, reason: str, actor: str, at: datetime
) -> ExtendedCards:
    if not reason.strip():
        raise UnableToExtendCards("reason_missing")
    if ends_at.tzinfo is None or ends_at <= at:
        raise UnableToExtendCards("card_expiry_in_past")
    batch_id, first, last = range_of(selection, UnableToExtendCards)
    # As whoever expires cards does: one of the two comes first.
    batch = BatchRow.objects.select_for_update().get(id=batch_id)
    if selection.batch is not None:
        last = end_queries.highest_number(batch)
    serials = queries.serial_of(batch, first), queries.serial_of(batch, last)
    end = Coalesce(F("expires_at"), F("batch__expires_at"))
    cards = queries.numbered(batch, first, last).filter(state__in=end_queries.UNUSED)
    count = cards.alias(end=end).filter(end__lt=ends_at).update(expires_at=ends_at)
    if not count:
        raise UnableToExtendCards("nothing_to_extend")
    _note(batch, "extended", first=first, last=last, actor=actor, reason=reason.strip()[:300], at=at)
    return ExtendedCards(
        batch=batch_id, first_serial=serials[0], last_serial=serials[1], ends_at=ends_at, count=count
    )


def expire(
    *, batch_id: UUID, run: UUID, entry_id: UUID, actor: str, at: datetime, limit: int
) -> ExpiredCards:
    batch = BatchRow.objects.select_for_update().get(id=batch_id)
    highest = end_queries.highest_number(batch)
    walk, _ = ExpiryWalk.objects.get_or_create(batch=batch)
    if batch.expires_at is not None and batch.expires_at <= at and walk.done_at is None:
        first = walk.next_number
        last = min(first + limit - 1, highest)
        done = last >= highest
        ExpiryWalk.objects.filter(batch=batch).update(next_number=last + 1, done_at=at if done else None)
    else:
        # What has an end of its own, as far as it is near the first of it.
        own = end_queries.past_own_end(batch, at=at).order_by("number").values_list("number", flat=True)
        numbers = list(own[: limit + 1])
        if not numbers:
            return ExpiredCards(batch=batch_id, cards=0, amounts=(), left=False)
        first, last, done = numbers[0], numbers[:limit][-1], len(numbers) <= limit
    amounts, cards = [], 0
    for code, count, owed, low, high in _expire(batch, first, last, at):
        amount = Money(owed, currency(code))
        ExpiredPart.objects.create(
            run=run,
            batch=batch,
            first_number=low,
            last_number=high,
            cards=count,
            amount_minor=owed,
            currency=code,
            entry_id=entry_id if owed else None,
            expired_at=at,
        )
        cards += count
        amounts += [amount] if amount else []
    if cards:
        _note(batch, "expired", first=first, last=last, actor=actor, reason="", at=at)
    return ExpiredCards(batch=batch_id, cards=cards, amounts=tuple(amounts), left=not done)


def _expire(batch: BatchRow, first: int, last: int, at: datetime) -> list[tuple[str, int, int, int, int]]:
    serials = queries.serial_range(batch, first, last)
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            _EXPIRE,
            {
                "batch": batch.id,
                "first": first,
                "last": last,
                "first_serial": serials[0],
                "last_serial": serials[1],
                "at": at,
            },
        )
        return cursor.fetchall()


def warn(*, days: int, at: datetime, limit: int) -> ExpiryWarned:
    _take_turns()
    warned = end_queries.untold(days=days, at=at, limit=limit)
    ExpiryWarning.objects.bulk_create(
        [
            ExpiryWarning(batch_id=one.batch, ends_at=one.ends_at, days=days, cards=one.cards, warned_at=at)
            for one in warned.batches
        ]
        + [
            ExpiryWarning(
                batch_id=one.batch, serial=one.serial, ends_at=one.ends_at, days=days, cards=1, warned_at=at
            )
            for one in warned.cards
        ]
    )
    return warned


def _take_turns() -> None:
    """Of two who warn the second sees whom the first has told."""
    with services.database("cards").cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('cards expiry warnings'))")


def _note(
    batch: BatchRow, what: str, *, first: int, last: int, actor: str, reason: str, at: datetime
) -> None:
    CardEvent.objects.create(
        batch=batch,
        first_number=first,
        last_number=last,
        what=what,
        actor=actor[:80],
        reason=reason,
        occurred_at=at,
    )
