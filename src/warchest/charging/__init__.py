"""Wallets and what fills them.

Nouns: a *wallet* (a player's inner currency), a *funding lot* (units in it, and the *consideration* that was paid for them),
a *slice* (what a spend took of a lot). Invariants: the lots of a wallet sum to its balance in the ledger, and their
consideration to the contract liability; a slice never takes more than its lot has. It refuses to know what was bought.
"""
