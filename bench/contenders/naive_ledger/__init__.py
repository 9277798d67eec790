"""The ledger that many a Django project writes for itself: rows for accounts, entries and postings, and a lock."""
