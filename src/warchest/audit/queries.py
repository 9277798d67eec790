"""Reads of the record of operations, through the runtime that writes it."""

from __future__ import annotations

import csv
import io
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from warchest.audit.contract import EVERYTHING, Operation, OperationFilter, OperationPage, UnableToReadRecord
from warchest.audit.rules import as_cell
from warchest.runtime import records

_COLUMNS = tuple(field.name for field in fields(Operation))
_EXPORT_PAGE = 1000


def operations(*, where: OperationFilter = EVERYTHING, cursor: str = "", limit: int = 50) -> OperationPage:
    # One more than asked for tells whether there is a next page.
    found = _lines(where, before=_read_cursor(cursor) if cursor else None, limit=limit + 1)
    items = found[:limit]
    return OperationPage(items, _cursor(items[-1]) if len(found) > limit else "")


def operation(*, operation_id: UUID) -> Operation:
    line = records.line(operation_id)
    if line is None:
        raise UnableToReadRecord("operation_unknown")
    return Operation(**line)


def export_csv(*, where: OperationFilter = EVERYTHING) -> Iterator[str]:
    yield _row(_COLUMNS)
    before = None
    while found := _lines(where, before=before, limit=_EXPORT_PAGE):
        for line in found:
            yield _row(as_cell(getattr(line, column)) for column in _COLUMNS)
        before = (found[-1].recorded_at, found[-1].id)


def _lines(
    where: OperationFilter, *, before: tuple[datetime, UUID] | None, limit: int
) -> tuple[Operation, ...]:
    found = records.lines(
        exactly={
            column: value
            for column in ("actor_kind", "actor_id", "subject_kind", "subject_id", "outcome")
            if (value := getattr(where, column))
        },
        name=where.name,
        recorded_from=where.recorded_from,
        recorded_to=where.recorded_to,
        text=where.text,
        before=before,
        limit=limit,
    )
    return tuple(Operation(**line) for line in found)


def _row(cells: Iterator[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _cursor(last: Operation) -> str:
    return urlsafe_b64encode(f"{last.recorded_at.isoformat()} {last.id}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str) -> tuple[datetime, UUID]:
    try:
        moment, identity = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split(" ")
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError("a cursor's moment needs a time zone")
        return at, UUID(identity)
    except ValueError as error:  # binascii's and Unicode's errors are ValueErrors too
        raise UnableToReadRecord("cursor_malformed") from error
