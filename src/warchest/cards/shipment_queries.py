"""Reads of shipments, of what resellers have, and of what they owe each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from django.db.models import Count, F, Max, Min, Q, Sum
from django.db.models.functions import TruncDate

from warchest.cards import queries
from warchest.cards.contract import (
    ResellerLine,
    SalesOfDay,
    Shipment,
    ShipmentState,
    StockOfBatch,
    UnableToShipCards,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import ResellerLine as LineRow
from warchest.cards.models import ResellerPayment, SaleShare, ShipmentPart
from warchest.cards.models import Shipment as ShipmentRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money

_ADDS = ("delivery", "sale")


def shipment(*, shipment_id: UUID) -> Shipment:
    row = _rows().filter(id=shipment_id).first()
    if row is None:
        raise UnableToShipCards("shipment_unknown")
    return frozen(row)


def shipments(
    *, reseller_id: UUID | None = None, open_only: bool = False, limit: int = 50
) -> tuple[Shipment, ...]:
    rows = _rows().order_by("-id")
    if reseller_id is not None:
        rows = rows.filter(Q(sender_id=reseller_id) | Q(receiver_id=reseller_id))
    if open_only:
        rows = rows.filter(state__in=["draft", "sent"])
    found = list(rows[:limit])
    parts: dict[UUID, list[ShipmentPart]] = {row.id: [] for row in found}
    for part in ShipmentPart.objects.filter(shipment__in=found).order_by("first_number"):
        parts[part.shipment_id].append(part)
    return tuple(frozen(row, parts[row.id]) for row in found)


def _rows():  # type: ignore[no-untyped-def]
    return ShipmentRow.objects.select_related("batch", "sender", "receiver")


def frozen(row: ShipmentRow, parts: Iterable[ShipmentPart] | None = None) -> Shipment:
    if parts is None:
        parts = ShipmentPart.objects.filter(shipment=row).order_by("first_number")
    parts = list(parts)
    unit = currency(row.currency)
    return Shipment(
        id=row.id,
        batch=row.batch_id,
        sender=row.sender_id,
        receiver=row.receiver_id,
        first_serial=queries.serial_of(row.batch, row.first_number),
        last_serial=queries.serial_of(row.batch, row.last_number),
        cards=row.cards,
        arrived=sum(part.cards for part in parts),
        consignment=row.consignment,
        is_return=row.receiver is None or row.receiver.parent_id != row.sender_id,
        face=Money(row.face_minor, unit),
        margin=Money(row.margin_minor, unit),
        state=ShipmentState(row.state),
        reference=row.reference,
        drafted_at=row.drafted_at,
        sent_at=row.sent_at,
        ended_at=row.ended_at,
        reason=row.reason,
        tax_country=row.batch.tax_country,
        away=tuple(
            (queries.serial_of(row.batch, part.first_number), queries.serial_of(row.batch, part.last_number))
            for part in parts
            if part.state in ("away", "lost")
        ),
    )


def top_name(row: ResellerRow) -> str:
    """Whom of this reseller's chain the house deals with."""
    if row.parent_id is None:
        return str(row.name)
    return str(ResellerRow.objects.values_list("name", flat=True).get(id=row.top_id))


def stock_of_reseller(*, reseller_id: UUID) -> tuple[StockOfBatch, ...]:
    name = ResellerRow.objects.values_list("name", flat=True).get(id=reseller_id)
    in_stock = Q(state="shipped")
    groups = {
        group["batch"]: group
        for group in CardRow.objects.filter(holder_id=reseller_id)
        .values("batch")
        .annotate(
            in_stock=Count("serial", filter=in_stock),
            unpaid=Count("serial", filter=in_stock & Q(paid_at=None, delivery_id__isnull=False)),
            sold=Count("serial", filter=Q(state="sold")),
            activated=Count("serial", filter=Q(state="activated")),
            first=Min("serial", filter=in_stock),
            last=Max("serial", filter=in_stock),
        )
    }
    coming = _coming_to(reseller_id)
    whole = {
        batch.id
        for batch in BatchRow.objects.filter(reseller=name, virtual=False, handed_over_at__isnull=False)
    }
    batches = BatchRow.objects.in_bulk([*groups, *coming, *whole])
    found = []
    for batch in sorted(batches.values(), key=lambda batch: (batch.serial_prefix, batch.series)):
        group = groups.get(batch.id, {})
        row = StockOfBatch(
            batch=batch.id,
            series=str(batch),
            face=Money(batch.face_minor, currency(batch.face_currency)),
            in_stock=group.get("in_stock", 0),
            on_consignment=_consigned(batch, reseller_id, group.get("unpaid", 0)),
            on_the_way=coming.get(batch.id, 0),
            sold=group.get("sold", 0),
            activated=group.get("activated", 0),
            first_serial=group.get("first") or "",
            last_serial=group.get("last") or "",
            expires_at=batch.expires_at,
        )
        found.append(_with_untouched(batch, row) if batch.id in whole else row)
    return tuple(found)


def _consigned(batch: BatchRow, reseller_id: UUID, unpaid: int) -> int:
    """Cards of the house's stock that nobody paid for are on consignment with whom we deal with; further down the chain
    that is between the two, and the same is said."""
    return unpaid if batch.stock else 0


