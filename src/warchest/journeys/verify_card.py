"""Support looks whether a code is good, without activating its card. Every look is kept, and a wrong code is a guess here too."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards, VerifiedCard
from warchest.members.contract import Members, require
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


def verify_card(
    command: Command, *, reason: str, code: str = "", serial: str = "", last_four: str = ""
) -> Done[VerifiedCard]:
    """Look at the card of a whole ``code``, or at the one of a ``serial`` whose code is said to end with ``last_four``.

    Raises UnableToAdminister, UnableToVerifyCard, and TryAgain (``too_many_attempts``) where this administrator has tried too
    many wrong ones.
    """
    cards = services.get(Cards)
    clerk = UUID(command.actor.id)
    done = _verify(
        command,
        code_hash=cards.code_hash(typed=code) if code.strip() else "",
        serial=serial,
        last_four=last_four,
        reason=reason,
    )
    if not done.answer.right and not done.replayed:
        cards.count_guess(player=clerk, client_address="", at=command.at)
    return done


# It is told the code's keyed hash, so that not even the fingerprint of its arguments has to do with the code.
@journey("cards.verify")
def _verify(tx: Transaction, *, code_hash: str, serial: str, last_four: str, reason: str) -> VerifiedCard:
    clerk = tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id))
    require(clerk, "card.verify")
    cards = tx.get(Cards)
    cards.check_not_locked(player=clerk.id, client_address="", at=tx.command.at)
    tx.about("card", serial or "?", by="serial" if serial else "code", reason=reason)
    verified = cards.verify(
        code_hash=code_hash,
        serial=serial,
        last_four=last_four,
        reason=reason,
        actor=str(tx.command.actor),
        at=tx.command.at,
    )
    tx.about(
        "card",
        verified.serial or "?",
        by="serial" if serial else "code",
        reason=reason,
        right=verified.right,
    )
    return verified
