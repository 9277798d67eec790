"""Virtual cards: issued when they are sold, taken back while they are unused, their codes forgotten in the end."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Max
from psycopg.errors import UniqueViolation

from warchest.cards import keeping, queries
from warchest.cards.contract import (
    BatchState,
    CodeGiven,
    IssuedCard,
    OrderLine,
    UnableToIssueCards,
    UnableToTakeBackCards,
    VirtualStock,
)
from warchest.cards.contract.virtual import LINES_MAX
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import CardEvent, IssuedCode
from warchest.kernel import codes
from warchest.kernel.errors import TryAgain
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

_CLOSED_AT_ONCE_MAX = 5000

log = structlog.get_logger(__name__)


def issue(
    *, line: OrderLine, reseller: str, product: str, quantity: int, actor: str, at: datetime
) -> tuple[IssuedCard, ...]:
    _take_turns(line)
    before = list(_of(line).order_by("place"))
    if before:
        return _issued_before(before, product=product, quantity=quantity)
    if _of(OrderLine(line.seller, line.order)).values("line").distinct().count() >= LINES_MAX:
        raise UnableToIssueCards("order_too_long", lines_max=LINES_MAX)
    batch = _batch_with(quantity, reseller=reseller, product=product, at=at)
    first = (CardRow.objects.filter(batch=batch).aggregate(last=Max("number"))["last"] or 0) + 1
    made = [
        make_card(batch, line, product=product, number=first + place, place=place, at=at)
        for place in range(quantity)
    ]
    note(batch, "sold", first=first, last=first + quantity - 1, actor=actor, reason=_told(line), at=at)
    return tuple(_frozen(batch, row, new=True) for row in made)


def _take_turns(line: OrderLine) -> None:
    """One call about an order at a time: the second sees what the first has done."""
    with services.database("cards").cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('cards order ' || %s || ' ' || %s, 0))",
            [line.seller, line.order],
        )


def _issued_before(rows: list[IssuedCode], *, product: str, quantity: int) -> tuple[IssuedCard, ...]:
    if any(row.taken_back_at for row in rows):
        raise UnableToIssueCards("order_cancelled")
    if any(row.closed_at for row in rows):
        raise UnableToIssueCards("order_closed")
    if len(rows) != quantity or any(row.product != product for row in rows):
        raise UnableToIssueCards("order_line_differs")
    batches = {row.batch_id: row.batch for row in rows}
    return tuple(_frozen(batches[row.batch_id], row, new=False) for row in rows)


def _batch_with(quantity: int, *, reseller: str, product: str, at: datetime) -> BatchRow:
    """The oldest approved batch that has so many left, locked: whoever issues from it next counts on from here."""
    wanted = BatchRow.objects.filter(
        virtual=True, reseller=reseller, product=product, state=BatchState.APPROVED, blocked_at=None
    )
    for batch in wanted.order_by("ordered_at", "id").select_for_update():
        is_over = batch.expires_at is not None and batch.expires_at <= at
        if not is_over and CardRow.objects.filter(batch=batch).count() + quantity <= batch.quantity:
            return batch
    raise UnableToIssueCards("stock_empty", product=product[:40])


def make_card(
    batch: BatchRow, line: OrderLine, *, product: str, number: int, place: int, at: datetime
) -> IssuedCode:
    """The card of this number of a locked batch, sold for this place of a line. Raises TryAgain should its code exist."""
    code = codes.random_code(length=batch.code_length, alphabet=batch.alphabet)
    serial = queries.serial_of(batch, number)
    try:
        with transaction.atomic(using=services.alias("cards")):
            CardRow.objects.create(
                serial=serial,
                batch=batch,
                number=number,
                code_hash=keeping.code_hasher()(code.encode()),
                last_four=code[-4:],
                state="sold",
            )
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        # With 60 bits and more this happens once in some thousand years.
        log.warning("code_exists_already", batch=str(batch.id))
        raise TryAgain("busy") from None
    return IssuedCode.objects.create(
        serial=serial,
        batch=batch,
        seller=line.seller,
        order=line.order,
        line=line.line,
        place=place,
        product=product,
        sealed=keeping.seal_issued(code, serial=serial),
        issued_at=at,
    )


def take_back(*, line: OrderLine, actor: str, at: datetime) -> tuple[IssuedCard, ...]:
    _take_turns(line)
    rows = list(_of(line).select_related("batch").order_by("serial"))
    if not rows:
        raise UnableToTakeBackCards("order_unknown")
    good = [row for row in rows if row.taken_back_at is None]
    # Locked in the order of serials, as activations wait for them.
    cards = CardRow.objects.select_for_update().filter(serial__in=[row.serial for row in good])
    for card in cards.order_by("serial"):
        if card.state == "activated":
            raise UnableToTakeBackCards("card_already_activated", serial=card.serial)
    for row in good:
        CardRow.objects.filter(serial=row.serial).update(state="void")
        IssuedCode.objects.filter(serial=row.serial).update(sealed=None, taken_back_at=at)
        number = CardRow.objects.get(serial=row.serial).number
        note(row.batch, "sale_reversed", first=number, last=number, actor=actor, reason=_told(line), at=at)
    return tuple(_frozen(row.batch, row, new=True) for row in good)


def close_order(*, line: OrderLine, at: datetime) -> int:
    with technical_transaction("cards"):
        return _of(line).filter(sealed__isnull=False).update(sealed=None, closed_at=at)


def close_orders(*, seller: str, issued_before: datetime, at: datetime) -> int:
    with technical_transaction("cards"):
        old = IssuedCode.objects.filter(seller=seller, sealed__isnull=False, issued_at__lt=issued_before)
        serials = old.order_by("issued_at").values_list("serial", flat=True)[:_CLOSED_AT_ONCE_MAX]
        return IssuedCode.objects.filter(serial__in=list(serials), sealed__isnull=False).update(
            sealed=None, closed_at=at
        )


def codes_of(*, line: OrderLine) -> tuple[CodeGiven, ...]:
    return tuple(
        CodeGiven(
            row.serial,
            codes.grouped(
                keeping.unseal_issued(bytes(row.sealed), serial=row.serial), size=row.batch.group_size
            ),
        )
        for row in _of(line).filter(sealed__isnull=False).select_related("batch").order_by("line", "place")
    )


def virtual_stock(*, at: datetime) -> tuple[VirtualStock, ...]:
    found = []
    rows = BatchRow.objects.filter(virtual=True, state=BatchState.APPROVED).order_by("reseller", "product")
    for row in rows:
        terms = queries.terms_of(row)
        left = row.quantity - CardRow.objects.filter(batch=row).count()
        is_good = row.blocked_at is None and (row.expires_at is None or row.expires_at > at)
        found.append(
            VirtualStock(
                batch=row.id,
                reseller=row.reseller,
                product=row.product,
                left=left if is_good else 0,
                face=terms.face,
                margin=terms.face.portion(terms.margin_bps, 10_000),
            )
        )
    return tuple(found)


def _of(line: OrderLine):  # type: ignore[no-untyped-def]
    rows = IssuedCode.objects.filter(seller=line.seller, order=line.order)
    return rows.filter(line=line.line) if line.line else rows


def note(batch: BatchRow, what: str, *, first: int, last: int, actor: str, reason: str, at: datetime) -> None:
    CardEvent.objects.create(
        batch=batch,
        first_number=first,
        last_number=last,
        what=what,
        actor=actor[:80],
        reason=reason,
        occurred_at=at,
    )


def _told(line: OrderLine) -> str:
    return "/".join(filter(None, [line.seller, line.order, line.line]))[:300]


def _frozen(batch: BatchRow, row: IssuedCode, *, new: bool) -> IssuedCard:
    terms = queries.terms_of(batch)
    card_hash = CardRow.objects.values_list("code_hash", flat=True).get(serial=row.serial)
    return IssuedCard(
        serial=row.serial,
        batch=batch.id,
        reseller=batch.reseller,
        face=terms.face,
        margin=terms.face.portion(terms.margin_bps, 10_000),
        fingerprint=keeping.fingerprint(bytes(card_hash)),
        new=new,
    )
