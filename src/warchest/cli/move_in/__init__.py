"""``warchest move-in``: players, wallets, subscriptions, the tree and opening balances come from an older system.

Its files are read once (``tables``, ``rows``), into a scratch table that is gone with the process (``scratch``): what was
examined is what is taken, and memory stays small however long they are. ``examine`` tells all that is wrong with them,
``take`` lets sets of rows through the journeys, ``proof`` compares what the older system says with what is here.
"""
