"""Whoever has unused cards hears in time that they end."""

from __future__ import annotations

from warchest.cards.contract import Cards, ExpiryWarned
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

PORTION = 200


@journey("cards.warn_of_expiry")
def warn_of_expiry(tx: Transaction, *, days: int) -> ExpiryWarned:
    """Tell the house and its resellers of batches, and players of the cards that they bought, that end within so many days.

    Each is told once; a portion is told in one transaction, and the next goes on behind it.
    """
    cards = tx.get(Cards)
    warned = cards.warn(days=days, at=tx.command.at, limit=PORTION)
    tx.about("day", tx.command.at.date().isoformat(), batches=len(warned.batches), cards=len(warned.cards))
    for ending in warned.batches:
        tx.announce(
            "cards.batch_ending",
            key=str(ending.batch),
            batch=ending.batch,
            reseller=ending.reseller,
            ends_at=ending.ends_at,
            days=days,
            cards=ending.cards,
            amounts=ending.amounts,
        )
    for stock in warned.stocks:
        for player in cards.people_of_reseller(reseller_id=stock.reseller):
            tx.announce(
                "cards.stock_ending",
                key=str(player),
                player=player,
                batch=stock.batch,
                series=stock.series,
                cards=stock.cards,
                ends_at=stock.ends_at,
                days=days,
            )
    for card in warned.cards:
        tx.announce(
            "cards.card_ending",
            key=str(card.buyer),
            player=card.buyer,
            serial=card.serial,
            ends_at=card.ends_at,
            days=days,
        )
    return warned
