"""Where the house meets the machine: services by name, transactions, idempotency, the record of operations, the outbox,
configuration and the embedded database.

Everything about *where* code runs lives here and nowhere else; what the business does is not known here.
"""
