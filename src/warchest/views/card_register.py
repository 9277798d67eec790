"""The register of a batch of cards as CSV.

The columns and their order are a promise to whoever reads such files; a new one is only ever added at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from uuid import UUID

from warchest.cards.contract import RegisterLine
from warchest.views.csv_rows import moment, text, written

COLUMNS = (
    "serial",
    "number",
    "state",
    "fingerprint",
    "owed",
    "currency",
    "holder",
    "paid_at",
    "expires_at",
    "activated_at",
    "activated_in",
    "replaces",
)
_AT_ONCE = 1000


def pieces(lines: Iterable[RegisterLine], *, holders: dict[UUID, str]) -> Iterator[str]:
    """The file in pieces. ``holders`` are the resellers' names by their ids."""
    yield written([COLUMNS])
    left = iter(lines)
    while portion := list(islice(left, _AT_ONCE)):
        yield written(
            (
                line.serial,
                line.number,
                line.state.value,
                line.fingerprint,
                line.owed.major,
                line.owed.currency.code,
                text(holders.get(line.holder, str(line.holder))) if line.holder else "",
                moment(line.paid_at),
                moment(line.expires_at),
                moment(line.activated_at),
                line.activated_in,
                line.replaces,
            )
            for line in portion
        )
