"""ACC-06: an accountant undoes an entry by its mirror image. Nothing that was booked is changed or deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from warchest.cards.contract import LIABILITY_BOOK
from warchest.charging.contract import DEBT_BOOK, WALLET_BOOK
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.ledger.contract import Entry, Ledger, UnableToPost
from warchest.members.contract import Members, require
from warchest.referrals.contract import ON_HOLD_BOOK
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import DEFERRED_BOOK

REASON_LENGTH_MAX = 300


class UnableToReverse(UnableTo):
    """Nothing was booked."""

    reasons = frozenset(
        {
            "reason_missing",
            "payment_hangs_on_entry",
            "card_hangs_on_entry",
            "subscription_hangs_on_entry",
            "commission_hangs_on_entry",
            "wallet_hangs_on_entry",
            "cluster_hangs_on_entry",
        }
    )


# Books whose accounts equal what another app keeps in rows of its own: payments, cards, terms that were bought,
# commissions, lots. The mirror image alone would leave those rows standing, and the books would no longer prove. What such
# an entry books is undone by the command of its own business, which books the mirror image along with the rows. An entry
# that touches several is the business of the first.
_KEPT_ELSEWHERE: tuple[tuple[Collection[str], str], ...] = (
    ({"provider_clearing", "disputed_funds", "payer_surplus"}, "payment_hangs_on_entry"),
    ({LIABILITY_BOOK}, "card_hangs_on_entry"),
    ({DEFERRED_BOOK}, "subscription_hangs_on_entry"),
    ({ON_HOLD_BOOK}, "commission_hangs_on_entry"),
    ({"intercompany_units", "intercompany_payable", "intercompany_receivable"}, "cluster_hangs_on_entry"),
    ({WALLET_BOOK, "wallet_funding", DEBT_BOOK}, "wallet_hangs_on_entry"),
)


@dataclass(frozen=True, slots=True)
class Reversal:
    """``entry_id`` is the new entry, the mirror image of ``of``."""

    entry_id: UUID
    of: UUID


def obstacle(entry: Entry, *, is_reversed: bool) -> UnableTo | None:
    """Why an entry can't be reversed by hand; None where it can."""
    if is_reversed:
        return UnableToPost("entry_already_reversed")
    touched = {leg.book for leg in entry.legs}
    return next(
        (UnableToReverse(reason) for books, reason in _KEPT_ELSEWHERE if not touched.isdisjoint(books)), None
    )


@journey("ledger.reverse_entry")
def reverse_entry(tx: Transaction, *, entry_id: UUID, reason: str) -> Reversal:
    """Book the mirror image of a whole entry, at the moment of the command.

    Raises UnableToAdminister, UnableToReverse, UnableToPost (``entry_unknown``, ``entry_already_reversed``).
    """
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "entry.reverse")
    tx.about("entry", entry_id, reason=reason)
    if not reason.strip():
        raise UnableToReverse("reason_missing")
    ledger = tx.get(Ledger)
    entry = ledger.entry(entry_id=entry_id)
    if entry is None:
        raise UnableToPost("entry_unknown")
    if refusal := obstacle(entry, is_reversed=bool(ledger.reversals(entry_id=entry_id))):
        raise refusal
    reversal_id = new_id()
    posted = ledger.reverse(
        entry_id=entry_id,
        # Whoever reverses it at the same moment is refused by what the ledger counts, not by this key.
        key=f"reversal:{reversal_id}",
        reversal_id=reversal_id,
        occurred_at=tx.command.at,
    )
    tx.about("entry", entry_id, reversal=str(posted.entry_id))
    tx.announce("ledger.entry_reversed", key=str(entry_id), entry=entry_id, reversal=posted.entry_id)
    return Reversal(entry_id=posted.entry_id, of=entry_id)
