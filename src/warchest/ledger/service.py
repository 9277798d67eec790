"""The ledger as this process offers it."""

from warchest.ledger import operations, queries


class LocalLedger:
    """Implements ``contract.Ledger`` over this process's own connection."""

    define_books = staticmethod(operations.define_books)
    post = staticmethod(operations.post)
    post_set = staticmethod(operations.post_set)
    reverse = staticmethod(operations.reverse)
    hold = staticmethod(operations.hold)
    release_for_capture = staticmethod(operations.release_for_capture)
    void = staticmethod(operations.void)
    lapse = staticmethod(operations.lapse)
    find_hold = staticmethod(queries.find_hold)
    open_holds = staticmethod(queries.open_holds)
    balance = staticmethod(queries.balance)
    balance_at = staticmethod(queries.balance_at)
    statement = staticmethod(queries.statement)
    entry = staticmethod(queries.entry)
    entries = staticmethod(queries.entries)
    count_entries = staticmethod(queries.count_entries)
    trial_balance = staticmethod(queries.trial_balance)
    book_sums_by_owner = staticmethod(queries.book_sums_by_owner)
