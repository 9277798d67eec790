"""What a reseller and its supplier owe each other for a month: opening, deliveries, sales, margin, returns, payments, closing.

For a reseller that we deal with it is read from the journal, entry by entry, so that it is true of whatever was booked; for one
below another from the lines between the two.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from uuid import UUID

from warchest.cards.contract import LIABILITY_BOOK, RECEIVABLE_BOOK, Cards, Reseller
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Entry, EntryFilter, Ledger, Side
from warchest.runtime.services import services

_ENTRIES_AT_ONCE = 500
_MARGIN_BOOK = "reseller_margin"
_KINDS = {
    "batch_delivered": "delivery",
    "reseller_delivery": "delivery",
    "card_sold": "sale",
    "card_sale_reversed": "sale_reversed",
    "reseller_return": "return",
    "bank_entry": "payment",
}
KINDS = ("delivery", "sale", "sale_reversed", "return", "payment", "other")
"""In the order of a statement."""


@dataclass(frozen=True, slots=True)
class Line:
    """``net`` = ``face`` - ``margin`` is what the supplier is owed more (less, where it is negative)."""

    kind: str
    at: datetime
    batch: UUID | None
    cards: int
    face: Money
    margin: Money
    reference: str
    entry: UUID | None = None

    @property
    def net(self) -> Money:
        return self.face - self.margin


@dataclass(frozen=True, slots=True)
class Sum:
    """Lines of one kind and batch together."""

    kind: str
    batch: UUID | None
    series: str
    cards: int
    face: Money
    margin: Money

    @property
    def net(self) -> Money:
        return self.face - self.margin


@dataclass(frozen=True, slots=True)
class Settlement:
    """Of the month that begins with the day ``month`` (UTC). Closing = opening + the net of all lines."""

    reseller: Reseller
    month: date
    opening: Money
    closing: Money
    lines: tuple[Line, ...]
    sums: tuple[Sum, ...]

    @property
    def margin(self) -> Money:
        """What the reseller kept of what was delivered, sold and returned."""
        return sum((line.margin for line in self.lines), Money.zero(self.opening.currency))


def month_after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def month_before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def settlement_of(reseller: Reseller, *, month: date) -> Settlement:
    """``month`` is its first day."""
    since, until = (datetime.combine(day, time(), UTC) for day in (month, month_after(month)))
    if reseller.is_top:
        account = AccountRef(RECEIVABLE_BOOK, _unit(reseller).currency.code, reseller.name)
        ledger = services.get(Ledger)
        opening, closing = (ledger.balance_at(account=account, at=at) for at in (since, until))
        lines = tuple(sorted(_booked(account, since, until), key=lambda line: line.at))
    else:
        opening = sum((line.net for line in _between(reseller, None, since)), _unit(reseller))
        lines = _between(reseller, since, until)
        closing = sum((line.net for line in lines), opening)
    return Settlement(reseller, month, opening, closing, lines, _sums(lines))


def _unit(reseller: Reseller) -> Money:
    return Money.zero(reseller.terms.credit_limit.currency)


def _booked(account: AccountRef, since: datetime, until: datetime) -> Iterator[Line]:
    asked = EntryFilter(book=account.book, owner=account.owner, occurred_from=since, occurred_until=until)
    before: UUID | None = None
    while True:
        entries = services.get(Ledger).find_entries(only=asked, before=before, limit=_ENTRIES_AT_ONCE)
        for entry in entries:
            if any(leg.account == account for leg in entry.legs):
                yield _line(entry, account)
        if len(entries) < _ENTRIES_AT_ONCE:
            return
        before = entries[-1].id


def _line(entry: Entry, account: AccountRef) -> Line:
    """What an entry did to the account, and the margin that stands beside it in the same entry."""
    zero = Money.zero(entry.legs[0].amount.currency)
    net = margin = zero
    batch: UUID | None = None
    for leg in entry.legs:
        signed = leg.amount if leg.side is Side.DEBIT else -leg.amount
        if leg.account == account:
            net = net + signed if net else signed
        elif leg.book == _MARGIN_BOOK:
            margin = margin + signed if margin else signed
        elif leg.book == LIABILITY_BOOK:
            batch = UUID(leg.owner)
    kind = _KINDS.get(entry.kind, "other")
    count = int(entry.details.get("cards") or entry.details.get("quantity") or 1)
    takes = net.minor < 0
    return Line(
        kind=kind,
        at=entry.occurred_at,
        batch=batch,
        cards=0 if kind in ("payment", "other") else -count if takes else count,
        face=net + margin if margin else net,
        margin=margin if margin else Money.zero(net.currency),
        reference=_reference(entry),
        entry=entry.id,
    )


def _reference(entry: Entry) -> str:
    """The delivery note's number where there is one: people have the paper, and not our id."""
    if entry.kind in ("reseller_delivery", "reseller_return"):
        return services.get(Cards).shipment(shipment_id=UUID(entry.reference)).reference or entry.reference
    return entry.reference


def _between(reseller: Reseller, since: datetime | None, until: datetime) -> tuple[Line, ...]:
    return tuple(
        Line(line.kind, line.at, line.batch, line.cards, line.face, line.margin, line.reference)
        for line in services.get(Cards).reseller_lines(reseller_id=reseller.id, since=since, until=until)
    )


def _sums(lines: tuple[Line, ...]) -> tuple[Sum, ...]:
    found: dict[tuple[str, UUID | None], Sum] = {}
    for line in lines:
        place = line.kind, line.batch
        if place not in found:
            found[place] = Sum(line.kind, line.batch, _series(line.batch), line.cards, line.face, line.margin)
            continue
        before = found[place]
        found[place] = replace(
            before,
            cards=before.cards + line.cards,
            face=before.face + line.face,
            margin=before.margin + line.margin,
        )
    return tuple(sorted(found.values(), key=lambda one: (KINDS.index(one.kind), one.series)))


def _series(batch: UUID | None) -> str:
    if batch is None:
        return ""
    terms = services.get(Cards).batch(batch_id=batch).terms
    return f"{terms.serial_prefix}{terms.series:04}"


def settlement_csv(settlement: Settlement, *, called: Callable[[str], str] = str) -> bytes:
    """A line each, in major units; ``called`` says what a kind is called. UTF-8 with a mark at its beginning, as spreadsheets
    like it."""
    file = io.StringIO()
    write = csv.writer(file)
    write.writerow(["moment", "kind", "series", "cards", "face", "margin", "net", "currency", "reference"])
    code = settlement.opening.currency.code
    write.writerow(["", "opening", "", "", "", "", settlement.opening.major, code, ""])
    series: dict[UUID | None, str] = {}
    for line in settlement.lines:
        if line.batch not in series:
            series[line.batch] = _series(line.batch)
        write.writerow(
            [
                line.at.astimezone(UTC).isoformat(timespec="seconds"),
                called(line.kind),
                series[line.batch],
                line.cards or "",
                line.face.major,
                line.margin.major,
                line.net.major,
                code,
                _harmless(line.reference),
            ]
        )
    write.writerow(["", "closing", "", "", "", "", settlement.closing.major, code, ""])
    return b"\xef\xbb\xbf" + file.getvalue().encode()


def _harmless(text: str) -> str:
    """What somebody else wrote is never a formula to a spreadsheet."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
