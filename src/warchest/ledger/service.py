"""The ledger as this process offers it."""

from warchest.ledger import (
    account_queries,
    comparison,
    cuts,
    entry_queries,
    holds,
    operations,
    queries,
    seals,
    witnesses,
)


class LocalLedger:
    """Implements ``contract.Ledger`` over this process's own connection."""

    define_books = staticmethod(operations.define_books)
    post = staticmethod(operations.post)
    post_set = staticmethod(operations.post_set)
    reverse = staticmethod(operations.reverse)
    fold = staticmethod(operations.fold)
    seal = staticmethod(seals.seal)
    sign_head = staticmethod(seals.sign_head)
    sealing = staticmethod(seals.sealing)
    shown_head = staticmethod(witnesses.shown_head)
    read_head = staticmethod(witnesses.read_head)
    hash_of_block = staticmethod(witnesses.hash_of_block)
    sign_cut = staticmethod(cuts.sign_cut)
    cuts = staticmethod(cuts.cuts)
    open_months = staticmethod(operations.open_months)
    archive_month = staticmethod(operations.archive_month)
    hold = staticmethod(holds.hold)
    release_for_capture = staticmethod(holds.release_for_capture)
    void = staticmethod(holds.void)
    lapse = staticmethod(holds.lapse)
    find_hold = staticmethod(holds.find_hold)
    open_holds = staticmethod(holds.open_holds)
    balance = staticmethod(queries.balance)
    balance_at = staticmethod(queries.balance_at)
    statement = staticmethod(queries.statement)
    entry = staticmethod(entry_queries.entry)
    entries = staticmethod(entry_queries.entries)
    find_entries = staticmethod(entry_queries.find_entries)
    reversals = staticmethod(entry_queries.reversals)
    journal = staticmethod(entry_queries.journal)
    count_entries = staticmethod(entry_queries.count_entries)
    count_entries_of = staticmethod(entry_queries.count_entries_of)
    trial_balance = staticmethod(queries.trial_balance)
    sums_of_reference = staticmethod(entry_queries.sums_of_reference)
    stretch = staticmethod(entry_queries.stretch)
    accounts = staticmethod(account_queries.accounts)
    books = staticmethod(account_queries.books)
    book_sums_by_owner = staticmethod(queries.book_sums_by_owner)
    first_difference = staticmethod(comparison.first_difference)
    folding = staticmethod(queries.folding)
