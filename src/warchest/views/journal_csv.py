"""The journal as CSV (RFC 4180, UTF-8): one row a leg. Pure.

The columns and their order are a promise to whoever reads such files; a new one is only ever added at the end.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from warchest.ledger.contract import Entry, Side

COLUMNS = (
    "position",
    "entry_id",
    "key",
    "kind",
    "occurred_at",
    "recorded_at",
    "reference",
    "reverses",
    "leg",
    "book",
    "owner",
    "currency",
    "side",
    "amount",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SIDES = {Side.DEBIT: "debit", Side.CREDIT: "credit"}


def table(entries: Iterable[Entry]) -> str:
    """The legs of each entry in their order, numbered from one. Amounts are positive, in major units."""
    return _written(row for entry in entries for row in _rows(entry))


def _rows(entry: Entry) -> Iterator[Sequence[object]]:
    of_entry = (
        entry.position,
        entry.id,
        _text(entry.key),
        _text(entry.kind),
        _moment(entry.occurred_at),
        _moment(entry.recorded_at),
        _text(entry.reference),
        entry.reverses or "",
    )
    for number, leg in enumerate(entry.legs, 1):
        yield (
            *of_entry,
            number,
            _text(leg.book),
            _text(leg.owner),
            leg.amount.currency.code,
            _SIDES[leg.side],
            leg.amount.major,
        )


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _text(text: str) -> str:
    # OWASP, CSV injection: behind an apostrophe a spreadsheet calculates nothing.
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


HEADER = _written([COLUMNS])
