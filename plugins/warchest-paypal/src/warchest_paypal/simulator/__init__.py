"""A PayPal that takes no money, written from the documents, a process of its own.

``book`` is what it remembers and how orders, captures, refunds and disputes go on; ``desk`` answers the REST interface;
``hooks`` sends webhooks and knows their signatures; ``pages`` is where the player approves; ``server`` the HTTP of it all.
"""
