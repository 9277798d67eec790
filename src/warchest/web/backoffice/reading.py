"""Read models, over the connection of their service's database that may only read."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from warchest.runtime.services import services

M = TypeVar("M", bound=Model)


def rows_of(model: type[M]) -> QuerySet[M]:
    """All rows of a read model."""
    return model._default_manager.using(services.reader(model._meta.app_label))
