"""Which database a model lives in: that of its service."""

from __future__ import annotations

from typing import Any

from warchest.runtime.services import services


class ServiceRouter:
    """Reads and writes go to the service's database as the journey role; only the owner's connection migrates."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return services.alias(model._meta.app_label)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return services.alias(model._meta.app_label)

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return services.alias(one._meta.app_label) == services.alias(other._meta.app_label)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"
