"""Reads of whole entries: by id, by what they contain, and in the order of the books."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, BookKind, Entry, EntryFilter, Leg, Side, Stretch, TrialLine
from warchest.runtime.services import services

_COLUMNS = """
    e.id, e.position, e.key, e.cluster, e.kind, e.occurred_at, e.recorded_at, e.reference, e.details, e.reverses_id,
    e.accounts, e.sides, e.amounts"""


# An enumeration looked up by its value takes a fifth of the time in which a journal is read.
_SIDES = {side.value: side for side in Side}


def entry(*, entry_id: UUID) -> Entry | None:
    return entries(entry_ids=[entry_id]).get(entry_id)


def entries(*, entry_ids: Sequence[UUID]) -> Mapping[UUID, Entry]:
    found = _read(f"SELECT {_COLUMNS} FROM ledger_everyentry AS e WHERE e.id = ANY (%s)", [list(entry_ids)])
    return {one.id: one for one in found}


def journal(*, after: int = 0, limit: int = 1000) -> tuple[Entry, ...]:
    # A position behind the settled one may still come in before those that are to be seen already.
    return _read(
        f"""
        SELECT {_COLUMNS} FROM ledger_everyentry AS e
         WHERE e.position > %s AND e.position <= (SELECT w.settled_position FROM ledger_watermark AS w)
         ORDER BY e.position LIMIT %s""",
        [after, limit],
    )


def reversals(*, entry_id: UUID) -> tuple[UUID, ...]:
    with services.database("ledger").cursor() as cursor:
        # Not only behind the entry's own id: another machine's clock may be late, and ids go by it.
        cursor.execute(
            "SELECT id FROM ledger_everyentry WHERE reverses_id = %s ORDER BY position", [entry_id]
        )
        return tuple(identity for (identity,) in cursor.fetchall())


_OF_REFERENCE = """
    e.id IN (SELECT r.entry_id FROM ledger_reference AS r WHERE r.reference = %(reference)s
              UNION ALL
             SELECT t.id FROM ledger_everyentry AS t
              WHERE t.position > (SELECT w.position FROM ledger_watermark AS w) AND t.reference = %(reference)s)"""
_LEGS = """
    SELECT l.entry_id
      FROM (SELECT p.entry_id, p.account_id, p.amount_minor FROM ledger_everyposting AS p
             UNION ALL
            SELECT t.entry_id, t.account_id, t.amount_minor FROM ledger_tail AS t) AS l
     WHERE {legs}"""
_HAS_LEG = """
    EXISTS (SELECT FROM unnest(e.accounts, e.amounts) AS l(account_id, amount_minor)
              JOIN ledger_account AS a ON a.id = l.account_id WHERE {legs})"""
# So many legs are looked up one by one. Of more, the newest entries are found sooner from the journal's end.
_FEW_LEGS = 5000


def find_entries(*, only: EntryFilter, before: UUID | None = None, limit: int = 50) -> tuple[Entry, ...]:
    values: dict[str, object] = {"limit": limit}

    def given(condition: str, name: str, value: object) -> list[str]:
        if value is None or value == "":
            return []
        values[name] = value
        return [condition]

    unit = only.amount.currency.code if only.amount else None
    accounts = [
        *given("a.book_id = %(book)s", "book", only.book),
        *([] if only.owner is None else ["a.owner = %(owner)s"]),
        # Accounts are found by their book: where none is given, in each book of the chart.
        *([] if only.owner is None or only.book else ["a.book_id IN (SELECT code FROM ledger_book)"]),
        *given("a.currency = %(currency)s", "currency", unit),
    ]
    values["owner"] = only.owner
    conditions = [
        *given("e.id < %(before)s", "before", before),
        *given("e.kind = %(kind)s", "kind", only.kind),
        *given("e.occurred_at >= %(occurred_from)s", "occurred_from", only.occurred_from),
        *given("e.occurred_at < %(occurred_until)s", "occurred_until", only.occurred_until),
        *given(_OF_REFERENCE, "reference", only.reference),
    ]
    amounts = given("l.amount_minor = %(amount)s", "amount", only.amount and only.amount.minor)
    if accounts:
        if only.book or only.owner is not None:
            of_accounts = (
                f"l.account_id IN (SELECT a.id FROM ledger_account AS a WHERE {' AND '.join(accounts)})"
            )
        else:
            # Asked leg by leg: of one currency there are too many accounts to begin with them.
            of_accounts = (
                "(SELECT a.currency FROM ledger_account AS a WHERE a.id = l.account_id) = %(currency)s"
            )
        legs = _LEGS.format(legs=" AND ".join([*amounts, of_accounts]))
        few = None if only.reference else _entries_of_few(legs, values)
        if few is not None:
            conditions += given("e.id = ANY (%(few)s)", "few", few)
        else:
            conditions.append(_HAS_LEG.format(legs=" AND ".join([*amounts, *accounts])))
    return _read(
        f"SELECT {_COLUMNS} FROM ledger_everyentry AS e WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY e.id DESC LIMIT %(limit)s",
        values,
    )


def _entries_of_few(legs: str, values: Mapping[str, object]) -> list[UUID] | None:
    """The entries of the legs; None where these are not few."""
    with services.database("ledger").cursor() as cursor:
        cursor.execute(f"{legs} LIMIT {_FEW_LEGS + 1}", values)
        found = [entry_id for (entry_id,) in cursor.fetchall()]
    return found if len(found) <= _FEW_LEGS else None


def sums_of_reference(*, reference: str) -> tuple[TrialLine, ...]:
    return _sums(_OF_REFERENCE, {"reference": reference})


def stretch(*, after: int, upto: int) -> Stretch:
    part = {"after": after, "upto": upto}
    within = "e.position > %(after)s AND e.position <= %(upto)s"
    with services.database("ledger").cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ledger_everyentry AS e WHERE {within}", part)
        ((entries,),) = cursor.fetchall()
    return Stretch(entries, _sums(within, part))


def _sums(entries: str, values: Mapping[str, object]) -> tuple[TrialLine, ...]:
    """Sums of every book and currency over the entries ``e`` that meet a condition."""
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            f"""
            SELECT book.code, book.kind, book.side, a.currency,
                   coalesce(sum(part.amount) FILTER (WHERE part.side = 'D'), 0),
                   coalesce(sum(part.amount) FILTER (WHERE part.side = 'C'), 0)
              FROM (SELECT l.account, l.side, sum(l.amount) AS amount
                      FROM ledger_everyentry AS e,
                           unnest(e.accounts, string_to_array(e.sides, NULL), e.amounts) AS l(account, side, amount)
                     WHERE {entries}
                     GROUP BY l.account, l.side) AS part
              JOIN ledger_account AS a ON a.id = part.account
              JOIN ledger_book AS book ON book.code = a.book_id
             GROUP BY book.code, book.kind, book.side, a.currency
             ORDER BY book.code, a.currency""",
            values,
        )
        return tuple(
            TrialLine(code, BookKind(kind), Side(side), unit, int(debits), int(credits))
            for code, kind, side, unit, debits, credits in cursor.fetchall()
        )


def count_entries() -> int:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_everyentry")
        return cursor.fetchone()[0]


def count_entries_of(*, cluster: str) -> int:
    with services.database("ledger").cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ledger_everyentry WHERE cluster = %s", [cluster])
        return cursor.fetchone()[0]


def _read(query: str, values: Sequence[object] | Mapping[str, object]) -> tuple[Entry, ...]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(query, values)
        rows = cursor.fetchall()
        cursor.execute(
            "SELECT id, book_id, owner, currency FROM ledger_account WHERE id = ANY (%s)",
            [list({account for row in rows for account in row[10]})],
        )
        accounts = {identity: AccountRef(book, unit, owner) for identity, book, owner, unit in cursor}
    return tuple(_entry(row, accounts) for row in rows)


def _entry(row: tuple[Any, ...], accounts: Mapping[int, AccountRef]) -> Entry:
    return Entry(
        id=row[0],
        position=row[1],
        key=row[2],
        cluster=row[3],
        kind=row[4],
        occurred_at=row[5],
        recorded_at=row[6],
        reference=row[7],
        details=json.loads(row[8]) if row[8] else {},
        reverses=row[9],
        legs=tuple(_legs(row[10], row[11], row[12], accounts)),
    )


def _legs(
    numbers: Sequence[int], sides: str, amounts: Sequence[int], accounts: Mapping[int, AccountRef]
) -> Iterable[Leg]:
    for number, side, minor in zip(numbers, sides, amounts, strict=True):
        account = accounts[number]
        yield Leg(_SIDES[side], account.book, Money(minor, currency(account.currency)), account.owner)
