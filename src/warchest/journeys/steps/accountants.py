"""Who may: an administrator with the right, the operator of the machines, or a job of the house's own."""

from __future__ import annotations

from uuid import UUID

from warchest.members.contract import Members, UnableToAdminister, require
from warchest.runtime.command import ActorKind
from warchest.runtime.transactions import Transaction


def check_right(tx: Transaction, right: str) -> str:
    """Answers who it is, as rows that keep it call them. Raises UnableToAdminister (``right_missing``)."""
    actor = tx.command.actor
    if actor.kind is ActorKind.ADMINISTRATOR:
        require(tx.get(Members).administrator(administrator_id=UUID(actor.id)), right)
        return actor.id
    if actor.kind not in (ActorKind.OPERATOR, ActorKind.JOB):
        raise UnableToAdminister("right_missing", right=right)
    return str(actor)[:40]
