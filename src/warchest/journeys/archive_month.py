"""The operator lets a month of long ago leave the journal's tables of every day."""

from __future__ import annotations

from datetime import date

from warchest.ledger.contract import Ledger
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("ledger.archive_month")
def archive_month(tx: Transaction, *, month: date) -> int:
    """Answers how many entries the month has. ``month`` is its first day. Raises UnableToArchive."""
    tx.about("journal", f"{month:%Y-%m}")
    entries = tx.get(Ledger).archive_month(month=month)
    tx.about("journal", f"{month:%Y-%m}", entries=entries)
    return entries
