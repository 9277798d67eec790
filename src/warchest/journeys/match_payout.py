"""PAY-29: what a provider paid out is found in the bank's statement, and is no longer under way. A difference waits for a person.

Whichever of the two is told first waits for the other: the bank's entry, or the settlement.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from warchest.accounting.contract import Accounting
from warchest.journeys.steps.bank import moment_on
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.payments.contract import (
    EntryKept,
    EntryState,
    MeantPayout,
    Payments,
    Resolution,
    UnableToResolveBankEntry,
    WaitReason,
)
from warchest.runtime.command import Command
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

log = structlog.get_logger(__name__)

_ENTRIES_MAX = 500
# Why an entry waits that may be a payout: of all others something is known that speaks against it.
_MAY_BE = frozenset({WaitReason.NO_REFERENCE, WaitReason.REFERENCE_UNKNOWN, WaitReason.OUTGOING})


def match_payouts(command: Command) -> int:
    """Look at all entries that wait and may be payouts; answers how many were. One that fails does not stand in the way."""
    payments = services.get(Payments)
    if not payments.payouts_under_way(limit=1):
        return 0
    return sum(
        is_payout(command, entry=entry)
        for entry in payments.bank_entries(state=EntryState.WAITING, limit=_ENTRIES_MAX)
    )


def is_payout(command: Command, *, entry: EntryKept) -> bool:
    """Whether an entry that waits is a payout that has arrived just as it was told; then it is booked."""
    if entry.state is not EntryState.WAITING or entry.reason not in _MAY_BE:
        return False
    if services.get(Payments).payout_of(entry=entry) is None:
        return False
    try:
        # Under a key of this look: what was no payout then may be one now.
        key = f"payout:{entry.id}:{command.at.timestamp():.0f}"
        done = _match(command.under(key), entry_id=entry.id)
        return done.answer and not done.replayed
    except Exception:
        log.exception("payout_not_matched", entry=str(entry.id))
        return False


@journey("bank.match_payout")
def _match(tx: Transaction, *, entry_id: UUID) -> bool:
    """Book it where it agrees; where another amount came than the payout that it names, it waits for that."""
    payments = tx.get(Payments)
    tx.about("bank_entry", entry_id)
    entry = payments.waiting_entry(entry_id=entry_id)
    meant = payments.payout_of(entry=entry) if entry.reason in _MAY_BE else None
    if meant is None:
        return False
    if meant.difference:
        payments.leave_entry(
            entry_id=entry.id, reason=WaitReason.PAYOUT_DIFFERS, payment_id=None, at=tx.command.at
        )
        return False
    _arrive(tx, entry=entry, settlements=[one.id for one in meant.settlements], book="", note="")
    return True


@journey("bank.resolve_as_payout")
def settle_as_payout(
    tx: Transaction, *, entry_id: UUID, settlements: tuple[UUID, ...], book: str, note: str
) -> UUID:
    """A person says which payouts an entry brought; what came more or less is booked to ``book``, one of
    ``Accounting.difference_books``. Answers the journal entry.

    Raises UnableToAdminister, UnableToFindBankEntry, UnableToResolveBankEntry, UnableToMatchPayout, UnableToBookDifference.
    """
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "bank.resolve")
    tx.about("bank_entry", entry_id)
    if not note.strip():
        raise UnableToResolveBankEntry("bank_note_missing")
    entry = tx.get(Payments).waiting_entry(entry_id=entry_id)
    if entry.payment is not None:
        raise UnableToResolveBankEntry("bank_payment_settled")
    return _arrive(tx, entry=entry, settlements=settlements, book=book, note=note)


def _arrive(tx: Transaction, *, entry: EntryKept, settlements: Sequence[UUID], book: str, note: str) -> UUID:
    """Dr bank, Cr payouts under way; what came beyond it to the book of the difference."""
    payments, journal_entry = tx.get(Payments), new_id()
    meant: MeantPayout = payments.take_arrival(
        settlements=settlements,
        entry=entry,
        journal_entry=journal_entry,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    tx.about(
        "bank_entry",
        entry.id,
        settlements=",".join(one.number for one in meant.settlements)[:200],
        difference_minor=meant.difference.minor,
        book=book if meant.difference else "",
    )
    payments.settle_entry(
        entry_id=entry.id,
        resolution=Resolution.SETTLEMENT,
        journal_entry=journal_entry,
        actor=str(tx.command.actor),
        at=tx.command.at,
        note=note,
    )
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=journal_entry,
            key=f"bank:{entry.id}",
            kind="payout_arrived",
            occurred_at=moment_on(entry.booked_on, tx.command.at),
            legs=tx.get(Accounting).payout_arrived_legs(
                account=entry.account,
                provider=meant.provider,
                paid_out=meant.paid_out,
                difference=meant.difference,
                book=book,
            ),
            reference=f"{entry.statement_name}/{entry.reference}",
            details={"provider": meant.provider},
        )
    )
    return journal_entry
