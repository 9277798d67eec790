"""What must hold of wallets and lots at any moment."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

from warchest.accounting.contract import (
    INTERCOMPANY_BOOKS,
    PAYABLE_BOOK,
    RECEIVABLE_BOOK,
    UNITS_BOOK,
    Accounting,
)
from warchest.charging.contract import DEBT_BOOK, WALLET_BOOK
from warchest.charging.transfers import moved
from warchest.kernel.currency import INNER
from warchest.ledger.contract import Entry, Kept, Ledger
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

_FUNDING_BOOK = "wallet_funding"
_IS_ID = re.compile("[0-9a-f-]{36}")


# What is kept of each entry, by its key: a lot begins with what is left of it and what was taken, a slice takes away.
_KEPT = """
    SELECT kept.reference, sum(kept.{column})::bigint, min(kept.record)
      FROM (SELECT lot.reference, lot.units_left_minor + coalesce(taken.units, 0) AS units,
                   lot.consideration_left_minor + coalesce(taken.consideration, 0) AS consideration,
                   'lot ' || lot.id AS record
              FROM charging_lot AS lot
              LEFT JOIN LATERAL (SELECT sum(units_minor) AS units, sum(consideration_minor) AS consideration
                                   FROM charging_lotslice WHERE lot_id = lot.id) AS taken ON true
             WHERE {lots} {of_lots}
             UNION ALL
            SELECT slice.reference, -slice.units_minor, -slice.consideration_minor, 'slice ' || slice.id
              FROM charging_lotslice AS slice JOIN charging_lot AS lot ON lot.id = slice.lot_id
             WHERE {lots} {of_slices}) AS kept
     GROUP BY kept.reference HAVING sum(kept.{column}) <> 0 ORDER BY min(kept.record)"""


def _kept(column: str, lots: str, value: object, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    of = "" if entries is None else "AND {}.reference = ANY (%(keys)s)"
    query = _KEPT.format(column=column, lots=lots, of_lots=of.format("lot"), of_slices=of.format("slice"))
    with services.database("charging").chunked_cursor() as cursor:
        cursor.execute(query, {"value": value, "keys": [entry.key for entry in entries or ()]})
        for key, minor, record in cursor:
            yield Kept(entry=key, minor=minor, record=record)


def _units_kept(player: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    # The books could name an owner who is none.
    wallet = UUID(player) if _IS_ID.fullmatch(player) else None
    return _kept("units", "lot.wallet_id = %(value)s", wallet, entries)


def _lots_equal_balances() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            "SELECT wallet_id::text, sum(units_left_minor)::bigint FROM charging_lot GROUP BY wallet_id"
        )
        lots = dict(cursor.fetchall())
    books = {
        owner: total
        for (owner, _), total in services.get(Ledger).book_sums_by_owner(book=WALLET_BOOK).items()
    }
    for player in sorted(lots.keys() | books.keys()):
        if lots.get(player, 0) != books.get(player, 0):
            first = services.get(Ledger).first_difference(
                book=WALLET_BOOK, accounts={(player, INNER.code)}, kept=partial(_units_kept, player)
            )
            yield (
                f"wallet {player}: lots hold {lots.get(player, 0)} minor units,"
                f" the ledger {books.get(player, 0)}; {first}"
            )


def _consideration_kept(unit: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    return _kept("consideration", "lot.currency = %(value)s", unit, entries)


def _consideration_equals_liability() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(consideration_left_minor)::bigint FROM charging_lot GROUP BY currency"
        )
        lots = dict(cursor.fetchall())
    books = {
        currency: total
        for (_, currency), total in services.get(Ledger).book_sums_by_owner(book=_FUNDING_BOOK).items()
    }
    for currency in sorted(lots.keys() | books.keys()):
        if lots.get(currency, 0) != books.get(currency, 0):
            first = services.get(Ledger).first_difference(
                book=_FUNDING_BOOK, accounts={("", currency)}, kept=partial(_consideration_kept, currency)
            )
            yield (
                f"{currency}: lots carry a consideration of {lots.get(currency, 0)} minor units,"
                f" wallet funding is {books.get(currency, 0)}; {first}"
            )


def _slices_equal_use() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT lot.id::text
              FROM charging_lot AS lot
              LEFT JOIN (SELECT lot_id, sum(units_minor) AS units, sum(consideration_minor) AS consideration
                           FROM charging_lotslice GROUP BY lot_id) AS used ON used.lot_id = lot.id
             WHERE lot.issued_minor - lot.units_left_minor <> coalesce(used.units, 0)
                OR lot.consideration_minor - lot.consideration_left_minor <> coalesce(used.consideration, 0)
             ORDER BY lot.id""")
        for (lot,) in cursor.fetchall():
            yield f"lot {lot}: its slices do not sum to what was taken from it"


