"""Lost or stolen: cards that may not be activated until someone says so."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.cards import queries, rules
from warchest.cards.contract import BlockedCards, CardSelection, UnableToBlockCards
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardEvent
from warchest.kernel.errors import UnableTo


def block(*, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
    return _set(selection, blocked_at=at, reason=reason, actor=actor, at=at)


def unblock(*, selection: CardSelection, reason: str, actor: str, at: datetime) -> BlockedCards:
    return _set(selection, blocked_at=None, reason=reason, actor=actor, at=at)


def _set(
    selection: CardSelection, *, blocked_at: datetime | None, reason: str, actor: str, at: datetime
) -> BlockedCards:
    if not reason.strip():
        raise UnableToBlockCards("reason_missing")
    batch_id, first, last = range_of(selection, UnableToBlockCards)
    # The batch first, always: two who block the same cards take turns.
    batch = BatchRow.objects.select_for_update().get(id=batch_id)
    serials = queries.serial_of(batch, first), queries.serial_of(batch, last)
    cards = queries.numbered(batch, first, last).exclude(state="activated")
    if selection.batch is not None:
        changed = cards.count() if (batch.blocked_at is None) != (blocked_at is None) else 0
        BatchRow.objects.filter(id=batch_id).update(blocked_at=blocked_at)
    else:
        changed = cards.filter(blocked_at__isnull=blocked_at is not None).update(blocked_at=blocked_at)
    CardEvent.objects.create(
        batch=batch,
        first_number=first,
        last_number=last,
        what="unblocked" if blocked_at is None else "blocked",
        actor=actor,
        reason=reason.strip()[:300],
        occurred_at=at,
    )
    return BlockedCards(batch=batch_id, first_serial=serials[0], last_serial=serials[1], count=changed)


def range_of(selection: CardSelection, refusal: type[UnableTo]) -> tuple[UUID, int, int]:
    """Batch, first and last number of a selection, spares included. Raises ``refusal``."""
    if selection.batch is not None:
        found = BatchRow.objects.filter(id=selection.batch).values_list("quantity", "spares").first()
        if found is None:
            raise refusal("batch_unknown")
        return selection.batch, 1, sum(found)
    first = _card(selection.first_serial, refusal)
    last = _card(selection.last_serial, refusal) if selection.last_serial else first
    if first.batch_id != last.batch_id or first.number > last.number:
        raise refusal("serial_range_malformed")
    return first.batch_id, first.number, last.number


def _card(typed: str, refusal: type[UnableTo]) -> CardRow:
    found = CardRow.objects.filter(serial=rules.serial_as_typed(typed)).first()
    if found is None:
        raise refusal("card_unknown")
    return found
