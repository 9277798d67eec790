"""Who may use what, until when, and why: subscriptions, the time granted to them, and entitlements.

Nouns: a *subscription* (one player's agreement on one online service), a *grant* (a term added to it, with its source:
paid, card, gift, trial, compensation), a *deferral* (what was paid for a grant in one currency, and how much of it has
been earned by serving), a *pass* (the right to take part in a tournament, one for each player, earned when it has been held),
an *entitlement* (the right at this moment). Invariants, kept by the database itself: the terms
of a subscription never overlap; what was granted is never changed; no more is recognised than was deferred. It refuses
to know what anything costs, and never touches a wallet.
"""
