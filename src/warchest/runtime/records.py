"""Reading the record of operations. ``ending`` writes each line in the transaction that it tells of; none ever changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, TextField
from django.db.models.functions import Cast

from warchest.runtime.models import Operation
from warchest.runtime.services import COORDINATOR

_SEARCHED = ("name", "reason", "actor_id", "on_behalf_of", "subject_id", "request_id", "key", "details_text")


def lines(
    *,
    exactly: Mapping[str, str],
    name: str = "",
    recorded_from: datetime | None = None,
    recorded_to: datetime | None = None,
    text: str = "",
    before: tuple[datetime, UUID] | None = None,
    limit: int,
) -> tuple[Mapping[str, Any], ...]:
    """Lines of the record, newest first, as plain values by column.

    ``exactly`` has columns and their values. A ``name`` that ends in a point means all names that begin so.
    ``recorded_from`` is included, ``recorded_to`` excluded. ``before`` is the ``(recorded_at, id)`` of the line behind
    which to go on.
    """
    found = Operation.objects.using(COORDINATOR).filter(**exactly)
    if name:
        found = found.filter(**{"name__startswith" if name.endswith(".") else "name": name})
    if recorded_from:
        found = found.filter(recorded_at__gte=recorded_from)
    if recorded_to:
        found = found.filter(recorded_at__lt=recorded_to)
    if before:
        moment, identity = before
        # The first condition says nothing new, but it is the one that an index serves.
        found = found.filter(Q(recorded_at__lte=moment), Q(recorded_at__lt=moment) | Q(id__lt=identity))
    if text:
        found = found.alias(details_text=Cast("details", TextField()))
        found = found.filter(Q(*((f"{column}__icontains", text) for column in _SEARCHED), _connector=Q.OR))
    return tuple(found.order_by("-recorded_at", "-id").values(*_columns())[:limit])


def line(operation_id: UUID) -> Mapping[str, Any] | None:
    """One line by its id."""
    return Operation.objects.using(COORDINATOR).filter(id=operation_id).values(*_columns()).first()


def _columns() -> tuple[str, ...]:
    return tuple(column.attname for column in Operation._meta.concrete_fields)
