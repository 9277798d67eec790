"""The default chart of accounts: every book that the posting rules use."""

from warchest.ledger.contract import Book, BookKind, Side

CHART = (
    # Units: a memorandum ledger. What players hold against what was ever issued to them.
    Book("wallet_units", BookKind.MEMORANDUM, Side.CREDIT, floored=True),
    Book("units_issued", BookKind.MEMORANDUM, Side.DEBIT),
    # Real money.
    Book("provider_clearing", BookKind.ASSET, Side.DEBIT),
    Book("reseller_receivable", BookKind.ASSET, Side.DEBIT),
    Book("wallet_funding", BookKind.LIABILITY, Side.CREDIT),
    Book("cards_sold", BookKind.LIABILITY, Side.CREDIT),
    Book("deferred_revenue", BookKind.LIABILITY, Side.CREDIT),
    Book("tax_payable", BookKind.LIABILITY, Side.CREDIT),
    Book("commission_on_hold", BookKind.LIABILITY, Side.CREDIT),
    Book("revenue", BookKind.INCOME, Side.CREDIT),
    Book("breakage_revenue", BookKind.INCOME, Side.CREDIT),
    Book("reseller_margin", BookKind.EXPENSE, Side.DEBIT),
    Book("commission_cost", BookKind.EXPENSE, Side.DEBIT),
)
