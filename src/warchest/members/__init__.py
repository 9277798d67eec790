"""User management: players, administrators, API clients, and who may do what.

Nouns: a *user* signs in; a *player* and an *administrator* are separate rows that point at one; an *API client* has a key
with scopes. Invariants: a nickname and an e-mail address are taken once, whatever their case; a key and a password are
kept only as hashes. It refuses to know what anybody owns.
"""
