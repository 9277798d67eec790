"""PAY-05: a player looks at the code of a card that they bought. Each look is counted and recorded."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import BoughtCard, Cards, CodeGiven
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def show_bought_code(command: Command, *, player: UUID, card: UUID) -> tuple[Done[BoughtCard], CodeGiven]:
    """The code, once that it is shown is written down. It is in no answer that is kept: the door gets it straight afterwards.

    Raises UnableToHandleBoughtCard.
    """
    done = note_shown(command, player=player, card=card)
    return done, services.get(Cards).bought_code(bought_id=card, buyer=player)


@journey("cards.show_code")
def note_shown(tx: Transaction, *, player: UUID, card: UUID) -> BoughtCard:
    bought = tx.get(Cards).note_shown(
        bought_id=card, buyer=player, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("card", bought.serial, player=str(player), shown=bought.shown)
    return bought
