"""Cards leave, arrive, come back or are lost, by ranges: each moves all its cards in one statement.

Locks are taken in one order: the receiver's row (by the caller, who weighs its credit), the batch, the shipment, the cards.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from psycopg.errors import ExclusionViolation

from warchest.cards import queries, rules, shipment_queries
from warchest.cards.contract import (
    BatchState,
    CardsMoved,
    Shipment,
    ShipmentDraft,
    ShipmentState,
    Standing,
    UnableToShipCards,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardEvent, ResellerLine, ShipmentPart
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import Shipment as ShipmentRow
from warchest.cards.operations import returns
from warchest.kernel.currency import currency
from warchest.kernel.errors import TryAgain
from warchest.kernel.money import Money
from warchest.runtime.services import services

# What of a range stays where it is when the rest travels.
_STAYING = Q(state__in=["void", "expired", "activated"])


def draft_shipment(*, shipment_id: UUID, draft: ShipmentDraft, actor: str, at: datetime) -> Shipment:
    sender, receiver = _one_step(draft)
    batch, first, last = _range(draft.first_serial, draft.last_serial or draft.first_serial)
    same = ShipmentRow.objects.filter(
        batch=batch,
        first_number=first,
        last_number=last,
        sender=sender,
        receiver=receiver,
        consignment=draft.consignment,
    ).order_by("-id")
    for known in same[:1]:
        if known.state in ("draft", "sent") or (known.state == "received" and _lies_still(known)):
            return shipment_queries.frozen(known)
    goes_down = receiver is not None and receiver.parent_id == draft.sender
    _check_batch(batch, sender=sender, receiver=receiver if goes_down else None, at=at)
    _check_available(batch, first, last, sender, goes_down=goes_down)
    margin = Money(0, currency(batch.face_currency))
    if goes_down and receiver is not None:
        margin = queries.terms_of(batch).face.portion(receiver.margin_bps, 10_000)
    try:
        with transaction.atomic(using=services.alias("cards")):
            row = ShipmentRow.objects.create(
                id=shipment_id,
                batch=batch,
                first_number=first,
                last_number=last,
                sender=sender,
                receiver=receiver,
                consignment=draft.consignment and goes_down,
                face_minor=batch.face_minor,
                margin_minor=margin.minor,
                currency=batch.face_currency,
                reference=draft.reference.strip()[:60],
                drafted_by=actor,
                drafted_at=at,
            )
            ShipmentPart.objects.create(shipment=row, batch=batch, first_number=first, last_number=last)
    except IntegrityError as error:
        if not isinstance(error.__cause__, ExclusionViolation):
            raise
        raise UnableToShipCards("range_away") from None
    return shipment_queries.frozen(row)


def _one_step(draft: ShipmentDraft) -> tuple[ResellerRow | None, ResellerRow | None]:
    wanted = [one for one in (draft.sender, draft.receiver) if one is not None]
    found = {row.id: row for row in ResellerRow.objects.filter(id__in=wanted)}
    if len(found) < len(wanted):
        raise UnableToShipCards("reseller_unknown")
    sender = found[draft.sender] if draft.sender else None
    receiver = found[draft.receiver] if draft.receiver else None
    goes_down = receiver is not None and receiver.parent_id == draft.sender
    goes_up = sender is not None and sender.parent_id == draft.receiver
    if not goes_down and not goes_up:
        raise UnableToShipCards("not_next_in_chain")
    return sender, receiver


def _range(first_serial: str, last_serial: str) -> tuple[BatchRow, int, int]:
    """The batch, locked, and the numbers of two of its cards."""
    serials = [rules.serial_as_typed(typed) for typed in (first_serial, last_serial)]
    found = {row.serial: row for row in CardRow.objects.filter(serial__in=serials).only("batch_id", "number")}
    if any(serial not in found for serial in serials):
        raise UnableToShipCards("card_unknown")
    first, last = (found[serial] for serial in serials)
    if first.batch_id != last.batch_id or first.number > last.number:
        raise UnableToShipCards("serial_range_malformed")
    return BatchRow.objects.select_for_update().get(id=first.batch_id), first.number, last.number


def _lies_still(row: ShipmentRow) -> bool:
    there = _cards(row.batch, row.first_number, row.last_number)
    held = there.filter(_held_by(row.receiver, row.batch)).count()
    arrived = sum(ShipmentPart.objects.filter(shipment=row).values_list("cards", flat=True))
    return held == arrived


def _check_batch(
    batch: BatchRow, *, sender: ResellerRow | None, receiver: ResellerRow | None, at: datetime
) -> None:
    """``receiver`` is who gets the cards to sell them; None where they go back."""
    if batch.virtual or (sender is None and not batch.stock):
        raise UnableToShipCards("batch_not_for_stock")
    if batch.state != BatchState.HANDED_OVER and not (receiver is None and batch.state == BatchState.CLOSED):
        raise UnableToShipCards("batch_not_handed_over", state=batch.state)
    if receiver is None:
        return
    if batch.blocked_at is not None:
        raise UnableToShipCards("batch_blocked")
    if batch.expires_at is not None and batch.expires_at <= at:
        raise UnableToShipCards("batch_expired")
    if batch.regions and receiver.regions and not set(batch.regions) & set(receiver.regions):
        raise UnableToShipCards("batch_outside_region")
    if batch.face_currency != receiver.currency:
        raise UnableToShipCards("batch_currency_differs", currency=receiver.currency)


def _cards(batch: BatchRow, first: int, last: int):  # type: ignore[no-untyped-def]
    return queries.numbered(batch, first, last)


def _held_by(holder: ResellerRow | None, batch: BatchRow) -> Q:
    """Which cards somebody has and may send on: the house those of its stock, a reseller those that it has not sold, and who
    got a whole batch all that went nowhere."""
    if holder is None:
        return Q(state__in=["as_batch", "returned"], holder_id=None, paid_at=None)
    own = Q(state="shipped", holder_id=holder.id)
    return own | Q(state="as_batch", holder_id=None) if batch.reseller == holder.name else own


def _check_available(
    batch: BatchRow, first: int, last: int, holder: ResellerRow | None, *, goes_down: bool
) -> int:
    """How many cards of the range would travel. Raises UnableToShipCards where one that should can't."""
    good = _held_by(holder, batch)
    if goes_down:
        good &= Q(blocked_at=None)
    cards = _cards(batch, first, last)
    for serial in (
        cards.exclude(_STAYING).exclude(good).order_by("serial").values_list("serial", flat=True)[:1]
    ):
        raise UnableToShipCards("cards_not_available", serial=serial)
    count = int(cards.filter(good).count())
    if not count:
        raise UnableToShipCards("cards_not_available", serial=queries.serial_of(batch, first))
    return count


