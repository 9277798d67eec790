"""Scratch cards, from the order of a batch to the activation of each card.

Nouns: a *batch* (cards ordered together, all worth the same), its *order* (what the owner approves, by its digest), a
*card* with its *serial* (for people who help) and its *code* (for the one who scratched it), a *guess* (a code that was
none). Invariants: no code is stored, only its keyed hash; serials and codes are unique over all batches ever; an order
never changes, and whoever placed it does not approve it; a card is activated once. It refuses to know wallets,
subscriptions and the ledger: it says what a card gives, and the journey gives it.
"""
