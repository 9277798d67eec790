"""What comes back: unsold cards only; those that were paid for are credited as they were booked."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from warchest.cards import shipment_queries
from warchest.cards.contract import CardsMoved
from warchest.cards.models import ResellerLine
from warchest.cards.models import Shipment as ShipmentRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.services import services

# Of cards on their way back: by which delivery from the reseller above each had come last.
_BY_DELIVERY = """
    SELECT came.shipment_id, count(*)
      FROM cards_card AS card
      CROSS JOIN LATERAL (
        SELECT part.shipment_id
          FROM cards_shipmentpart AS part
          JOIN cards_shipment AS shipment ON shipment.id = part.shipment_id
         WHERE part.batch_id = card.batch_id AND part.state = 'received' AND shipment.receiver_id = %(reseller)s
           AND part.first_number <= card.number AND part.last_number >= card.number
           AND shipment.sender_id IS NOT DISTINCT FROM %(parent)s
         ORDER BY part.occurred_at DESC, part.id DESC LIMIT 1) AS came
     WHERE card.serial = ANY(%(serials)s)
     GROUP BY came.shipment_id ORDER BY came.shipment_id"""


def arrive(
    row: ShipmentRow, arriving: Any, changes: dict[str, object], *, entry_id: UUID, at: datetime
) -> list[CardsMoved]:
    """The house, or the reseller above, has ``arriving`` again."""
    moved = _to_house(row, arriving) if row.receiver is None else _to_reseller(row, arriving)
    changes = dict(changes)
    if row.receiver is None:
        changes |= {"state": "returned", "delivery_id": None}
        changes |= {"paid_at": None, "owed_minor": None, "owed_currency": ""}
    else:
        changes["holder_id"] = row.receiver_id
    arriving.update(**changes)
    ResellerLine.objects.bulk_create(
        ResellerLine(
            reseller=row.sender,
            kind="return",
            batch=row.batch,
            shipment=row,
            cards=group.cards,
            face_minor=group.face.minor,
            margin_minor=group.margin.minor,
            tax_minor=group.tax.minor,
            currency=row.currency,
            entry_id=entry_id if group.booked else None,
            occurred_at=at,
        )
        for group in moved
        if group.face
    )
    return moved


def _to_house(row: ShipmentRow, arriving: Any) -> list[CardsMoved]:
    """Alike are cards of one delivery that are owed for at the same amount."""
    assert row.sender is not None
    batch, unit = row.batch, currency(row.currency)
    # Locked first, so that what is counted is what is changed.
    list(arriving.select_for_update().order_by("serial").values_list("serial", flat=True))
    groups = arriving.values_list("delivery_id", "owed_minor").annotate(count=Count("serial"))
    groups = list(groups.order_by("delivery_id", "owed_minor"))
    margins = dict(
        ShipmentRow.objects.filter(id__in=[delivery for delivery, _, _ in groups if delivery]).values_list(
            "id", "margin_minor"
        )
    )
    found = []
    for delivery, owed, count in groups:
        face = Money(row.face_minor * count, unit)
        if delivery is None:
            # Of a batch that was delivered whole, and booked as one.
            booked, margin = bool(batch.face_minor), face.portion(batch.margin_bps, 10_000)
            tax = Money(batch.card_tax_minor * count, unit)
        elif owed is None:
            booked, margin, tax = False, Money.zero(unit), Money.zero(unit)
            face = Money.zero(unit)
        else:
            booked, margin = True, Money(margins[delivery] * count, unit)
            tax = Money((row.face_minor - owed) * count, unit)
        found.append(
            CardsMoved(
                batch=batch.id,
                cards=count,
                face=face,
                margin=margin,
                tax=tax,
                reseller=shipment_queries.top_name(row.sender),
                tax_country=batch.tax_country,
                booked=booked,
            )
        )
    return found


def _to_reseller(row: ShipmentRow, arriving: Any) -> list[CardsMoved]:
    assert row.sender is not None
    unit = currency(row.currency)
    serials = list(arriving.select_for_update().order_by("serial").values_list("serial", flat=True))
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            _BY_DELIVERY, {"reseller": row.sender_id, "parent": row.receiver_id, "serials": serials}
        )
        groups = cursor.fetchall()
    deliveries = ShipmentRow.objects.in_bulk([delivery for delivery, _ in groups])
    found = []
    for delivery, count in groups:
        owed = not deliveries[delivery].consignment
        found.append(
            CardsMoved(
                batch=row.batch_id,
                cards=count,
                face=Money(row.face_minor * count if owed else 0, unit),
                margin=Money(deliveries[delivery].margin_minor * count if owed else 0, unit),
                tax=Money.zero(unit),
                reseller=shipment_queries.top_name(row.sender),
                tax_country="",
                booked=False,
            )
        )
    return found