def send_shipment(*, shipment_id: UUID, standing: Standing | None, actor: str, at: datetime) -> Shipment:
    row = _locked(shipment_id)
    if row.state in ("sent", "received"):
        return shipment_queries.frozen(row)
    if row.state != "draft":
        raise UnableToShipCards("shipment_over")
    goes_down = _goes_down(row)
    _check_batch(row.batch, sender=row.sender, receiver=row.receiver if goes_down else None, at=at)
    count = _check_available(row.batch, row.first_number, row.last_number, row.sender, goes_down=goes_down)
    if goes_down:
        assert row.receiver is not None and standing is not None
        _check_credit(row, row.receiver, standing, count)
    changes: dict[str, object] = {"state": "shipped", "holder_id": None}
    if row.sender is None:
        changes["delivery_id"] = row.id
    held = _cards(row.batch, row.first_number, row.last_number).filter(_held_by(row.sender, row.batch))
    if held.update(**changes) != count:
        # Somebody has just sold or blocked one of them.
        raise TryAgain("busy")
    ShipmentRow.objects.filter(id=row.id).update(state="sent", cards=count, sent_by=actor, sent_at=at)
    note(row.batch, "shipped", row.first_number, row.last_number, actor=actor, reason=_where_to(row), at=at)
    return shipment_queries.shipment(shipment_id=row.id)


def _check_credit(row: ShipmentRow, receiver: ResellerRow, standing: Standing, count: int) -> None:
    if receiver.suspended_at is not None:
        raise UnableToShipCards("reseller_suspended")
    if standing.overdue.minor > 0:
        raise UnableToShipCards("reseller_overdue", overdue=str(standing.overdue))
    if row.consignment:
        return
    adds = (row.face_minor - row.margin_minor) * count
    owed = standing.owed.minor + standing.on_the_way.minor + adds
    if owed > receiver.credit_limit_minor:
        over = Money(owed - receiver.credit_limit_minor, currency(receiver.currency))
        raise UnableToShipCards("credit_limit_exceeded", over=str(over))


