"""A payment provider that takes no money: the plug-in through which Warchest asks it, and the server behind it.

``provider`` is the plug-in. ``server``, ``book``, ``notices`` and ``pages`` are the pretended provider, a process
of its own with an HTTP API, a hosted card page and signed notices. What both know is ``wire`` and ``cards``.
"""
