"""CRD-11: what becomes of a card that is a gift: its mail at its date, the word to the sender, and another address."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import BoughtCard, Cards, GiftState
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("cards.correct_gift")
def correct_gift(tx: Transaction, *, player: UUID, card: UUID, recipient: str) -> BoughtCard:
    """The sender corrects the address. A gift whose mail failed is sent once more; one that waits, at its date.

    Raises UnableToHandleBoughtCard.
    """
    bought = tx.get(Cards).correct_gift(
        bought_id=card, buyer=player, recipient=recipient, actor=str(tx.command.actor), at=tx.command.at
    )
    assert bought.gift is not None
    tx.about("card", bought.serial, player=str(player), sends=bought.gift.sends)
    return bought


@journey("cards.end_gift")
def end_gift(
    tx: Transaction, *, card: UUID, buyer: UUID, serial: str, sends: int, state: GiftState, problem: str = ""
) -> bool:
    """A gift's mail was taken by the recipient's mail server, or certainly was not, or nobody knows; the sender is told.

    False where that was known before.
    """
    is_new = tx.get(Cards).end_gift(
        bought_id=card, sends=sends, state=state, problem=problem, at=tx.command.at
    )
    tx.about("card", serial, gift=state, sends=sends)
    if is_new:
        tx.announce(
            "cards.gift_ended",
            key=str(buyer),
            player=buyer,
            card=card,
            serial=serial,
            sends=sends,
            state=state,
        )
    return is_new
