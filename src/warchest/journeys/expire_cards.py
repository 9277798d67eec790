"""Cards that nobody used come to their end, and what had been paid for them is breakage."""

from __future__ import annotations

from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.cards.contract import Cards, ExpiredCards
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

PORTION = 10_000
"""So many cards of a batch are gone through in one transaction: whoever activates one of them waits a moment for it."""


@journey("cards.expire")
def expire_cards(tx: Transaction, *, batch: UUID) -> ExpiredCards:
    """Let the next portion of a batch expire, of those cards whose end has come.

    A card that was activated or given a later end meanwhile is left out; one that has expired stays so, so that a portion may
    be begun again.
    """
    tx.about("batch", batch)
    run, entry_id = new_id(), new_id()
    expired = tx.get(Cards).expire(
        batch_id=batch,
        run=run,
        entry_id=entry_id,
        actor=str(tx.command.actor),
        at=tx.command.at,
        limit=PORTION,
    )
    if expired.amounts:
        tx.get(Ledger).post(
            entry=EntryDraft(
                id=entry_id,
                key=f"cards-expired:{run}",
                kind="cards_expired",
                occurred_at=tx.command.at,
                legs=tx.get(Accounting).cards_expired_legs(batch=batch, amounts=expired.amounts),
                reference=str(batch),
                details={"cards": expired.cards},
            )
        )
    if expired.cards:
        tx.announce(
            "cards.expired",
            key=str(batch),
            batch=batch,
            cards=expired.cards,
            amounts=expired.amounts,
            journal_entry=entry_id if expired.amounts else None,
        )
    tx.about("batch", batch, expired=expired.cards)
    return expired
