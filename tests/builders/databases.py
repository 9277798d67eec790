"""Which database the code of this process works in."""

from __future__ import annotations


def use(name: str) -> None:
    from django.core.cache import cache
    from django.db import connections

    connections.close_all()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = name
        connections.settings[alias]["NAME"] = name
    cache.clear()
