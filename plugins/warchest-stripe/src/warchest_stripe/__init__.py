"""Stripe: the plug-in through which Warchest asks it, and a simulator of it for tests and demonstrations.

``provider`` is the plug-in: ``asking`` calls Stripe, ``answers`` reads what it says of a payment, ``notices`` its webhooks,
``settlement`` its balance transactions, ``minor_units`` its way of writing amounts. ``simulator`` is a process of its own
that answers as Stripe's published documents say, written from these alone. Card data reaches neither.
"""
