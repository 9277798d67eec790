"""Virtual cards out of our own stock: sold to players, shown to them, and given back while they are unused."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import F

from warchest.cards import bought_queries, keeping
from warchest.cards.contract import (
    BoughtCard,
    CardOffer,
    CardTaken,
    CodeGiven,
    GiftWish,
    OrderLine,
    UnableToBuyCard,
    UnableToHandleBoughtCard,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BoughtCard as BoughtRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardGift, IssuedCode
from warchest.cards.operations import gifts
from warchest.cards.operations.bought_rows import code_of, locked, unused
from warchest.cards.operations.virtual import make_card, note
from warchest.kernel.money import Money

SELLER = "@wallet"
"""Whose orders bought cards are, among the issued ones; no store's name begins so."""


def card_offer(*, batch: UUID, at: datetime) -> CardOffer:
    row = BatchRow.objects.filter(id=batch).first()
    return _offered(row, at=at)


def _offered(row: BatchRow | None, *, at: datetime) -> CardOffer:
    """Raises UnableToBuyCard."""
    if row is None or not bought_queries.is_on_offer(row, at=at):
        raise UnableToBuyCard("card_not_on_offer")
    offer = bought_queries.offer_of(row)
    if offer.left < 1:
        raise UnableToBuyCard("stock_empty", product=row.product[:40])
    return offer


def lock_stock(*, batch: UUID) -> None:
    BatchRow.objects.select_for_update().filter(id=batch).first()


def take_from_stock(*, bought_id: UUID, batch: UUID, actor: str, at: datetime) -> CardTaken:
    # Whoever buys of the same batch waits here, and counts on from this card.
    row = BatchRow.objects.select_for_update().filter(id=batch).first()
    _offered(row, at=at)
    assert row is not None
    return take(row, OrderLine(SELLER, str(bought_id), "1"), place=0, what="sold", actor=actor, at=at)


def take(
    batch: BatchRow, line: OrderLine, *, place: int, what: str, actor: str, at: datetime, reason: str = ""
) -> CardTaken:
    """Make the next card of a locked batch that has one left."""
    number = bought_queries.last_number(batch) + 1
    issued = make_card(batch, line, product=batch.product, number=number, place=place, at=at)
    note(batch, what, first=number, last=number, actor=actor, reason=reason, at=at)
    card_hash = CardRow.objects.values_list("code_hash", flat=True).get(serial=issued.serial)
    return CardTaken(issued.serial, batch.id, keeping.fingerprint(bytes(card_hash)))


def pay(serial: str, *, owed: Money, at: datetime) -> None:
    """From now on the books owe this for the card."""
    CardRow.objects.filter(serial=serial).update(
        paid_at=at, owed_minor=owed.minor, owed_currency=owed.currency.code
    )


def note_bought(
    *,
    bought_id: UUID,
    serial: str,
    buyer: UUID,
    units: Money,
    paid: Money,
    owed: Money,
    entry_id: UUID,
    cancel_until: datetime,
    gift: GiftWish | None,
    at: datetime,
) -> BoughtCard:
    pay(serial, owed=owed, at=at)
    issued = IssuedCode.objects.get(serial=serial)
    row = BoughtRow.objects.create(
        id=bought_id,
        serial=serial,
        batch_id=issued.batch_id,
        buyer_id=buyer,
        units_minor=units.minor,
        paid_minor=paid.minor,
        tax_minor=(paid - owed).minor,
        currency=paid.currency.code,
        entry_id=entry_id,
        bought_at=at,
        cancel_until=cancel_until,
    )
    if gift is not None:
        gifts.keep(row, gift, at=at)
    return bought_queries.bought_card(bought_id=bought_id, buyer=buyer, at=at)


def cancel_bought(*, bought_id: UUID, buyer: UUID, actor: str, at: datetime) -> BoughtCard:
    row = locked(bought_id, buyer)
    card = unused(row)
    if at > row.cancel_until:
        raise UnableToHandleBoughtCard("cancel_time_over", until=row.cancel_until.isoformat())
    gifts.stop(row, at=at)
    CardRow.objects.filter(serial=row.serial).update(state="void")
    IssuedCode.objects.filter(serial=row.serial).update(sealed=None, taken_back_at=at)
    BoughtRow.objects.filter(id=row.id).update(cancelled_at=at)
    note(row.batch, "sale_reversed", first=card.number, last=card.number, actor=actor, reason="", at=at)
    return bought_queries.bought_card(bought_id=bought_id, buyer=buyer, at=at)


def note_shown(*, bought_id: UUID, buyer: UUID, actor: str, at: datetime) -> BoughtCard:
    row = locked(bought_id, buyer)
    if CardGift.objects.filter(bought=row).exists():
        raise UnableToHandleBoughtCard("code_is_gift")
    issued = IssuedCode.objects.get(serial=row.serial)
    if issued.sealed is None:
        raise UnableToHandleBoughtCard("bought_card_cancelled" if row.cancelled_at else "code_forgotten")
    BoughtRow.objects.filter(id=row.id).update(shown=F("shown") + 1, first_shown_at=row.first_shown_at or at)
    number = CardRow.objects.values_list("number", flat=True).get(serial=row.serial)
    note(row.batch, "code_shown", first=number, last=number, actor=actor, reason="", at=at)
    return bought_queries.bought_card(bought_id=bought_id, buyer=buyer, at=at)


def bought_code(*, bought_id: UUID, buyer: UUID) -> CodeGiven:
    row = bought_queries.row_of(bought_id, buyer)
    issued = IssuedCode.objects.get(serial=row.serial)
    if CardGift.objects.filter(bought=row).exists():
        raise UnableToHandleBoughtCard("code_is_gift")
    if issued.sealed is None:
        raise UnableToHandleBoughtCard("code_forgotten")
    return CodeGiven(row.serial, code_of(issued, row.batch))
