"""Audit, on one page: reading, searching and exporting the record of operations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo


class UnableToReadRecord(UnableTo):
    reasons = frozenset({"operation_unknown", "cursor_malformed"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One line. Who did it is a kind and an id; ``outcome`` is ``done`` or ``refused``, then with a ``reason``.

    ``occurred_at`` is the moment in the world, ``recorded_at`` that of the transaction which did it.
    """

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    name: str
    outcome: str
    reason: str
    actor_kind: str
    actor_id: str
    on_behalf_of: str
    channel: str
    subject_kind: str
    subject_id: str
    details: Mapping[str, Any]
    address: str
    certificate: str
    request_id: str
    key: str


@dataclass(frozen=True, slots=True)
class OperationFilter:
    """Which lines; what is empty does not restrict.

    ``name`` is an operation's (``cards.activate``) or, ending in a point, an area's (``cards.``).
    ``recorded_from`` is included, ``recorded_to`` excluded. ``text`` occurs anywhere in names, reasons, ids, keys
    or details, in either case.
    """

    actor_kind: str = ""
    actor_id: str = ""
    name: str = ""
    subject_kind: str = ""
    subject_id: str = ""
    outcome: str = ""
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class OperationPage:
    """``next_cursor`` is empty on the last page."""

    items: tuple[Operation, ...]
    next_cursor: str


EVERYTHING = OperationFilter()


class Audit(Protocol):
    def operations(
        self, *, where: OperationFilter = EVERYTHING, cursor: str = "", limit: int = 50
    ) -> OperationPage:
        """Lines, newest first. Lines written while somebody turns the pages move nothing.

        Raises UnableToReadRecord.
        """
        ...

    def operation(self, *, operation_id: UUID) -> Operation:
        """Raises UnableToReadRecord (``operation_unknown``)."""
        ...

    def export_csv(self, *, where: OperationFilter = EVERYTHING) -> Iterator[str]:
        """Lines of a CSV file with a header, newest first, read page by page: the record may be longer than the
        memory.

        Cells that a spreadsheet would take for a formula begin with an apostrophe.
        """
        ...
