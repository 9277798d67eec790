"""What callers ask for. Each takes a key and plain arguments, so that it can be asked again from its note alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from tests.builders.house import ARENA_MONTH
from warchest.journeys.activate_card import activate_card
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.register_player import register_player
from warchest.journeys.transfer_units import transfer_units
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.runtime import wire
from warchest.runtime.command import Actor, ActorKind, Channel, Command, now


def ask(key: str, work: str, arguments: dict[str, Any]) -> tuple[str, bool]:
    """Do it, or hear what was answered before: the outcome, and whether it was said before.

    Raises TryAgain and whatever a killed database raises: then nobody was answered.
    """
    command = Command(actor=Actor(ActorKind.API_CLIENT, "simulation"), key=key, at=now(), channel=Channel.API)
    try:
        done = _WORK[work](command, **arguments)
    except UnableTo as refusal:
        return f"refused {refusal.reason}", refusal.replayed
    return f"done {hashlib.sha256(wire.encode(done.answer)).hexdigest()[:16]}", done.replayed


def _buy(command: Command, *, player: str) -> Any:
    return prolong_subscription(command, player=UUID(player), plan=ARENA_MONTH, periods=1)


def _activate(command: Command, *, player: str, code: str) -> Any:
    return activate_card(command, player=UUID(player), code=code)


def _transfer(command: Command, *, sender: str, recipient: str, units: int) -> Any:
    return transfer_units(command, sender=UUID(sender), recipient=UUID(recipient), amount=Money.units(units))


def _register(command: Command, *, nickname: str, sponsor_code: str) -> Any:
    return register_player(
        command,
        nickname=nickname,
        email=f"{nickname}@example.org",
        password=None,
        country="DE",
        language="en",
        sponsor_code=sponsor_code,
    )


_WORK: dict[str, Callable[..., Any]] = {
    "buy": _buy,
    "activate": _activate,
    "transfer": _transfer,
    "register": _register,
}
