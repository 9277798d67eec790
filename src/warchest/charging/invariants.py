"""What must hold of wallets and lots at any moment."""

from __future__ import annotations

from collections.abc import Iterator

from warchest.charging.contract import WALLET_BOOK
from warchest.ledger.contract import Ledger
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services


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
            yield f"wallet {player}: lots hold {lots.get(player, 0)} minor units, the ledger {books.get(player, 0)}"


def _consideration_equals_liability() -> Iterator[str]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            "SELECT currency, sum(consideration_left_minor)::bigint FROM charging_lot GROUP BY currency"
        )
        lots = dict(cursor.fetchall())
    books = {
        currency: total
        for (_, currency), total in services.get(Ledger).book_sums_by_owner(book="wallet_funding").items()
    }
    for currency in sorted(lots.keys() | books.keys()):
        if lots.get(currency, 0) != books.get(currency, 0):
            yield (
                f"{currency}: lots carry a consideration of {lots.get(currency, 0)} minor units,"
                f" wallet funding is {books.get(currency, 0)}"
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


INVARIANTS = (
    Invariant("wallet_lots", "The lots of each wallet sum to its balance", _lots_equal_balances),
    Invariant(
        "wallet_funding",
        "What was paid for the units in all wallets is the contract liability",
        _consideration_equals_liability,
    ),
    Invariant("lot_slices", "The slices of each lot sum to what was taken from it", _slices_equal_use),
)