def _made_of_slices() -> Iterator[str]:
    """What came back of a spend is at most what was spent; what was moved arrived whole; what expired came nowhere."""
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT slice.id::text, slice.use
              FROM charging_lotslice AS slice
              LEFT JOIN (SELECT from_slice_id, sum(issued_minor) AS units, sum(consideration_minor) AS consideration
                           FROM charging_lot WHERE from_slice_id IS NOT NULL GROUP BY from_slice_id) AS made
                     ON made.from_slice_id = slice.id
             WHERE CASE slice.use
                       WHEN 'spend' THEN made.units > slice.units_minor
                                      OR made.consideration > slice.consideration_minor
                                      OR made.units = slice.units_minor
                                         AND made.consideration < slice.consideration_minor
                       WHEN 'transfer' THEN (made.units, made.consideration)
                                            IS DISTINCT FROM (slice.units_minor, slice.consideration_minor)
                       ELSE made.units IS NOT NULL
                   END
             ORDER BY slice.id""")
        for slice_, use in cursor.fetchall():
            yield f"slice {slice_} ({use}): the lots that were made of it do not sum to it"


def _reserved_in_lots() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT lot.id::text
              FROM charging_lot AS lot
              LEFT JOIN (SELECT lot_id, sum(units_minor) AS units FROM charging_reservation GROUP BY lot_id) AS kept
                     ON kept.lot_id = lot.id
             WHERE lot.reserved_minor <> coalesce(kept.units, 0)
             ORDER BY lot.id""")
        for (lot,) in cursor.fetchall():
            yield f"lot {lot}: its reservations do not sum to what is reserved of it"


def _reserved_for_holds() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT part.hold_id, lot.wallet_id::text, sum(part.units_minor)::bigint
              FROM charging_reservation AS part JOIN charging_lot AS lot ON lot.id = part.lot_id
             GROUP BY part.hold_id, lot.wallet_id""")
        reserved: dict[UUID, dict[str, int]] = {}
        for hold_id, wallet, units in cursor.fetchall():
            reserved.setdefault(hold_id, {})[wallet] = units
    for hold in services.get(Ledger).open_holds(book=WALLET_BOOK):
        if reserved.pop(hold.id, {}) != {hold.account.owner: hold.amount.minor}:
            yield f"hold {hold.id}: what is reserved in lots is not what is held in the wallet"
    for hold_id in sorted(reserved):
        yield f"hold {hold_id}: lots are reserved for it, but it is not open"


def _transfers_equal_holds() -> Iterator[str]:
    """What waits for another cluster is held in the sender's wallet, to the last unit, and nothing else is held for it."""
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT id, sender_id::text, units_minor FROM charging_transfer WHERE state = 'held'""")
        held = {transfer: (sender, units) for transfer, sender, units in cursor.fetchall()}
    for hold in services.get(Ledger).open_holds(book=WALLET_BOOK):
        if held.pop(hold.id, None) not in (None, (hold.account.owner, hold.amount.minor)):
            yield f"transfer {hold.id}: its hold is another than it says"
    for transfer in sorted(held):
        yield f"transfer {transfer}: it waits for another cluster, and nothing is held for it"
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT id FROM charging_transfer AS transfer
             WHERE state <> 'held' AND EXISTS (SELECT FROM charging_reservation WHERE hold_id = transfer.id)""")
        for (transfer,) in cursor.fetchall():
            yield f"transfer {transfer}: it is over, and lots are reserved for it"


def _transfers_equal_lots() -> Iterator[str]:
    """What left for another cluster, and what came from one, is what was told to it or by it, part by part."""
    with services.database("charging").cursor() as cursor:
        cursor.execute("""
            SELECT transfer.id, transfer.units_minor, told.units, told.consideration,
                   coalesce(moved.units, 0), coalesce(moved.consideration, 0)
              FROM charging_transfer AS transfer
              JOIN LATERAL (SELECT sum((part -> 'units' ->> 'minor')::bigint) AS units,
                                   sum((part -> 'consideration' ->> 'minor')::bigint) AS consideration
                              FROM jsonb_array_elements(transfer.parts) AS part) AS told ON true
              LEFT JOIN LATERAL (
                    SELECT sum(units_minor) AS units, sum(consideration_minor) AS consideration
                      FROM charging_lotslice WHERE transfer.direction = 'out' AND use = 'leave'
                                               AND reference = 'transfer:' || transfer.id
                     UNION ALL
                    SELECT sum(issued_minor), sum(consideration_minor)
                      FROM charging_lot WHERE transfer.direction = 'in' AND reference = 'transfer:' || transfer.id
                   ) AS moved ON moved.units IS NOT NULL
             WHERE transfer.direction <> 'within'
               AND (told.units <> transfer.units_minor
                    OR (coalesce(moved.units, 0), coalesce(moved.consideration, 0)) IS DISTINCT FROM
                       (CASE WHEN state IN ('captured', 'credited') THEN told.units ELSE 0 END,
                        CASE WHEN state IN ('captured', 'credited') THEN told.consideration ELSE 0 END))
             ORDER BY transfer.id""")
        for transfer, whole, units, consideration, moved_units, moved_consideration in cursor.fetchall():
            yield (
                f"transfer {transfer} of {whole} minor units: {units} for {consideration} were told,"
                f" {moved_units} for {moved_consideration} were moved"
            )


