"""What a statement of the bank shows enters the books."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.kernel.ids import new_id
from warchest.ledger.contract import AccountRef, EntryDraft, Ledger
from warchest.payments.contract import EntryKept
from warchest.runtime.transactions import Transaction

CLEARING = "provider_clearing"


def clearing_of(entry: EntryKept) -> AccountRef:
    """What the plug-in's payments are owed by until their money is on the bank's account."""
    return AccountRef(CLEARING, entry.amount.currency.code, entry.provider)


def book_bank_entry(tx: Transaction, entry: EntryKept, *, against: AccountRef) -> UUID:
    """Post the entry, once by its key; answers the journal entry's id."""
    return (
        tx.get(Ledger)
        .post(
            entry=EntryDraft(
                id=new_id(),
                key=f"bank:{entry.id}",
                kind="bank_entry",
                occurred_at=moment_on(entry.booked_on, tx.command.at),
                legs=tx.get(Accounting).bank_entry_legs(
                    account=entry.account, amount=entry.amount, incoming=entry.incoming, against=against
                ),
                reference=f"{entry.statement_name}/{entry.reference}",
                details={"provider": entry.provider},
            )
        )
        .entry_id
    )


def moment_on(day: date, at: datetime) -> datetime:
    """A past day's money had moved by its end; today's, and what a bank dates ahead, by now."""
    return at if day >= at.astimezone(UTC).date() else datetime.combine(day, time(23, 59, 59), UTC)
