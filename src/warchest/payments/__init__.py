"""Money from outside: payments, and what providers say of them.

Nouns: a *payment* (an amount that a player pays, and the units that it brings at the rate fixed before paying), an
*attempt* (one opening of it at a provider), a *message* (what was told to a provider, or heard from it), a *notice* (a
provider's own message to us, kept before it is acted on). Invariants, the first three kept by the database itself: a
payment is credited at most once; what was credited never becomes unpaid; messages are never changed; nothing is
credited that the provider did not report, in the amount and currency asked for. It refuses to know wallets and books:
the journeys credit.
"""
