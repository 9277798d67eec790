"""Reads of virtual cards that players buy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from warchest.cards import queries
from warchest.cards.contract import (
    BatchState,
    BoughtCard,
    CardOffer,
    Gift,
    GiftState,
    UnableToHandleBoughtCard,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import BoughtCard as BoughtRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardGift, IssuedCode
from warchest.kernel.currency import currency
from warchest.kernel.money import Money


def card_offers(*, country: str = "", at: datetime) -> tuple[CardOffer, ...]:
    rows = BatchRow.objects.filter(virtual=True, stock=True, state=BatchState.APPROVED, blocked_at=None)
    found: dict[str, CardOffer] = {}
    for row in rows.order_by("ordered_at", "id"):
        if row.product in found or not is_on_offer(row, at=at):
            continue
        offer = offer_of(row)
        if offer.left and (not country or not offer.regions or country in offer.regions):
            found[row.product] = offer
    return tuple(
        sorted(found.values(), key=lambda one: (one.face.currency.code, one.face.minor, one.product))
    )


def is_on_offer(row: BatchRow, *, at: datetime) -> bool:
    is_over = row.expires_at is not None and row.expires_at <= at
    is_open = row.state == BatchState.APPROVED and row.blocked_at is None
    return row.virtual and row.stock and is_open and not is_over


def offer_of(row: BatchRow) -> CardOffer:
    terms = queries.terms_of(row)
    return CardOffer(
        batch=row.id,
        product=row.product,
        gives=terms.gives,
        face=terms.face,
        left=row.quantity - last_number(row),
        expires_at=row.expires_at,
        regions=terms.regions,
        tax_country=row.tax_country,
    )


def last_number(batch: BatchRow) -> int:
    """The number of the last card that was issued of a virtual batch; 0 before the first.

    Its serials sort as its numbers do. What is issued in place of a void card has a number above them all.
    """
    own = CardRow.objects.filter(
        batch=batch,
        serial__gte=queries.serial_of(batch, 1),
        serial__lte=queries.serial_of(batch, batch.quantity),
    )
    return own.order_by("-serial").values_list("number", flat=True).first() or 0


def bought_cards(*, buyer: UUID, at: datetime, limit: int = 50) -> tuple[BoughtCard, ...]:
    rows = BoughtRow.objects.select_related("batch").filter(buyer_id=buyer)
    return as_bought(rows.order_by("-bought_at", "-id")[:limit], at=at)


def bought_card(*, bought_id: UUID, buyer: UUID, at: datetime) -> BoughtCard:
    (found,) = as_bought([row_of(bought_id, buyer)], at=at)
    return found


def row_of(bought_id: UUID, buyer: UUID) -> BoughtRow:
    row = BoughtRow.objects.select_related("batch").filter(id=bought_id, buyer_id=buyer).first()
    if row is None:
        raise UnableToHandleBoughtCard("bought_card_unknown")
    return row


def unmailed(*, bought_before: datetime, after: UUID | None, limit: int) -> tuple[UUID, ...]:
    kept = Exists(IssuedCode.objects.filter(serial=OuterRef("serial"), sealed__isnull=False))
    rows = BoughtRow.objects.filter(
        kept, bought_at__lt=bought_before, mailed_at=None, first_shown_at=None, cardgift=None
    )
    if after is not None:
        rows = rows.filter(id__gt=after)
    return tuple(rows.order_by("id").values_list("id", flat=True)[:limit])


def gifts_due(*, at: datetime, limit: int) -> tuple[BoughtCard, ...]:
    due = CardGift.objects.filter(state=GiftState.WAITING, deliver_at__lte=at).order_by("deliver_at")
    return _of_gifts(due[:limit], at=at)


def gifts_under_way(*, limit: int) -> tuple[BoughtCard, ...]:
    open_ones = CardGift.objects.filter(Q(state=GiftState.SENDING) | Q(state=GiftState.UNKNOWN))
    rows = list(open_ones.order_by("changed_at")[:limit])
    return _of_gifts(rows, at=rows[0].changed_at) if rows else ()


def _of_gifts(gifts: Iterable[CardGift], *, at: datetime) -> tuple[BoughtCard, ...]:
    wanted = [gift.bought_id for gift in gifts]
    rows = BoughtRow.objects.select_related("batch").in_bulk(wanted)
    return as_bought([rows[one] for one in wanted], at=at)


def as_bought(rows: Iterable[BoughtRow], *, at: datetime) -> tuple[BoughtCard, ...]:
    found = list(rows)
    serials = [row.serial for row in found]
    cards = CardRow.objects.select_related("batch").in_bulk(serials)
    kept = set(
        IssuedCode.objects.filter(serial__in=serials, sealed__isnull=False).values_list("serial", flat=True)
    )
    gifts = CardGift.objects.in_bulk([row.id for row in found])
    return tuple(
        _as_bought(row, cards[row.serial], gifts.get(row.id), code_kept=row.serial in kept, at=at)
        for row in found
    )


def _as_bought(
    row: BoughtRow, card: CardRow, gift: CardGift | None, *, code_kept: bool, at: datetime
) -> BoughtCard:
    terms, paid_in = queries.terms_of(row.batch), currency(row.currency)
    return BoughtCard(
        id=row.id,
        serial=row.serial,
        batch=row.batch_id,
        product=row.batch.product,
        buyer=row.buyer_id,
        gives=terms.gives,
        face=terms.face,
        units=Money.units(row.units_minor),
        paid=Money(row.paid_minor, paid_in),
        tax=Money(row.tax_minor, paid_in),
        state=queries.state_of(card, at=at),
        bought_at=row.bought_at,
        cancel_until=row.cancel_until,
        expires_at=card.expires_at or row.batch.expires_at,
        shown=row.shown,
        code_kept=code_kept,
        mailed_at=row.mailed_at,
        cancelled_at=row.cancelled_at,
        activated_at=card.activated_at,
        entry_id=row.entry_id,
        gift=_as_gift(gift) if gift else None,
    )


def _as_gift(row: CardGift) -> Gift:
    return Gift(
        state=GiftState(row.state),
        language=row.language,
        deliver_at=row.deliver_at,
        sends=row.sends,
        began_at=row.began_at,
        delivered_at=row.delivered_at,
        problem=row.problem,
    )
