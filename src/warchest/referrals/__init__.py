"""Who invited whom, and what that earns.

Nouns: a *node* (a player's place in the tree, under the *sponsor* who invited them, with a code to invite others), a
*commission plan* (rates by level, in versions), a *commission* (what one sponsor earns from one sale in one currency).
Invariants, kept by the database itself: a sponsor stands in the tree before those they invited, so there are no loops;
a commission is never changed. It refuses to know how a sale was made, and pays nobody out.
"""
