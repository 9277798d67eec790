"""A card is sold at a till, or by its activation; a sale is reversed while nobody has used the card.

Only the card is locked: thousands of tills sell at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from warchest.cards import keeping, queries, reseller_queries, rules
from warchest.cards.contract import (
    CardState,
    ConsignedCard,
    SoldCard,
    TillRequest,
    UnableToSellCard,
)
from warchest.cards.contract.tills import REQUEST_ID_LENGTH_MAX
from warchest.cards.models import Card as CardRow
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import ResellerLine, Sale, SaleShare, ShipmentPart
from warchest.cards.models import Shipment as ShipmentRow
from warchest.cards.models import TillRequest as RequestRow
from warchest.cards.operations.shipments import note
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.services import services

SOLD_BEFORE_MAX = timedelta(days=30)
SOLD_AHEAD_MAX = timedelta(minutes=10)

_REQUEST_ID = re.compile(rf"[!-~](?:[ -~]{{0,{REQUEST_ID_LENGTH_MAX - 2}}}[!-~])?")
_REFUSALS = {
    CardState.ACTIVATED: "card_already_activated",
    CardState.SOLD: "card_already_sold",
    CardState.BLOCKED: "card_blocked",
    CardState.VOID: "card_blocked",
    CardState.EXPIRED: "card_expired",
}


@dataclass(frozen=True, slots=True)
class _Level:
    """One reseller of the chain through which a card came, the seller first. ``owes_now``: it has the card on consignment."""

    reseller: ResellerRow
    margin_minor: int
    owes_now: bool


def till_request(*, reseller_id: UUID, request_id: str) -> TillRequest | None:
    _check_request_id(request_id)
    # One call under an id at a time: the second sees what the first has done.
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('till request ' || %s || ' ' || %s, 0))",
            [str(reseller_id), request_id],
        )
    return find_till_request(reseller_id=reseller_id, request_id=request_id)


def _check_request_id(request_id: str) -> None:
    if not _REQUEST_ID.fullmatch(request_id):
        raise UnableToSellCard("request_id_malformed", length_max=REQUEST_ID_LENGTH_MAX)


def find_till_request(*, reseller_id: UUID, request_id: str) -> TillRequest | None:
    row = (
        RequestRow.objects.select_related("sale")
        .filter(reseller_id=reseller_id, request_id=request_id)
        .first()
    )
    if row is None:
        return None
    sale, is_sale = row.sale, row.kind == "sale"
    original = request_id
    if not is_sale:
        original = RequestRow.objects.values_list("request_id", flat=True).get(sale=sale, kind="sale")
    return TillRequest(
        kind=row.kind,
        request_id=request_id,
        original_request_id=original,
        serial=sale.serial,
        reseller=reseller_id,
        sold_at=sale.sold_at,
        at=row.occurred_at,
        entry_id=sale.entry_id if is_sale else sale.reversal_entry_id,
    )


def seller_of(*, serial: str, request_id: str) -> UUID | None:
    _check_request_id(request_id)
    asked = RequestRow.objects.filter(
        request_id=request_id, kind="sale", sale__serial=rules.serial_as_typed(serial)
    )
    return asked.order_by("-occurred_at").values_list("reseller_id", flat=True).first()


def card_to_sell(*, serial: str) -> ConsignedCard | None:
    row = CardRow.objects.select_related("batch").filter(serial=rules.serial_as_typed(serial)).first()
    if row is None:
        raise UnableToSellCard("card_unknown")
    holder = row.holder_id
    if holder is None and row.batch.reseller:
        holder = ResellerRow.objects.filter(name=row.batch.reseller).values_list("id", flat=True).first()
    if holder is None:
        return None
    return ConsignedCard(row.serial, holder, queries.terms_of(row.batch).face, row.batch.tax_country)


def sell_card(
    *,
    serial: str,
    reseller_id: UUID,
    request_id: str,
    sold_at: datetime,
    card_tax: Money,
    entry_id: UUID,
    actor: str,
    at: datetime,
) -> SoldCard:
    if not at - SOLD_BEFORE_MAX <= sold_at <= at + SOLD_AHEAD_MAX:
        raise UnableToSellCard("sold_at_out_of_range", days=SOLD_BEFORE_MAX.days)
    seller = ResellerRow.objects.filter(id=reseller_id).first()
    if seller is None:
        raise UnableToSellCard("reseller_unknown")
    if seller.suspended_at is not None:
        raise UnableToSellCard("reseller_suspended")
    card = _locked(serial)
    _check_sellable(card, seller, at=at)
    sale, sold = _sell(
        card,
        seller,
        card_tax=card_tax,
        entry_id=entry_id,
        actor=actor,
        sold_at=sold_at,
        at=at,
        by_activation=False,
    )
    CardRow.objects.filter(serial=card.serial).update(state="sold")
    RequestRow.objects.create(reseller=seller, request_id=request_id, kind="sale", sale=sale, occurred_at=at)
    note(card.batch, "sold", card.number, card.number, actor=actor, reason=seller.name, at=at)
    return sold


def sell_by_activation(
    *, serial: str, card_tax: Money, entry_id: UUID, actor: str, at: datetime
) -> SoldCard | None:
    card = CardRow.objects.select_related("batch").get(serial=serial)
    if card.state != "shipped" or card.holder_id is None or card.batch.needs_sale:
        return None
    seller = ResellerRow.objects.get(id=card.holder_id)
    _, sold = _sell(
        card,
        seller,
        card_tax=card_tax,
        entry_id=entry_id,
        actor=actor,
        sold_at=at,
        at=at,
        by_activation=True,
    )
    note(card.batch, "sold", card.number, card.number, actor=actor, reason=seller.name, at=at)
    return sold


def _locked(serial: str) -> CardRow:
    rows = CardRow.objects.select_for_update(of=("self",)).select_related("batch")
    row = rows.filter(serial=rules.serial_as_typed(serial)).first()
    if row is None:
        raise UnableToSellCard("card_unknown")
    return row


def _check_sellable(card: CardRow, seller: ResellerRow, *, at: datetime) -> None:
    came_whole = card.holder_id is None and card.batch.reseller == seller.name and not card.batch.virtual
    # What another has, or nobody, is no business of this one's: not even what became of it.
    if card.holder_id != seller.id and not came_whole:
        raise UnableToSellCard("card_not_in_stock", serial=card.serial)
    state = queries.state_of(card, at=at)
    if state in _REFUSALS:
        raise UnableToSellCard(_REFUSALS[state], serial=card.serial)
    good = (CardState.SHIPPED, CardState.HANDED_OVER) if came_whole else (CardState.SHIPPED,)
    if state not in good or (came_whole and card.state != "as_batch"):
        raise UnableToSellCard("card_not_in_stock", serial=card.serial)


def _sell(
    card: CardRow,
    seller: ResellerRow,
    *,
    card_tax: Money,
    entry_id: UUID,
    actor: str,
    sold_at: datetime,
    at: datetime,
    by_activation: bool,
) -> tuple[Sale, SoldCard]:
    """Write the sale down, what each reseller of the chain keeps of it, and what each that has the card on consignment owes."""
    face = queries.terms_of(card.batch).face
    levels = _levels(card, seller)
    top = levels[-1]
    booked = top.owes_now
    tax = card_tax if booked else Money.zero(face.currency)
    sale = Sale.objects.create(
        serial=card.serial,
        batch=card.batch,
        reseller=seller,
        by_activation=by_activation,
        actor=actor,
        sold_at=sold_at,
        occurred_at=at,
        state_before=card.state,
        face_minor=face.minor,
        margin_minor=top.margin_minor if booked else 0,
        tax_minor=tax.minor,
        currency=face.currency.code,
        entry_id=entry_id if booked else None,
    )
    given_on = 0
    for level in levels:
        SaleShare.objects.create(
            sale=sale, reseller=level.reseller, kept_minor=level.margin_minor - given_on, occurred_at=at
        )
        given_on = level.margin_minor
    _write_lines(sale, levels, "sale", at=at)
    if booked:
        CardRow.objects.filter(serial=card.serial).update(
            paid_at=at, owed_minor=face.minor - tax.minor, owed_currency=face.currency.code
        )
    return sale, _sold(card, sale, top.reseller)


def _levels(card: CardRow, seller: ResellerRow) -> list[_Level]:
    levels = []
    for one in reseller_queries.chain_of(seller):
        came = _came_by(card, one)
        if came is not None:
            # The house books for the top only what is not booked yet.
            owes = came.consignment and (one.parent_id is not None or card.paid_at is None)
            levels.append(_Level(one, came.margin_minor, owes))
        else:
            # Its batch was delivered to it as a whole, and booked then.
            margin = queries.terms_of(card.batch).face.portion(card.batch.margin_bps, 10_000)
            levels.append(_Level(one, margin.minor, False))
    return levels


def _came_by(card: CardRow, reseller: ResellerRow) -> ShipmentRow | None:
    """The shipment by which a reseller last got a card from above."""
    arrived = ShipmentPart.objects.select_related("shipment").filter(
        batch=card.batch,
        state="received",
        first_number__lte=card.number,
        last_number__gte=card.number,
        shipment__receiver=reseller,
        shipment__sender=reseller.parent_id,
    )
    part = arrived.order_by("-occurred_at", "-id").first()
    return part.shipment if part else None


def _write_lines(sale: Sale, levels: list[_Level], kind: str, *, at: datetime) -> None:
    ResellerLine.objects.bulk_create(
        ResellerLine(
            reseller=level.reseller,
            kind=kind,
            batch=sale.batch,
            sale=sale,
            cards=1,
            face_minor=sale.face_minor,
            margin_minor=level.margin_minor,
            tax_minor=sale.tax_minor if level.reseller.parent_id is None else 0,
            currency=sale.currency,
            entry_id=sale.entry_id if level.reseller.parent_id is None else None,
            occurred_at=at,
        )
        for level in levels
        if level.owes_now
    )


def reverse_sale(
    *,
    serial: str,
    reseller_id: UUID,
    request_id: str,
    original_request_id: str,
    entry_id: UUID,
    minutes_max: int,
    actor: str,
    at: datetime,
) -> SoldCard:
    _check_request_id(original_request_id)
    card = _locked(serial)
    original = (
        RequestRow.objects.select_related("sale", "reseller")
        .filter(reseller_id=reseller_id, request_id=original_request_id, kind="sale")
        .first()
    )
    if original is None or original.sale.serial != card.serial:
        raise UnableToSellCard("sale_unknown")
    sale = Sale.objects.select_for_update().get(id=original.sale_id)
    if sale.reversed_at is not None:
        raise UnableToSellCard("sale_already_reversed")
    if card.state != "sold":
        raise UnableToSellCard(_REFUSALS.get(CardState(card.state), "card_not_in_stock"), serial=card.serial)
    if at > sale.occurred_at + timedelta(minutes=minutes_max):
        raise UnableToSellCard("reversal_too_late", minutes=minutes_max)
    booked = sale.entry_id is not None
    changes: dict[str, object] = {"state": sale.state_before}
    if booked:
        changes |= {"paid_at": None, "owed_minor": None, "owed_currency": ""}
    CardRow.objects.filter(serial=card.serial).update(**changes)
    Sale.objects.filter(id=sale.id).update(
        reversed_at=at, reversed_by=actor, reversal_entry_id=entry_id if booked else None
    )
    RequestRow.objects.create(
        reseller=original.reseller, request_id=request_id, kind="reversal", sale=sale, occurred_at=at
    )
    _reverse_lines(sale, entry_id=entry_id if booked else None, at=at)
    note(
        card.batch,
        "sale_reversed",
        card.number,
        card.number,
        actor=actor,
        reason=original.reseller.name,
        at=at,
    )
    sale.reversal_entry_id = entry_id if booked else None
    top = ResellerRow.objects.get(id=original.reseller.top_id)
    return _sold(card, sale, top, entry_id=sale.reversal_entry_id)


def _reverse_lines(sale: Sale, *, entry_id: UUID | None, at: datetime) -> None:
    """Each line of the sale again, the other way."""
    ResellerLine.objects.bulk_create(
        ResellerLine(
            reseller_id=line.reseller_id,
            kind="sale_reversed",
            batch_id=line.batch_id,
            sale=sale,
            cards=line.cards,
            face_minor=line.face_minor,
            margin_minor=line.margin_minor,
            tax_minor=line.tax_minor,
            currency=line.currency,
            entry_id=entry_id if line.entry_id else None,
            occurred_at=at,
        )
        for line in ResellerLine.objects.filter(sale=sale, kind="sale")
    )


def _sold(card: CardRow, sale: Sale, top: ResellerRow, *, entry_id: UUID | None = None) -> SoldCard:
    unit = currency(sale.currency)
    return SoldCard(
        serial=card.serial,
        batch=card.batch_id,
        fingerprint=keeping.fingerprint(bytes(card.code_hash)),
        face=Money(sale.face_minor, unit),
        margin=Money(sale.margin_minor, unit),
        tax=Money(sale.tax_minor, unit),
        tax_country=card.batch.tax_country,
        reseller=top.name,
        booked=sale.entry_id is not None,
        entry_id=entry_id or sale.entry_id,
    )
