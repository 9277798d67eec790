"""Purchases and their cards under lock: whatever is done about one of them is done one after the other."""

from __future__ import annotations

from uuid import UUID

from warchest.cards import keeping
from warchest.cards.contract import BatchState, UnableToHandleBoughtCard
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BoughtCard as BoughtRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import IssuedCode
from warchest.kernel import codes


def code_of(issued: IssuedCode, batch: BatchRow) -> str:
    """The code of an issued card, in its batch's groups."""
    code = keeping.unseal_issued(bytes(issued.sealed or b""), serial=issued.serial)
    return codes.grouped(code, size=batch.group_size)


def locked(bought_id: UUID, buyer: UUID) -> BoughtRow:
    """Raises UnableToHandleBoughtCard (``bought_card_unknown``)."""
    rows = BoughtRow.objects.select_related("batch").select_for_update(of=("self",))
    row = rows.filter(id=bought_id, buyer_id=buyer).first()
    if row is None:
        raise UnableToHandleBoughtCard("bought_card_unknown")
    return row


def unused(row: BoughtRow) -> CardRow:
    """Its card, locked as an activation locks it. Raises UnableToHandleBoughtCard."""
    card = CardRow.objects.select_for_update().get(serial=row.serial)
    if row.cancelled_at is not None:
        raise UnableToHandleBoughtCard("bought_card_cancelled")
    if card.state == "activated":
        raise UnableToHandleBoughtCard("card_already_activated", serial=card.serial)
    if card.state == "expired":
        raise UnableToHandleBoughtCard("card_expired", serial=card.serial)
    is_closed = card.batch.blocked_at is not None or card.batch.state not in (
        BatchState.APPROVED,
        BatchState.CLOSED,
    )
    if card.state != "sold" or card.blocked_at is not None or is_closed:
        raise UnableToHandleBoughtCard("card_blocked", serial=card.serial)
    return card
