"""A simulator of Stripe, written from its published documents, for tests and demonstrations. It takes no money.

``book`` keeps objects, keys, events and switches; ``checkout``, ``intents``, ``returning`` and ``balance`` do what Stripe does
with them; ``api`` checks requests as Stripe does, and ``parameters`` names what each takes; ``pages`` is Checkout's page and the
bank's; ``sending`` signs and sends events; ``server`` is the process, and does wrong what the switches say.
"""
