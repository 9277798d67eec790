"""Reads of the ledger. All answer frozen rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    Balance,
    BookKind,
    Entry,
    Hold,
    HoldState,
    Leg,
    Side,
    StatementLine,
    TrialLine,
    UnableToHold,
)
from warchest.ledger.models import Balance as BalanceRow
from warchest.ledger.models import Hold as HoldRow
from warchest.ledger.models import JournalEntry, Posting
from warchest.runtime.services import services

# An account's amount as its owner sees it: positive on the book's own side.
_SIGNED = "CASE WHEN p.side = b.side THEN p.amount_minor ELSE -p.amount_minor END"
_OF_ACCOUNT = """
      FROM ledger_posting AS p
      JOIN ledger_account AS a ON a.id = p.account_id
      JOIN ledger_book AS b ON b.code = a.book_id
     WHERE a.book_id = %s AND a.owner = %s AND a.currency = %s"""


def balance(*, account: AccountRef) -> Balance:
    unit = currency(account.currency)
    exact = BalanceRow.objects.filter(
        account__book_id=account.book, account__owner=account.owner, account__currency=account.currency
    ).first()
    if exact:
        return Balance(Money(exact.posted_minor, unit), Money(exact.held_minor, unit))
    return Balance(_sum_of(account, "", []), Money.zero(unit))


def balance_at(*, account: AccountRef, at: datetime) -> Money:
    return _sum_of(account, "AND p.occurred_at < %s", [at])


def _sum_of(account: AccountRef, condition: str, values: list[object]) -> Money:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            f"SELECT coalesce(sum({_SIGNED}), 0) {_OF_ACCOUNT} {condition}",
            [account.book, account.owner, account.currency, *values],
        )
        return Money(int(cursor.fetchone()[0]), currency(account.currency))


def statement(
    *, account: AccountRef, before: int | None = None, limit: int = 50
) -> tuple[StatementLine, ...]:
    unit = currency(account.currency)
    lines = (
        Posting.objects.filter(
            account__book_id=account.book, account__owner=account.owner, account__currency=account.currency
        )
        .select_related("entry", "account__book")
        .order_by("-sequence")
    )
    if before is not None:
        lines = lines.filter(sequence__lt=before)
    return tuple(
        StatementLine(
            sequence=line.sequence,
            entry_id=line.entry_id,
            kind=line.entry.kind,
            occurred_at=line.occurred_at,
            recorded_at=line.recorded_at,
            amount=Money(
                line.amount_minor if line.side == line.account.book.side else -line.amount_minor, unit
            ),
            balance_after=None if line.balance_after_minor is None else Money(line.balance_after_minor, unit),
            reference=line.entry.reference,
            details=line.entry.details,
        )
        for line in lines[:limit]
    )


def entry(*, entry_id: UUID) -> Entry | None:
    return entries(entry_ids=[entry_id]).get(entry_id)


def entries(*, entry_ids: Sequence[UUID]) -> Mapping[UUID, Entry]:
    wanted = list(entry_ids)
    legs: dict[UUID, list[Leg]] = defaultdict(list)
    rows = Posting.objects.filter(entry_id__in=wanted).select_related("account").order_by("entry_id", "leg")
    for row in rows:
        amount = Money(row.amount_minor, currency(row.account.currency))
        legs[row.entry_id].append(Leg(Side(row.side), row.account.book_id, amount, row.account.owner))
    return {
        row.id: Entry(
            id=row.id,
            key=row.key,
            kind=row.kind,
            occurred_at=row.occurred_at,
            recorded_at=row.recorded_at,
            legs=tuple(legs[row.id]),
            reference=row.reference,
            details=row.details,
            reverses=row.reverses_id,
        )
        for row in JournalEntry.objects.filter(id__in=wanted)
    }


def find_hold(*, hold_id: UUID) -> Hold:
    row = HoldRow.objects.select_related("account").filter(id=hold_id).first()
    if row is None:
        raise UnableToHold("hold_unknown")
    return _as_hold(row)


def open_holds(
    *, book: str, expired_at: datetime | None = None, limit: int | None = None
) -> tuple[Hold, ...]:
    rows = HoldRow.objects.filter(state=HoldState.OPEN, account__book_id=book).select_related("account")
    if expired_at is not None:
        rows = rows.filter(expires_at__lte=expired_at)
    return tuple(map(_as_hold, rows.order_by("expires_at", "id")[:limit]))


def _as_hold(row: HoldRow) -> Hold:
    unit = currency(row.account.currency)
    return Hold(
        id=row.id,
        account=AccountRef(row.account.book_id, row.account.currency, row.account.owner),
        amount=Money(row.amount_minor, unit),
        captured=Money(row.captured_minor, unit),
        state=HoldState(row.state),
        reason=row.reason,
        expires_at=row.expires_at,
    )


def count_entries() -> int:
    return JournalEntry.objects.count()


def trial_balance() -> tuple[TrialLine, ...]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("""
            SELECT b.code, b.kind, b.side, a.currency,
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.side = 'D'), 0),
                   coalesce(sum(p.amount_minor) FILTER (WHERE p.side = 'C'), 0)
              FROM ledger_posting AS p
              JOIN ledger_account AS a ON a.id = p.account_id
              JOIN ledger_book AS b ON b.code = a.book_id
             GROUP BY b.code, b.kind, b.side, a.currency
             ORDER BY b.code, a.currency""")
        return tuple(
            TrialLine(code, BookKind(kind), Side(side), unit, int(debits), int(credits))
            for code, kind, side, unit, debits, credits in cursor.fetchall()
        )


def book_sums_by_owner(*, book: str) -> Mapping[tuple[str, str], int]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.owner, a.currency, sum({_SIGNED})
              FROM ledger_posting AS p
              JOIN ledger_account AS a ON a.id = p.account_id
              JOIN ledger_book AS b ON b.code = a.book_id
             WHERE a.book_id = %s
             GROUP BY a.owner, a.currency""",
            [book],
        )
        return {(owner, unit): int(total) for owner, unit, total in cursor.fetchall()}
