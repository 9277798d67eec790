"""Accounting, on one page: what money is worth, what the state takes of it, and which legs an event owes.

Each part has a file of its own; who uses accounting imports from here.
"""

from __future__ import annotations

from typing import Protocol

from warchest.accounting.contract.moving_in import (
    MoveIn,
    MovingIn,
    TakenKind,
    TakenRow,
    UnableToMoveIn,
)
from warchest.accounting.contract.netting import (
    INTERCOMPANY_BOOKS,
    PAYABLE_BOOK,
    RECEIVABLE_BOOK,
    UNITS_BOOK,
    Netting,
    NettingState,
    NettingStatement,
    Settled,
    UnableToNet,
)
from warchest.accounting.contract.posting import (
    OwedCommission,
    PostingRules,
    Taxed,
)
from warchest.accounting.contract.rates import (
    CurrencyRate,
    ExchangeDifferences,
    ExchangePosition,
    MonetaryItem,
    Quote,
    Rate,
    Rates,
    UnableToConvert,
    UnableToExchange,
    UnableToQuote,
    UnableToSetRate,
)

__all__ = [
    "INTERCOMPANY_BOOKS",
    "PAYABLE_BOOK",
    "RECEIVABLE_BOOK",
    "UNITS_BOOK",
    "Accounting",
    "CurrencyRate",
    "ExchangeDifferences",
    "ExchangePosition",
    "MonetaryItem",
    "MoveIn",
    "MovingIn",
    "Netting",
    "NettingState",
    "NettingStatement",
    "OwedCommission",
    "PostingRules",
    "Quote",
    "Rate",
    "Rates",
    "Settled",
    "TakenKind",
    "TakenRow",
    "Taxed",
    "UnableToConvert",
    "UnableToExchange",
    "UnableToMoveIn",
    "UnableToNet",
    "UnableToQuote",
    "UnableToSetRate",
]


class Accounting(Rates, PostingRules, Netting, MovingIn, Protocol):
    def define_chart(self) -> None:
        """Add the books of the default chart of accounts to the ledger; those that are there stay."""
        ...