def receive_shipment(
    *,
    shipment_id: UUID,
    first_serial: str,
    last_serial: str,
    card_tax: Money,
    entry_id: UUID,
    actor: str,
    at: datetime,
) -> tuple[CardsMoved, ...]:
    row = _locked(shipment_id)
    if row.state == "draft":
        raise UnableToShipCards("shipment_not_sent")
    first, last = row.first_number, row.last_number
    if first_serial:
        batch, first, last = _range(first_serial, last_serial or first_serial)
        if batch.id != row.batch_id or first < row.first_number or last > row.last_number:
            raise UnableToShipCards("range_not_on_its_way")
    parts = list(
        ShipmentPart.objects.filter(shipment=row, first_number__lte=last, last_number__gte=first).order_by(
            "first_number"
        )
    )
    waiting = [part for part in parts if part.state in ("away", "lost")]
    if not waiting:
        if any(part.state == "back" for part in parts):
            raise UnableToShipCards("shipment_over")
        return ()
    if first_serial and len(waiting) != len(parts):
        raise UnableToShipCards("range_not_on_its_way")
    moved: list[CardsMoved] = []
    for part in waiting:
        moved += _arrive(row, part, first, last, card_tax=card_tax, entry_id=entry_id, actor=actor, at=at)
    if not ShipmentPart.objects.filter(shipment=row, state__in=["away", "lost"]).exists():
        ShipmentRow.objects.filter(id=row.id).update(state="received", ended_by=actor, ended_at=at)
    return tuple(moved)


def _arrive(
    row: ShipmentRow,
    part: ShipmentPart,
    first: int,
    last: int,
    *,
    card_tax: Money,
    entry_id: UUID,
    actor: str,
    at: datetime,
) -> list[CardsMoved]:
    """As much of a part as was asked for."""
    first, last = max(first, part.first_number), min(last, part.last_number)
    arriving = in_transit(row, first, last)
    changes: dict[str, object] = {"blocked_at": None} if part.state == "lost" else {}
    if not _goes_down(row):
        moved = returns.arrive(row, arriving, changes, entry_id=entry_id, at=at)
    else:
        changes["holder_id"] = row.receiver_id
        pays_now = row.sender is None and not row.consignment
        if pays_now:
            changes |= {
                "paid_at": at,
                "owed_minor": row.face_minor - card_tax.minor,
                "owed_currency": row.currency,
            }
        moved = _delivered(row, arriving.update(**changes), card_tax, booked=pays_now)
        _write_lines(row, moved, entry_id=entry_id, at=at)
    booked = any(group.booked for group in moved)
    _cut(part, first, last)
    ShipmentPart.objects.filter(id=part.id).update(
        first_number=first,
        last_number=last,
        state="received",
        cards=sum(group.cards for group in moved),
        actor=actor,
        occurred_at=at,
        entry_id=entry_id if booked else None,
    )
    what = "received" if _goes_down(row) else "returned"
    note(row.batch, what, first, last, actor=actor, reason=_where_to(row), at=at)
    return moved


def _delivered(row: ShipmentRow, count: int, card_tax: Money, *, booked: bool) -> list[CardsMoved]:
    if not count:
        return []
    assert row.receiver is not None
    unit = currency(row.currency)
    return [
        CardsMoved(
            batch=row.batch_id,
            cards=count,
            face=Money(row.face_minor * count, unit),
            margin=Money(row.margin_minor * count, unit),
            tax=card_tax * count if booked else Money.zero(unit),
            reseller=shipment_queries.top_name(row.receiver),
            tax_country=row.batch.tax_country,
            booked=booked,
        )
    ]


