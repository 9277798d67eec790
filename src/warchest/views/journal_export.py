"""The journal as a file, in portions: whatever its length, only one portion of it is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from warchest.ledger.contract import Entry, Ledger
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services
from warchest.views.journal_beancount import BeancountText
from warchest.views.journal_csv import HEADER, table

PORTION = 1000
"""So many entries are read at once."""

_SAMPLE = 100


class Format(StrEnum):
    CSV = "csv"
    BEANCOUNT = "beancount"


class By(StrEnum):
    """Which of an entry's moments a time is about: when it happened, or when it came into the books."""

    OCCURRED = "occurred"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Extent:
    """Which entries: behind the position ``after`` up to ``upto``, and of these what lies in a half-open time.

    One that begins where another ended leaves nothing out and repeats nothing.
    """

    upto: int
    after: int = 0
    by: By = By.OCCURRED
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, entry: Entry) -> bool:
        moment = entry.occurred_at if self.by is By.OCCURRED else entry.recorded_at
        return (
            self.after < entry.position <= self.upto
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment < self.until)
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a file will be: at most so many entries, in about so many bytes."""

    entries_max: int
    size_bytes: int


def export(*, extent: Extent, format: Format, with_balances: bool = False) -> Iterator[str]:
    """The file in pieces, a piece for each portion of the journal. The same extent gives the same file for ever.

    Times, ids, keys, references and amounts stand in it, but no details: what a program said of a charge is its own
    words, and might tell of a person. ``with_balances`` (beancount only) ends with an assertion of what the file's
    entries come to on each account.
    """
    if format is Format.CSV:
        yield HEADER
        for portion in _portions(extent):
            yield table(portion)
        return
    text = BeancountText(
        cluster=services.cluster,
        functional_currency=configuration().community.functional_currency,
        books=services.get(Ledger).books(),
    )
    yield text.head()
    for portion in _portions(extent):
        yield text.entries(portion)
    yield text.tail(with_balances=with_balances)


def expected(*, extent: Extent, format: Format) -> Expected:
    """Measured on the newest entries; a time is not looked into, so a file of a month may be much shorter."""
    entries_max = max(extent.upto - extent.after, 0)
    newest = services.get(Ledger).journal(after=max(extent.upto - _SAMPLE, extent.after), limit=_SAMPLE)
    if not newest:
        return Expected(entries_max=0, size_bytes=0)
    sample = Extent(upto=newest[-1].position, after=newest[0].position - 1)
    length = sum(len(piece.encode()) for piece in export(extent=sample, format=format))
    return Expected(entries_max=entries_max, size_bytes=entries_max * length // len(newest))


def _portions(extent: Extent) -> Iterator[tuple[Entry, ...]]:
    position = extent.after
    ledger = services.get(Ledger)
    while position < extent.upto and (read := ledger.journal(after=position, limit=PORTION)):
        position = read[-1].position
        if portion := tuple(entry for entry in read if extent.holds(entry)):
            yield portion
