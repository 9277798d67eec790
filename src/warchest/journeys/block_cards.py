"""Cards that were lost or stolen are blocked, and unblocked when they turn up."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import BlockedCards, Cards, CardSelection
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.block")
def block_cards(tx: Transaction, *, selection: CardSelection, reason: str) -> BlockedCards:
    """Raises UnableToAdminister and UnableToBlockCards."""
    _check_right(tx)
    blocked = tx.get(Cards).block(
        selection=selection, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    _note(tx, blocked, topic="cards.blocked")
    return blocked


@journey("cards.unblock")
def unblock_cards(tx: Transaction, *, selection: CardSelection, reason: str) -> BlockedCards:
    """Raises UnableToAdminister and UnableToBlockCards."""
    _check_right(tx)
    unblocked = tx.get(Cards).unblock(
        selection=selection, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    _note(tx, unblocked, topic="cards.unblocked")
    return unblocked


def _check_right(tx: Transaction) -> None:
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "card.block")


def _note(tx: Transaction, cards: BlockedCards, *, topic: str) -> None:
    serials = {"first_serial": cards.first_serial, "last_serial": cards.last_serial}
    tx.about("batch", cards.batch, **serials, count=cards.count)
    tx.announce(topic, key=str(cards.batch), batch=cards.batch, **serials, count=cards.count)
