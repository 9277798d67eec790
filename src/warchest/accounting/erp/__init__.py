"""Handing the books to an ERP: entries are taken in order, become numbered documents in batches, are sent, and answered.

Nouns: an *export* (one exporter's place in the books, and its numbers), a *taken entry*, a *batch* with *control totals*,
a *document* with *attempts* to send it and *answers*, a *mapping* (which account is which string over there), a *treatment*.
Invariants: an entry is taken once and is in one batch; numbers have no gaps; the totals are the ledger's own.
"""
