"""The default chart of accounts: every book that the posting rules use."""

from warchest.ledger.contract import Book, BookKind, Side

CHART = (
    # Units: a memorandum ledger. What players hold against what was ever issued to them.
    Book("wallet_units", BookKind.MEMORANDUM, Side.CREDIT, floored=True),
    Book("units_issued", BookKind.MEMORANDUM, Side.DEBIT),
    # Issued here and now in another cluster (or, where negative, the other way round): an account for each.
    Book("intercompany_units", BookKind.MEMORANDUM, Side.CREDIT),
    # Real money.
    Book("provider_clearing", BookKind.ASSET, Side.DEBIT),
    # What payers' banks have fetched back and may still give back: an account for each provider.
    Book("disputed_funds", BookKind.ASSET, Side.DEBIT),
    # What players owe whose payments went back after they had spent the units: an account for each.
    Book("player_debt", BookKind.ASSET, Side.DEBIT),
    # What providers keep back for a time, and what they have sent to our bank and is not there yet.
    Book("provider_reserve", BookKind.ASSET, Side.DEBIT),
    Book("payouts_under_way", BookKind.ASSET, Side.DEBIT),
    Book("reseller_receivable", BookKind.ASSET, Side.DEBIT),
    Book("bank", BookKind.ASSET, Side.DEBIT),
    # What was given for other currencies against what was got, a pair an owner (``EUR-USD``): each entry balances in each
    # currency, and what the position is worth at a later rate is a gain (where negative) or a loss.
    Book("exchange", BookKind.ASSET, Side.DEBIT),
    # What the entities of two clusters owe each other for units that went across: an account for each other cluster.
    Book("intercompany_receivable", BookKind.ASSET, Side.DEBIT),
    Book("intercompany_payable", BookKind.LIABILITY, Side.CREDIT),
    Book("wallet_funding", BookKind.LIABILITY, Side.CREDIT),
    # Paid twice, and to be given back: an account for each payer.
    Book("payer_surplus", BookKind.LIABILITY, Side.CREDIT),
    Book("cards_sold", BookKind.LIABILITY, Side.CREDIT),
    Book("deferred_revenue", BookKind.LIABILITY, Side.CREDIT),
    Book("tax_payable", BookKind.LIABILITY, Side.CREDIT),
    Book("commission_on_hold", BookKind.LIABILITY, Side.CREDIT),
    # Came to our account and goes back to whoever sent it.
    Book("transfers_to_return", BookKind.LIABILITY, Side.CREDIT),
    Book("revenue", BookKind.INCOME, Side.CREDIT),
    Book("breakage_revenue", BookKind.INCOME, Side.CREDIT),
    Book("other_income", BookKind.INCOME, Side.CREDIT),
    Book("bank_charges", BookKind.EXPENSE, Side.DEBIT),
    Book("other_expense", BookKind.EXPENSE, Side.DEBIT),
    Book("reseller_margin", BookKind.EXPENSE, Side.DEBIT),
    Book("commission_cost", BookKind.EXPENSE, Side.DEBIT),
    Book("provider_fees", BookKind.EXPENSE, Side.DEBIT),
    Book("bad_debts", BookKind.EXPENSE, Side.DEBIT),
    Book("settlement_differences", BookKind.EXPENSE, Side.DEBIT),
)

# Money to be received or paid in a fixed number of units of a currency (IAS 21.8 and 21.16): revalued at the closing rate.
# Never what is owed as service: wallets that are spent here, cards and deferred revenue stay at the rate of their day
# (IAS 21.16 and 21.23 (b)). A book for money that may be paid out to players belongs here as soon as there is one.
MONETARY_BOOKS = frozenset(
    {
        "bank",
        "provider_clearing",
        "disputed_funds",
        "provider_reserve",
        "payouts_under_way",
        "player_debt",
        "payer_surplus",
        "settlement_receivable",
        "reseller_receivable",
        "tax_payable",
        "transfers_to_return",
        "commission_on_hold",
        "commission_payable",
        "intercompany_receivable",
        "intercompany_payable",
    }
)

# Where money lies that an accountant may say was exchanged. What a provider exchanges before it pays out is part of its
# settlement: what it owes us is what our payments make of it, and `warchest prove` holds it to that.
EXCHANGED_BOOKS = frozenset({"bank"})

# What an accountant may book an entry of the bank against that nothing else explains.
BANK_COUNTERPARTS = (
    "bank_charges",
    "other_income",
    "other_expense",
    "reseller_receivable",
    "tax_payable",
    "transfers_to_return",
)
