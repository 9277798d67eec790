"""PAY-07: a player lets a saved method go: never charged again from this moment, and its provider told until it says yes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from warchest.payments.contract import MethodState, Payments, SavedMethod
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

WARNED_BEFORE = timedelta(days=30)
"""So long before its last month ends a player is told that a method ends."""


def forget_method(command: Command, *, player: UUID, method_id: UUID) -> Done[SavedMethod]:
    """Where the provider does not answer now, a job tells it later. Raises UnableToUseMethod."""
    let_go = _let_go(command, player=player, method_id=method_id)
    if let_go.answer.state is not MethodState.FORGETTING:
        return let_go
    told = services.get(Payments).tell_forgotten(method_id=method_id, at=command.at)
    return Done(told, replayed=let_go.replayed)


@journey("payments.forget_method")
def _let_go(tx: Transaction, *, player: UUID, method_id: UUID) -> SavedMethod:
    method = tx.get(Payments).forget_method(method_id=method_id, player=player, at=tx.command.at)
    tx.about("saved_method", method.id, player=str(player), provider=method.provider, state=method.state)
    tx.announce(
        "payments.method_forgotten",
        key=str(player),
        player=player,
        method=method.id,
        provider=method.provider,
    )
    return method


@journey("payments.warn_of_method")
def warn_of_method(tx: Transaction, *, method_id: UUID) -> bool:
    """Tell a player, once, that a saved method ends."""
    payments = tx.get(Payments)
    if not payments.note_warned(method_id=method_id, at=tx.command.at):
        return False
    method = payments.saved_method(method_id=method_id)
    tx.about("saved_method", method.id, player=str(method.player), expires=method.expires)
    tx.announce(
        "payments.method_ends",
        key=str(method.player),
        player=method.player,
        method=method.id,
        label=method.label,
        expires=method.expires,
    )
    return True
