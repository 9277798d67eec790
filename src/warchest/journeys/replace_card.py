"""A card whose code can't be read any more is made void, and another is issued in its place. Nothing is owed more or less.

The answer holds no code; the door shows it once, straight afterwards, by ``Cards.show_replacement``.
"""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, ReplacedCard, UnableToReplaceCard
from warchest.members.contract import Members, require
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def replace_card(command: Command, *, serial: str, last_four: str, reason: str) -> Done[ReplacedCard]:
    """``last_four``, the end of its code, shows that whoever asks has the card.

    Raises UnableToAdminister, UnableToReplaceCard (``last_four_wrong`` is a guess), and TryAgain (``too_many_attempts``).
    """
    try:
        return _replace(command, serial=serial, last_four=last_four, reason=reason)
    except UnableToReplaceCard as refusal:
        if refusal.reason == "last_four_wrong" and not refusal.replayed:
            services.get(Cards).count_guess(player=UUID(command.actor.id), client_address="", at=command.at)
        raise


@journey("cards.replace")
def _replace(tx: Transaction, *, serial: str, last_four: str, reason: str) -> ReplacedCard:
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "card.replace")
    cards = tx.get(Cards)
    cards.check_not_locked(player=clerk.id, client_address="", at=tx.command.at)
    tx.about("card", serial, reason=reason)
    replaced = cards.replace(
        serial=serial, last_four=last_four, reason=reason, actor=str(tx.command.actor), at=tx.command.at
    )
    tx.about("card", replaced.void, reason=reason, issued=replaced.serial, fingerprint=replaced.fingerprint)
    tx.announce(
        "cards.replaced",
        key=replaced.void,
        serial=replaced.void,
        issued=replaced.serial,
        batch=replaced.batch,
    )
    return replaced
