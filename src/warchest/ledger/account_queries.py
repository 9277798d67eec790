"""Reads of accounts as lists: which there are, and what is on each of them."""

from __future__ import annotations

from datetime import datetime

from warchest.kernel.currency import currency as currency_of
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountBalance, AccountRef, Book, BookKind, Side
from warchest.ledger.models import Book as BookRow
from warchest.runtime.services import services

# The page comes first: whatever the book has, only the legs of as many accounts are summed up.
_ACCOUNTS = """
    WITH page AS MATERIALIZED (
        SELECT a.id, a.book_id, a.owner, a.currency, a.debit_minor - a.credit_minor AS net
          FROM ledger_account AS a
         WHERE {wanted}
         ORDER BY a.book_id, a.owner, a.currency LIMIT %(limit)s
    )
    SELECT page.book_id, page.owner, page.currency, book.kind, book.side, {posted}, {held}
      FROM page
      JOIN ledger_book AS book ON book.code = page.book_id
      LEFT JOIN ledger_balance AS b ON b.account_id = page.id
      LEFT JOIN (SELECT l.account_id, sum(CASE l.side WHEN 'D' THEN l.amount_minor ELSE -l.amount_minor END) AS net
                   FROM ({legs}) AS l WHERE l.account_id IN (SELECT id FROM page) {before}
                  GROUP BY l.account_id) AS leg ON leg.account_id = page.id
     ORDER BY page.book_id, page.owner, page.currency"""
_TAIL = "SELECT t.account_id, t.side, t.amount_minor, t.occurred_at FROM ledger_tail AS t"
_ALL = f"SELECT p.account_id, p.side, p.amount_minor, p.occurred_at FROM ledger_everyposting AS p UNION ALL {_TAIL}"


def accounts(
    *,
    book: str = "",
    owner: str | None = None,
    currency: str = "",
    until: datetime | None = None,
    after: AccountRef | None = None,
    limit: int = 50,
) -> tuple[AccountBalance, ...]:
    # The index of accounts begins with the book.
    wanted = ["a.book_id = %(book)s" if book else "a.book_id IN (SELECT code FROM ledger_book)"]
    if owner is not None:
        wanted.append("a.owner = %(owner)s")
    if currency:
        wanted.append("a.currency = %(currency)s")
    if after:
        wanted.append(
            "(a.book_id, a.owner, a.currency) > (%(after_book)s, %(after_owner)s, %(after_currency)s)"
        )
    net = "coalesce(leg.net, 0)" if until else "page.net + coalesce(leg.net, 0)"
    of_side = f"CASE book.side WHEN 'D' THEN {net} ELSE -({net}) END"
    query = _ACCOUNTS.format(
        wanted=" AND ".join(wanted),
        posted=of_side if until else f"coalesce(b.posted_minor, {of_side})",
        held="0" if until else "coalesce(b.held_minor, 0)",
        legs=_ALL if until else _TAIL,
        before="AND l.occurred_at < %(until)s" if until else "",
    )
    values = {
        "book": book,
        "owner": owner,
        "currency": currency,
        "until": until,
        "after_book": after and after.book,
        "after_owner": after and after.owner,
        "after_currency": after and after.currency,
        "limit": limit,
    }
    with services.database("ledger").cursor() as cursor:
        cursor.execute(query, values)
        return tuple(
            AccountBalance(
                account=AccountRef(code, unit, whose),
                kind=BookKind(kind),
                side=Side(side),
                posted=Money(int(posted), currency_of(unit)),
                held=Money(int(held), currency_of(unit)),
            )
            for code, whose, unit, kind, side, posted, held in cursor.fetchall()
        )


def books() -> tuple[Book, ...]:
    rows = BookRow.objects.order_by("kind", "code")
    return tuple(Book(row.code, BookKind(row.kind), Side(row.side), row.floored) for row in rows)
