"""The books: accounts, journal entries, holds and balances.

Nouns: a *book* (an account of the chart, such as ``deferred_revenue``), an *account* (a book for one owner and currency),
a *journal entry* with its *legs*, a *hold*. Invariants, kept by the database itself: every entry balances in each
currency; nothing posted is ever changed; an account with a floor never falls below it, holds included; a key posts once.
It refuses to know what anything is bought for: prices, players and cards are other apps' business.
"""