def _intercompany_equals_transfers() -> Iterator[str]:
    """What is owed to another cluster's entity, and by it, is what went across less what was settled."""
    with services.database("charging").cursor() as cursor:
        cursor.execute("SELECT DISTINCT cluster FROM charging_transfer WHERE cluster <> ''")
        clusters = {cluster for (cluster,) in cursor.fetchall()}
    accounting, ledger = services.get(Accounting), services.get(Ledger)
    books = {book: ledger.book_sums_by_owner(book=book) for book in INTERCOMPANY_BOOKS}
    for cluster in sorted(clusters | {owner for sums in books.values() for owner, _ in sums}):
        went, settled = moved(cluster=cluster), accounting.settled(cluster=cluster)
        expected: Counter[tuple[str, str]] = Counter()
        for amount in went.sent:
            book = UNITS_BOOK if amount.currency == INNER else PAYABLE_BOOK
            expected[book, amount.currency.code] += amount.minor
        for amount in went.received:
            if amount.currency == INNER:
                expected[UNITS_BOOK, INNER.code] -= amount.minor
            else:
                expected[RECEIVABLE_BOOK, amount.currency.code] += amount.minor
        for amount in settled.payable:
            expected[PAYABLE_BOOK, amount.currency.code] -= amount.minor
        for amount in settled.receivable:
            expected[RECEIVABLE_BOOK, amount.currency.code] -= amount.minor
        booked = Counter(
            {
                (book, code): minor
                for book, sums in books.items()
                for (owner, code), minor in sums.items()
                if owner == cluster
            }
        )
        for book, code in sorted(expected.keys() | booked.keys()):
            if expected[book, code] != booked[book, code]:
                yield (
                    f"{book} of {cluster}, {code}: {booked[book, code]} minor units in the books,"
                    f" {expected[book, code]} by transfers and settlements"
                )


def _debts_equal_books() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            "SELECT player_id::text, currency, sum(minor)::bigint FROM charging_debtmovement GROUP BY 1, 2"
        )
        owed = {(player, code): minor for player, code, minor in cursor.fetchall()}
    books = services.get(Ledger).book_sums_by_owner(book=DEBT_BOOK)
    for player, code in sorted(owed.keys() | books.keys()):
        said, booked = owed.get((player, code), 0), books.get((player, code), 0)
        if said != booked:
            yield f"player {player}: owes {said} {code} minor units, the book {DEBT_BOOK} holds {booked}"
        if said < 0:
            yield f"player {player}: more than was owed was settled, by {-said} {code} minor units"


INVARIANTS = (
    Invariant(
        "player_debts", "What players owe is what the books say, and never below nothing", _debts_equal_books
    ),
    Invariant("wallet_lots", "The lots of each wallet sum to its balance", _lots_equal_balances),
    Invariant(
        "wallet_funding",
        "What was paid for the units in all wallets is the contract liability",
        _consideration_equals_liability,
    ),
    Invariant("lot_slices", "The slices of each lot sum to what was taken from it", _slices_equal_use),
    Invariant("lot_descent", "Lots made of a slice never exceed it, and lose nothing of it", _made_of_slices),
    Invariant(
        "lot_reservations", "The reservations of each lot sum to what is reserved of it", _reserved_in_lots
    ),
    Invariant(
        "hold_reservations",
        "What is held in a wallet is what is reserved in its lots, hold by hold",
        _reserved_for_holds,
    ),
    Invariant(
        "transfer_holds",
        "What waits for another cluster is held in its sender's wallet, and nothing that is over is",
        _transfers_equal_holds,
    ),
    Invariant(
        "transfer_parts",
        "What went to or came from another cluster is what was told of it, in units and in what was paid for them",
        _transfers_equal_lots,
    ),
    Invariant(
        "intercompany_transfers",
        "What other clusters are owed and owe is what went across, less what was settled",
        _intercompany_equals_transfers,
    ),
)
