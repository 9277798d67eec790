"""The bank's part of payments: statements are kept, entries find their payments, payouts are ordered."""
