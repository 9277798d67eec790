"""SUB-12: revenue is recognised day by day as the time that was paid for is served."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import Subscriptions


@dataclass(frozen=True, slots=True)
class Recognised:
    """``journal_entry`` is None where nothing was left to recognise."""

    day: date
    earned: tuple[Money, ...]
    journal_entry: UUID | None


@journey("subscriptions.recognise_revenue")
def recognise_revenue(tx: Transaction, *, day: date) -> Recognised:
    """Book what was served until the end of ``day`` (UTC) and not recognised before.

    A day that was skipped is made up for by the next; a second run books only what has come since. Raises
    UnableToRecognise.
    """
    tx.about("day", day.isoformat())
    earned = tx.get(Subscriptions).recognise(day=day, at=tx.command.at)
    if not earned.amounts:
        return Recognised(day=day, earned=(), journal_entry=None)
    entry_id = new_id()
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            # Grants that reach the books after the day's run are recognised by one more, under a key of its own.
            key=f"recognise:{day.isoformat()}" + (f":{earned.run}" if earned.run > 1 else ""),
            kind="recognition",
            occurred_at=datetime.combine(day + timedelta(days=1), time(), tzinfo=UTC) - timedelta(seconds=1),
            legs=tx.get(Accounting).recognition_legs(earned=earned.amounts, day=day),
            reference=day.isoformat(),
        )
    )
    tx.announce("subscriptions.revenue_recognised", key=day.isoformat(), day=day, journal_entry=entry_id)
    return Recognised(day=day, earned=earned.amounts, journal_entry=entry_id)