def _write_lines(row: ShipmentRow, moved: list[CardsMoved], *, entry_id: UUID, at: datetime) -> None:
    """What a prepaid delivery makes its receiver owe: the house, or the reseller above."""
    if row.consignment:
        return
    ResellerLine.objects.bulk_create(
        ResellerLine(
            reseller=row.receiver,
            kind="delivery",
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
    )


def _cut(part: ShipmentPart, first: int, last: int) -> None:
    """What is left of a part on both sides goes on being where it was. The part itself is made smaller first."""
    ShipmentPart.objects.filter(id=part.id).update(first_number=first, last_number=last)
    rest = [(part.first_number, first - 1), (last + 1, part.last_number)]
    ShipmentPart.objects.bulk_create(
        ShipmentPart(
            shipment_id=part.shipment_id,
            batch_id=part.batch_id,
            first_number=begins,
            last_number=ends,
            state=part.state,
            occurred_at=part.occurred_at,
            actor=part.actor,
        )
        for begins, ends in rest
        if begins <= ends
    )


def cancel_shipment(*, shipment_id: UUID, reason: str, actor: str, at: datetime) -> Shipment:
    row = _locked(shipment_id)
    if row.state == "cancelled":
        return shipment_queries.frozen(row)
    if row.state not in ("draft", "sent"):
        raise UnableToShipCards("shipment_over")
    if row.state == "sent":
        back: dict[str, object] = {"holder_id": row.sender_id}
        if row.sender is None:
            back |= {"state": "as_batch", "delivery_id": None}
        for part in ShipmentPart.objects.filter(shipment=row, state="away"):
            in_transit(row, part.first_number, part.last_number).update(**back)
            note(
                row.batch,
                "shipment_cancelled",
                part.first_number,
                part.last_number,
                actor=actor,
                reason=reason,
                at=at,
            )
    return _end(row, ShipmentState.CANCELLED, "back", reason=reason, actor=actor, at=at)


def lose_shipment(*, shipment_id: UUID, reason: str, actor: str, at: datetime) -> Shipment:
    if not reason.strip():
        raise UnableToShipCards("reason_missing")
    row = _locked(shipment_id)
    if row.state == "lost":
        return shipment_queries.frozen(row)
    if row.state != "sent":
        raise UnableToShipCards("shipment_not_sent" if row.state == "draft" else "shipment_over")
    for part in ShipmentPart.objects.filter(shipment=row, state="away"):
        in_transit(row, part.first_number, part.last_number).update(blocked_at=at)
        note(row.batch, "lost", part.first_number, part.last_number, actor=actor, reason=reason, at=at)
    return _end(row, ShipmentState.LOST, "lost", reason=reason, actor=actor, at=at)


def _end(
    row: ShipmentRow, state: ShipmentState, part_state: str, *, reason: str, actor: str, at: datetime
) -> Shipment:
    ShipmentPart.objects.filter(shipment=row, state="away").update(
        state=part_state, actor=actor, occurred_at=at
    )
    ShipmentRow.objects.filter(id=row.id).update(
        state=state, ended_by=actor, ended_at=at, reason=reason.strip()[:300]
    )
    return shipment_queries.shipment(shipment_id=row.id)


def _locked(shipment_id: UUID) -> ShipmentRow:
    """The shipment, after its batch."""
    batch_id = ShipmentRow.objects.filter(id=shipment_id).values_list("batch_id", flat=True).first()
    if batch_id is None:
        raise UnableToShipCards("shipment_unknown")
    batch = BatchRow.objects.select_for_update().get(id=batch_id)
    rows = ShipmentRow.objects.select_for_update(of=("self",)).select_related("sender", "receiver")
    row = rows.get(id=shipment_id)
    row.batch = batch
    return row


def _goes_down(row: ShipmentRow) -> bool:
    return row.receiver is not None and row.receiver.parent_id == row.sender_id


def in_transit(row: ShipmentRow, first: int, last: int):  # type: ignore[no-untyped-def]
    """Cards of these numbers that are on their way: nobody has them. None else can be, within a part that is away."""
    return _cards(row.batch, first, last).filter(state="shipped", holder_id=None)


def _where_to(row: ShipmentRow) -> str:
    return row.receiver.name if row.receiver else ""


def note(batch: BatchRow, what: str, first: int, last: int, *, actor: str, reason: str, at: datetime) -> None:
    CardEvent.objects.create(
        batch=batch,
        first_number=first,
        last_number=last,
        what=what,
        actor=actor[:80],
        reason=reason[:300],
        occurred_at=at,
    )
