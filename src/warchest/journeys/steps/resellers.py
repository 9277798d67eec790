"""Who may act for a reseller: players that are linked to it; for the house, administrators with the right."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Cards
from warchest.members.contract import Members, PlayerState, UnableToAdminister, require
from warchest.runtime.command import ActorKind
from warchest.runtime.transactions import Transaction


def acts_for(tx: Transaction, reseller: UUID | None, right: str) -> None:
    """Raises UnableToAdminister where whoever asks neither acts for this ``reseller`` (None: the house), nor is an
    administrator with the ``right``."""
    if tx.command.actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), right)
    elif reseller is not None:
        may_ship_for(tx, reseller)
    else:
        raise UnableToAdminister("right_missing", right=right)


def may_ship_for(tx: Transaction, reseller: UUID) -> None:
    """Raises UnableToAdminister where whoever asks is no active player who acts for this reseller."""
    if tx.command.actor.kind is ActorKind.PLAYER:
        player = tx.get(Members).player(player_id=UUID(tx.command.actor.id))
        own = tx.get(Cards).reseller_of_person(player=player.id)
        if own is not None and own.id == reseller and player.state is PlayerState.ACTIVE:
            return
    raise UnableToAdminister("right_missing", right="reseller")
