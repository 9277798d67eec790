"""The record of operations as people read it: who did what, when, from where, and how it ended.

Nouns: an *operation* (one line of the record). Invariant: what is shown is what was written in the operation's own
transaction, all of it. It refuses to write: lines come from the journeys themselves, through the runtime.
"""
