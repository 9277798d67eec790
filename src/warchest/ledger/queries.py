"""Reads of the ledger. All answer frozen rows, and all are true at the moment of asking.

What is folded is read from indexed postings and sums; what lies behind the watermark is added from the journal. Both
parts stand in one statement, so a projector at work changes no answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    Balance,
    BookKind,
    Folding,
    Side,
    StatementFilter,
    StatementLine,
    TrialLine,
)
from warchest.runtime.services import services

# Lines of a statement: of the same position, the entry's legs in their order.
_LEGS_BITS = 10


def balance(*, account: AccountRef) -> Balance:
    unit = currency(account.currency)
    for side, posted, held, net, tail in _rows(
        """
        SELECT book.side, b.posted_minor, b.held_minor, a.debit_minor - a.credit_minor,
               CASE WHEN b.posted_minor IS NULL THEN (
                   SELECT sum(CASE t.side WHEN 'D' THEN t.amount_minor ELSE -t.amount_minor END)
                     FROM ledger_tail AS t WHERE t.account_id = a.id) END
          FROM ledger_account AS a
          JOIN ledger_book AS book ON book.code = a.book_id
          LEFT JOIN ledger_balance AS b ON b.account_id = a.id
         WHERE (a.book_id, a.owner, a.currency) = (%s, %s, %s)""",
        [account.book, account.owner, account.currency],
    ):
        if posted is not None:
            return Balance(Money(posted, unit), Money(held, unit))
        net = int(net + (tail or 0))
        return Balance(Money(net if side == Side.DEBIT else -net, unit), Money.zero(unit))
    return Balance(Money.zero(unit), Money.zero(unit))


def balance_at(*, account: AccountRef, at: datetime) -> Money:
    # What is asked for is mostly late: so what occurred since is taken from the sum of now.
    for side, net in _rows(
        """
        SELECT book.side, a.debit_minor - a.credit_minor
               + coalesce((SELECT sum(CASE t.side WHEN 'D' THEN t.amount_minor ELSE -t.amount_minor END)
                             FROM ledger_tail AS t WHERE t.account_id = a.id AND t.occurred_at < %(at)s), 0)
               - coalesce((SELECT sum(CASE p.side WHEN 'D' THEN p.amount_minor ELSE -p.amount_minor END)
                             FROM ledger_everyposting AS p WHERE p.account_id = a.id AND p.occurred_at >= %(at)s), 0)
          FROM ledger_account AS a
          JOIN ledger_book AS book ON book.code = a.book_id
         WHERE (a.book_id, a.owner, a.currency) = (%(book)s, %(owner)s, %(currency)s)""",
        {"book": account.book, "owner": account.owner, "currency": account.currency, "at": at},
    ):
        return Money(int(net if side == Side.DEBIT else -net), currency(account.currency))
    return Money.zero(currency(account.currency))


_STATEMENT = """
    WITH account AS MATERIALIZED (
        SELECT a.id, book.side, a.debit_minor - a.credit_minor AS net
          FROM ledger_account AS a JOIN ledger_book AS book ON book.code = a.book_id
         WHERE (a.book_id, a.owner, a.currency) = (%(book)s, %(owner)s, %(currency)s)
    ), line AS (
        (SELECT p.position, p.leg, p.entry_id, p.side, p.amount_minor, p.net_after_minor
           FROM ledger_everyposting AS p {entry_of_posting}
          WHERE p.account_id = (SELECT id FROM account) AND (p.position, p.leg) < (%(position)s, %(leg)s) {wanted}
          ORDER BY p.position DESC, p.leg DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT p.position, p.leg, p.entry_id, p.side, p.amount_minor, p.net_after_minor
           FROM (SELECT t.*, (SELECT net FROM account)
                        + sum(CASE t.side WHEN 'D' THEN t.amount_minor ELSE -t.amount_minor END)
                          OVER (ORDER BY t.position, t.leg) AS net_after_minor
                   FROM ledger_tail AS t WHERE t.account_id = (SELECT id FROM account)) AS p {entry_of_posting}
          WHERE (p.position, p.leg) < (%(position)s, %(leg)s) {wanted}
          ORDER BY p.position DESC, p.leg DESC LIMIT %(limit)s)
    )
    SELECT line.position, line.leg, line.entry_id, e.kind, e.occurred_at, e.recorded_at,
           CASE WHEN line.side::text = account.side THEN line.amount_minor ELSE -line.amount_minor END,
           CASE account.side WHEN 'D' THEN line.net_after_minor ELSE -line.net_after_minor END,
           e.reference, e.details
      FROM line CROSS JOIN account JOIN ledger_everyentry AS e ON e.id = line.entry_id
     ORDER BY line.position DESC, line.leg DESC LIMIT %(limit)s"""


def statement(
    *,
    account: AccountRef,
    before: int | None = None,
    limit: int = 50,
    only: StatementFilter | None = None,
) -> tuple[StatementLine, ...]:
    only = only or StatementFilter()
    wanted = []
    if only.kinds:
        wanted.append("AND e.kind = ANY (%(kinds)s)")
    if only.occurred_from:
        wanted.append("AND p.occurred_at >= %(occurred_from)s")
    if only.occurred_until:
        wanted.append("AND p.occurred_at < %(occurred_until)s")
    if only.incoming is not None:
        sign = "=" if only.incoming else "<>"
        wanted.append(f"AND p.side::text {sign} (SELECT side FROM account)")
    sequence = (2**63 - 1) if before is None else before
    unit = currency(account.currency)
    rows = _rows(
        _STATEMENT.format(
            wanted=" ".join(wanted),
            entry_of_posting="JOIN ledger_everyentry AS e ON e.id = p.entry_id" if only.kinds else "",
        ),
        {
            "book": account.book,
            "owner": account.owner,
            "currency": account.currency,
            "position": sequence >> _LEGS_BITS,
            "leg": sequence & ((1 << _LEGS_BITS) - 1),
            "limit": limit,
            "kinds": list(only.kinds),
            "occurred_from": only.occurred_from,
            "occurred_until": only.occurred_until,
        },
    )
    return tuple(
        StatementLine(
            sequence=(row[0] << _LEGS_BITS) | row[1],
            entry_id=row[2],
            kind=row[3],
            occurred_at=row[4],
            recorded_at=row[5],
            amount=Money(int(row[6]), unit),
            balance_after=Money(int(row[7]), unit),
            reference=row[8],
            details=_mapping(row[9]),
        )
        for row in rows
    )


def trial_balance(*, until: datetime | None = None) -> tuple[TrialLine, ...]:
    # The days before that of `until` are summed up; what of its own day had occurred is read from the journal.
    midnight = datetime.combine(until.astimezone(UTC).date(), time(), UTC) if until else None
    rows = _rows(
        f"""
        SELECT book.code, book.kind, book.side, part.currency, sum(part.debit), sum(part.credit)
          FROM (SELECT d.book_id, d.currency, d.debit_minor AS debit, d.credit_minor AS credit
                  FROM ledger_daysum AS d WHERE {"d.day < %(day)s" if until else "true"}
                UNION ALL
                SELECT a.book_id, a.currency, leg.debit, leg.credit
                  FROM (SELECT l.account_id, sum(l.amount_minor) FILTER (WHERE l.side = 'D') AS debit,
                               sum(l.amount_minor) FILTER (WHERE l.side = 'C') AS credit
                          FROM ({_BEHIND_THE_SUMS if until else "SELECT * FROM ledger_tail"}) AS l
                         GROUP BY l.account_id) AS leg
                  JOIN ledger_account AS a ON a.id = leg.account_id) AS part
          JOIN ledger_book AS book ON book.code = part.book_id
         GROUP BY book.code, book.kind, book.side, part.currency
        HAVING sum(part.debit) > 0 OR sum(part.credit) > 0
         ORDER BY book.code, part.currency""",
        {"day": midnight.date() if midnight else None, "midnight": midnight, "until": until},
    )
    return tuple(
        TrialLine(code, BookKind(kind), Side(side), unit, int(debits or 0), int(credits or 0))
        for code, kind, side, unit, debits, credits in rows
    )


# What a sum of days leaves out: the folded legs of the last day, and the tail of the days before and of that day.
_BEHIND_THE_SUMS = """
    SELECT l.* FROM ledger_leg AS l
     WHERE l.occurred_at >= %(midnight)s AND l.occurred_at < %(until)s
       AND l.position <= (SELECT w.position FROM ledger_watermark AS w)
    UNION ALL
    SELECT t.* FROM ledger_tail AS t WHERE t.occurred_at < %(until)s"""


def book_sums_by_owner(*, book: str) -> Mapping[tuple[str, str], int]:
    rows = _rows(
        """
        SELECT a.owner, a.currency, book.side, a.debit_minor - a.credit_minor + coalesce(tail.net, 0)
          FROM ledger_account AS a
          JOIN ledger_book AS book ON book.code = a.book_id
          LEFT JOIN (SELECT t.account_id, sum(CASE t.side WHEN 'D' THEN t.amount_minor ELSE -t.amount_minor END) AS net
                       FROM ledger_tail AS t GROUP BY t.account_id) AS tail ON tail.account_id = a.id
         WHERE a.book_id = %s""",
        [book],
    )
    return {(owner, unit): int(net) if side == Side.DEBIT else -int(net) for owner, unit, side, net in rows}


def folding() -> Folding:
    ((position, drawn, folded_at),) = _rows(
        """
        SELECT w.position, CASE WHEN s.is_called THEN s.last_value ELSE 0 END, w.folded_at
          FROM ledger_watermark AS w, ledger_position AS s"""
    )
    return Folding(position=position, behind=max(drawn - position, 0), folded_at=folded_at)


def _rows(query: str, values: Sequence[object] | Mapping[str, object] = ()) -> Iterable[tuple[Any, ...]]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _mapping(details: str | None) -> Mapping[str, str | int]:
    # Django leaves JSON as text where a query is written by hand.
    return json.loads(details) if details else {}
