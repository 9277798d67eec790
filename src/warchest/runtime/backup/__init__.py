"""Backups of a whole house, and what is restored from them.

Nouns: a *server* (one PostgreSQL, with one or several of the house's databases), a *backup* (a base backup of each server,
and the locked home), *WAL* (every change of a server in order, kept segment by segment), a *moment* (to which a restore goes), a
*barrier* (a named place in the WAL of every server at which no transaction over several of them is under way), the *recovery
key* (opens the locked home).

Invariants: what has the name of a backup is whole; a segment of WAL is never overwritten; a restore touches no home that
holds data; a restored house stays *set aside*, so it talks to nobody, until it is put into service.

It refuses to know what stands in the tables, the ledger's chain included: who restores brings that in order.
"""
