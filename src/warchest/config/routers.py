"""Which database a model lives in: that of its service."""

from __future__ import annotations

from typing import Any

from warchest.runtime.databases import aliases, owner
from warchest.runtime.services import services

_WITH = {
    # Django's own tables hold people's sessions and point at them.
    **dict.fromkeys(("auth", "contenttypes", "sessions", "admin"), "members"),
    "procrastinate": "runtime",
}
"""The service whose database holds the tables of an app that is no service of ours."""


class ServiceRouter:
    """Reads and writes go to the service's database as the journey role; only the owners' connections migrate."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return _alias(model._meta.app_label)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return _alias(model._meta.app_label)

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return _place(one._meta.app_label) == _place(other._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        # Stamps of facts stand in the database of the facts, and published facts in that of what they tell of.
        if app_label == "runtime":
            return db in {owner(alias) for alias in aliases()}
        return db == owner(_place(app_label))


def _alias(app: str) -> str:
    return services.alias(_WITH.get(app, app))


def _place(app: str) -> str:
    return services.place(_WITH.get(app, app))
