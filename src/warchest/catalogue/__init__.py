"""What players can buy: online services, the plans under which they are used, and what a plan costs.

Nouns: an *online service* (a game, a league; where it is offered and how it is named in each language), a *plan* (a
service for a term, such as a month), a *price* (what one term costs in one currency from a moment on; the price in
units is what a wallet is charged). Invariants, kept by the database itself: a code is used once; a price is never
changed, only followed by the next. It refuses to know who bought what: subscriptions are another app's business.
"""
