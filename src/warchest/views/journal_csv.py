"""The journal as CSV (RFC 4180, UTF-8): one row a leg. Pure.

The columns and their order are a promise to whoever reads such files; a new one is only ever added at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from warchest.ledger.contract import Entry, Side
from warchest.views.csv_rows import moment, text, written

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
_SIDES = {Side.DEBIT: "debit", Side.CREDIT: "credit"}


def table(entries: Iterable[Entry]) -> str:
    """The legs of each entry in their order, numbered from one. Amounts are positive, in major units."""
    return written(row for entry in entries for row in _rows(entry))


def _rows(entry: Entry) -> Iterator[Sequence[object]]:
    of_entry = (
        entry.position,
        entry.id,
        text(entry.key),
        text(entry.kind),
        moment(entry.occurred_at),
        moment(entry.recorded_at),
        text(entry.reference),
        entry.reverses or "",
    )
    for number, leg in enumerate(entry.legs, 1):
        yield (
            *of_entry,
            number,
            text(leg.book),
            text(leg.owner),
            leg.amount.currency.code,
            _SIDES[leg.side],
            leg.amount.major,
        )


HEADER = written([COLUMNS])
