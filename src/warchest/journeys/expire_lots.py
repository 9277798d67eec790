"""Units whose term is over leave their wallets, and what had been paid for them is breakage."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging, ExpiredLot
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger, Refused, UnableToPost
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Expiry:
    """What one lot lost; ``entry_id`` is its journal entry."""

    lot: ExpiredLot
    entry_id: UUID


@journey("lots.expire")
def expire_lots(tx: Transaction, *, lots: tuple[UUID, ...]) -> tuple[Expiry, ...]:
    """Take out of their wallets what no hold keeps of those of the lots whose term is over.

    A lot that lost its units already is left out, so that a portion may be begun again. What a hold keeps is taken out by a
    later run, when the hold has let it go.
    """
    at, accounting = tx.command.at, tx.get(Accounting)
    done = tuple(Expiry(lot, new_id()) for lot in tx.get(Charging).expire(lot_ids=lots, at=at))
    entries = [
        EntryDraft(
            id=expiry.entry_id,
            key=expiry.lot.reference,
            kind="expiry",
            occurred_at=at,
            legs=accounting.expiry_legs(
                player=expiry.lot.player, units=expiry.lot.units, consideration=expiry.lot.consideration
            ),
            reference=str(expiry.lot.id),
        )
        for expiry in done
    ]
    for outcome, entry in zip(tx.get(Ledger).post_set(entries=entries), entries, strict=True):
        if isinstance(outcome, Refused):
            raise UnableToPost(outcome.reason, key=entry.key)
    tx.about("lots", lots[0], asked=len(lots), expired=len(done))
    for expiry in done:
        tx.announce(
            "lots.expired",
            key=str(expiry.lot.player),
            player=expiry.lot.player,
            lot=expiry.lot.id,
            units_minor=expiry.lot.units.minor,
            consideration=expiry.lot.consideration,
            journal_entry=expiry.entry_id,
        )
    return done
