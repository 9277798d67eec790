"""What the business did, day by day.

Nouns: a *measure* (what is counted), a *fact* (one day of one measure, by country, provider, online service and
source, in one currency), a *figure* (facts added up). Invariants: each published event is counted once; the sums
of top-ups equal what the credited payments sum to. It refuses to read other services'
tables: everything that it knows it heard from the outbox, so it can be built again from there at any time.
"""