def _with_untouched(batch: BatchRow, row: StockOfBatch) -> StockOfBatch:
    """Of a batch that was delivered whole also what never went anywhere: all that is not apart."""
    apart = CardRow.objects.filter(batch=batch).filter(~Q(state="as_batch") | Q(blocked_at__isnull=False))
    by_state = dict(
        apart.filter(holder_id=None, number__lte=batch.quantity)
        .values_list("state")
        .annotate(count=Count("serial"))
    )
    untouched = batch.quantity - apart.filter(number__lte=batch.quantity).count()
    return StockOfBatch(
        batch=row.batch,
        series=row.series,
        face=row.face,
        in_stock=row.in_stock + untouched,
        on_consignment=row.on_consignment,
        on_the_way=row.on_the_way,
        sold=row.sold + by_state.get("sold", 0),
        activated=row.activated + by_state.get("activated", 0),
        first_serial=row.first_serial or (queries.serial_of(batch, 1) if untouched else ""),
        last_serial=row.last_serial or (queries.serial_of(batch, batch.quantity) if untouched else ""),
        expires_at=row.expires_at,
    )


def _coming_to(reseller_id: UUID) -> dict[UUID, int]:
    found: dict[UUID, int] = {}
    for row in ShipmentRow.objects.filter(receiver_id=reseller_id, state="sent"):
        arrived = ShipmentPart.objects.filter(shipment=row).aggregate(sum=Sum("cards"))["sum"] or 0
        found[row.batch_id] = found.get(row.batch_id, 0) + row.cards - arrived
    return found


def on_the_way_to(*, reseller_id: UUID) -> Money:
    row = ResellerRow.objects.get(id=reseller_id)
    coming = ShipmentRow.objects.filter(receiver=row, state="sent", consignment=False, sender=row.parent)
    minor = 0
    for one in coming.annotate(arrived=Sum("shipmentpart__cards")):
        minor += (one.face_minor - one.margin_minor) * (one.cards - (one.arrived or 0))
    return Money(minor, currency(row.currency))


def reseller_lines(
    *, reseller_id: UUID, since: datetime | None = None, until: datetime | None = None
) -> tuple[ResellerLine, ...]:
    lines = [
        ResellerLine(
            kind=row.kind,
            at=row.occurred_at,
            batch=row.batch_id,
            cards=_sign(row.kind) * row.cards,
            face=Money(_sign(row.kind) * row.face_minor, currency(row.currency)),
            margin=Money(_sign(row.kind) * row.margin_minor, currency(row.currency)),
            reference=row.sale.serial if row.sale else _delivery_note(row.shipment),
        )
        for row in _within(LineRow.objects.filter(reseller_id=reseller_id), since, until).select_related(
            "sale", "shipment"
        )
    ]
    lines += [
        ResellerLine(
            kind="payment",
            at=row.occurred_at,
            batch=None,
            cards=0,
            face=Money(-row.amount_minor, currency(row.currency)),
            margin=Money(0, currency(row.currency)),
            reference=row.reference,
        )
        for row in _within(ResellerPayment.objects.filter(reseller_id=reseller_id), since, until)
    ]
    return tuple(sorted(lines, key=lambda line: line.at))


def _delivery_note(shipment: ShipmentRow | None) -> str:
    """Its own number where it has one: people have the paper, and not our id."""
    return (shipment.reference or str(shipment.id)) if shipment else ""


def _within(rows, since: datetime | None, until: datetime | None):  # type: ignore[no-untyped-def]
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    if until is not None:
        rows = rows.filter(occurred_at__lt=until)
    return rows.order_by("occurred_at", "id")


def _sign(kind: str) -> int:
    return 1 if kind in _ADDS else -1


def owed_to_parent(*, reseller_id: UUID, at: datetime) -> Money:
    added, taken = _sums(reseller_id, at)
    unit = ResellerRow.objects.values_list("currency", flat=True).get(id=reseller_id)
    return Money(added - taken, currency(unit))


def overdue_to_parent(*, reseller_id: UUID, at: datetime) -> Money:
    row = ResellerRow.objects.get(id=reseller_id)
    due, _ = _sums(reseller_id, at - timedelta(days=row.payment_days))
    _, taken = _sums(reseller_id, at)
    return Money(max(0, due - taken), currency(row.currency))


def _sums(reseller_id: UUID, at: datetime) -> tuple[int, int]:
    """What was added to the debt before a moment, and what was taken from it."""
    net = F("face_minor") - F("margin_minor")
    lines = LineRow.objects.filter(reseller_id=reseller_id, occurred_at__lte=at)
    sums = lines.aggregate(
        added=Sum(net, filter=Q(kind__in=_ADDS)), taken=Sum(net, filter=~Q(kind__in=_ADDS))
    )
    paid = ResellerPayment.objects.filter(reseller_id=reseller_id, occurred_at__lte=at)
    paid_minor = paid.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    return int(sums["added"] or 0), int(sums["taken"] or 0) + int(paid_minor)


def sales_by_day(*, reseller_id: UUID, since: datetime, until: datetime) -> tuple[SalesOfDay, ...]:
    unit = currency(ResellerRow.objects.values_list("currency", flat=True).get(id=reseller_id))
    shares = SaleShare.objects.filter(
        reseller_id=reseller_id, occurred_at__gte=since, occurred_at__lt=until, sale__reversed_at=None
    )
    days = (
        shares.annotate(day=TruncDate("occurred_at", tzinfo=UTC))
        .values("day")
        .annotate(cards=Count("id"), face=Sum("sale__face_minor"), kept=Sum("kept_minor"))
        .order_by("day")
    )
    return tuple(
        SalesOfDay(
            day=datetime.combine(day["day"], time(), UTC),
            cards=day["cards"],
            face=Money(int(day["face"]), unit),
            margin=Money(int(day["kept"]), unit),
        )
        for day in days
    )
