"""How the books of an older system are opened here. Pure; the journeys that ask post the entries.

All that is taken over stands against one account of equity, as accountants do it who change systems: what is owned, what
is owed and the owners' own part all pass through it, so that nothing is left on it once everything is here.
"""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.chart import CHART
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Book, BookKind, Leg, Side, credit, debit

CLEARING_BOOK = "opening_balance_equity"
"""Where all opening entries meet. Zero, in each currency, when all of an older system's accounts are here."""

# In the chart from the first time that a house moves in: an older version of this program, which may still be at work while
# a newer one is put in place, does not know this kind of book.
OPENING_CHART = (
    Book(CLEARING_BOOK, BookKind.EQUITY, Side.CREDIT),
    Book("share_capital", BookKind.EQUITY, Side.CREDIT),
    Book("retained_earnings", BookKind.EQUITY, Side.CREDIT),
    # What payment providers took for the older system and still owe. Not provider clearing, which our own payments explain.
    Book("settlement_receivable", BookKind.ASSET, Side.DEBIT),
    Book("other_assets", BookKind.ASSET, Side.DEBIT),
    # Commissions that the older system has released to a sponsor and not paid, per sponsor.
    Book("commission_payable", BookKind.LIABILITY, Side.CREDIT),
    Book("other_liabilities", BookKind.LIABILITY, Side.CREDIT),
)

# Accounts whose balance a table of balances may bring. What other apps explain to the last minor unit (wallets, deferred
# revenue, cards, commissions on hold, payments) comes with what explains it, or not at all.
_BROUGHT = {
    "bank",
    "reseller_receivable",
    "tax_payable",
    "revenue",
    "breakage_revenue",
    "reseller_margin",
    "commission_cost",
}


def opening_books() -> tuple[Book, ...]:
    """The accounts of the chart that a table of opening balances may name."""
    chart = [book for book in CHART if book.code in _BROUGHT]
    return (*chart, *(book for book in OPENING_CHART if book.code != CLEARING_BOOK))


def opening_wallet_legs(*, player: UUID, units: Money, consideration: Money) -> tuple[Leg, ...]:
    money = (
        (debit(CLEARING_BOOK, consideration), credit("wallet_funding", consideration))
        if consideration
        else ()
    )
    return (debit("units_issued", units), credit("wallet_units", units, owner=player), *money)


def opening_deferred_legs(*, net: Money) -> tuple[Leg, ...]:
    return debit(CLEARING_BOOK, net), credit("deferred_revenue", net)


def opening_balance_legs(*, account: AccountRef, side: Side, amount: Money) -> tuple[Leg, ...]:
    brought = Leg(side, account.book, amount, account.owner)
    return brought, Leg(side.other, CLEARING_BOOK, amount)


def opening_cards_legs(*, batch: UUID, face: Money, taken_from: str) -> tuple[Leg, ...]:
    return debit(taken_from, face), credit("cards_sold", face, owner=batch)
