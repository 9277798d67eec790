"""Cards sold at the desk: made, their codes shown once, and taken back while they are unused."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from warchest.cards import bought_queries, queries
from warchest.cards.contract import (
    DESK_CARDS_MAX,
    CardTaken,
    CodeGiven,
    DeskIssue,
    OrderLine,
    UnableToIssueAtDesk,
)
from warchest.cards.models import Batch as BatchRow
from warchest.cards.models import Card as CardRow
from warchest.cards.models import DeskIssue as DeskRow
from warchest.cards.models import IssuedCode
from warchest.cards.operations.bought import pay, take
from warchest.cards.operations.bought_rows import code_of
from warchest.cards.operations.virtual import note as note_event
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.transactions import technical_transaction

SELLER = "@desk"


def issue_at_desk(
    *, issue_id: UUID, batch: UUID, quantity: int, clerk: UUID, note: str, actor: str, at: datetime
) -> tuple[CardTaken, ...]:
    if not 1 <= quantity <= DESK_CARDS_MAX:
        raise UnableToIssueAtDesk("desk_quantity_out_of_range", quantity_max=DESK_CARDS_MAX)
    row = BatchRow.objects.select_for_update().filter(id=batch).first()
    if row is None or not bought_queries.is_on_offer(row, at=at):
        raise UnableToIssueAtDesk("card_not_on_offer")
    if bought_queries.offer_of(row).left < quantity:
        raise UnableToIssueAtDesk("stock_empty", product=row.product[:40])
    DeskRow.objects.create(
        id=issue_id, batch=row, clerk_id=clerk, quantity=quantity, note=note.strip()[:200], issued_at=at
    )
    line = OrderLine(SELLER, str(issue_id), "1")
    return tuple(
        take(row, line, place=place, what="issued_at_desk", actor=actor, at=at) for place in range(quantity)
    )


def note_paid_at_desk(*, serials: tuple[str, ...], owed: Money, at: datetime) -> None:
    for serial in serials:
        pay(serial, owed=owed, at=at)


def note_shown_at_desk(*, issue_id: UUID, clerk: UUID, actor: str, at: datetime) -> DeskIssue:
    row = _locked(issue_id)
    if row.clerk_id != clerk:
        raise UnableToIssueAtDesk("desk_codes_of_another")
    if row.taken_back_at is not None:
        raise UnableToIssueAtDesk("desk_issue_taken_back")
    if not _issued(issue_id).filter(sealed__isnull=False).exists():
        raise UnableToIssueAtDesk("desk_codes_shown")
    if row.shown_at is None:
        # Where it is written and the codes are still kept, whoever asked was cut off before they saw them.
        row.shown_at = at
        row.save(update_fields=["shown_at"])
    numbers = sorted(_cards(issue_id).values_list("number", flat=True))
    note_event(row.batch, "code_shown", first=numbers[0], last=numbers[-1], actor=actor, reason="", at=at)
    return desk_issue(issue_id=issue_id)


def codes_at_desk(*, issue_id: UUID, clerk: UUID, at: datetime) -> tuple[CodeGiven, ...]:
    with technical_transaction("cards"):
        row = _locked(issue_id)
        if row.clerk_id != clerk or row.shown_at is None:
            return ()
        issued = list(_issued(issue_id).filter(sealed__isnull=False).order_by("place"))
        given = tuple(CodeGiven(one.serial, code_of(one, row.batch)) for one in issued)
        _issued(issue_id).filter(sealed__isnull=False).update(sealed=None, closed_at=at)
    return given


def take_back_at_desk(*, issue_id: UUID, actor: str, at: datetime) -> DeskIssue:
    row = _locked(issue_id)
    if row.taken_back_at is not None:
        raise UnableToIssueAtDesk("desk_issue_taken_back")
    # In the order of serials, as everybody locks cards.
    cards = list(_cards(issue_id).select_for_update().order_by("serial"))
    for card in cards:
        if card.state != "sold" or card.blocked_at is not None:
            raise UnableToIssueAtDesk(
                "card_already_activated" if card.state == "activated" else "card_blocked", serial=card.serial
            )
    CardRow.objects.filter(serial__in=[card.serial for card in cards]).update(state="void")
    _issued(issue_id).update(sealed=None, taken_back_at=at)
    row.taken_back_at = at
    row.save(update_fields=["taken_back_at"])
    for card in cards:
        note_event(
            row.batch, "sale_reversed", first=card.number, last=card.number, actor=actor, reason="", at=at
        )
    return desk_issue(issue_id=issue_id)


def desk_issue(*, issue_id: UUID) -> DeskIssue:
    row = DeskRow.objects.select_related("batch").filter(id=issue_id).first()
    if row is None:
        raise UnableToIssueAtDesk("desk_issue_unknown")
    return _frozen([row])[0]


def desk_issues(*, limit: int = 50) -> tuple[DeskIssue, ...]:
    return _frozen(DeskRow.objects.select_related("batch").order_by("-issued_at", "-id")[:limit])


def _locked(issue_id: UUID) -> DeskRow:
    rows = DeskRow.objects.select_related("batch").select_for_update(of=("self",))
    row = rows.filter(id=issue_id).first()
    if row is None:
        raise UnableToIssueAtDesk("desk_issue_unknown")
    return row


def _issued(issue_id: UUID):  # type: ignore[no-untyped-def]
    return IssuedCode.objects.filter(seller=SELLER, order=str(issue_id))


def _cards(issue_id: UUID):  # type: ignore[no-untyped-def]
    return CardRow.objects.filter(serial__in=_issued(issue_id).values("serial"))


def _frozen(rows: Iterable[DeskRow]) -> tuple[DeskIssue, ...]:
    found = list(rows)
    serials: dict[str, list[str]] = {}
    owed: dict[str, Money] = {}
    issued = IssuedCode.objects.filter(seller=SELLER, order__in=[str(row.id) for row in found])
    for order, serial in issued.order_by("place").values_list("order", "serial"):
        serials.setdefault(order, []).append(serial)
    paid = CardRow.objects.filter(serial__in=[one for group in serials.values() for one in group])
    for serial, minor, code in paid.values_list("serial", "owed_minor", "owed_currency"):
        owed[serial] = Money(minor, currency(code))
    return tuple(
        DeskIssue(
            id=row.id,
            batch=row.batch_id,
            product=row.batch.product,
            face=queries.terms_of(row.batch).face,
            clerk=row.clerk_id,
            quantity=row.quantity,
            serials=tuple(serials.get(str(row.id), ())),
            owed=tuple(owed[serial] for serial in serials.get(str(row.id), ())),
            note=row.note,
            issued_at=row.issued_at,
            shown_at=row.shown_at,
            taken_back_at=row.taken_back_at,
        )
        for row in found
    )
