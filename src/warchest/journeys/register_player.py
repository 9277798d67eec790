"""A player registers: an identity, a place in the referral tree, an empty wallet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from warchest.charging.contract import Charging
from warchest.kernel.ids import new_id
from warchest.members.contract import Members
from warchest.referrals.contract import Referrals
from warchest.runtime.command import Command
from warchest.runtime.journey import Done, journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Registered:
    """``sponsor_code`` is the new player's own, to invite others with."""

    id: UUID
    nickname: str
    sponsor: UUID | None
    sponsor_code: str
    registered_at: datetime


def register_player(
    command: Command,
    *,
    nickname: str,
    email: str,
    password: str | None,
    country: str,
    language: str,
    sponsor_code: str | None = None,
    external_id: str = "",
) -> Done[Registered]:
    """Raises UnableToRegister, UnableToJoin."""
    done = _register(
        command,
        nickname=nickname,
        email=email,
        password=password,
        country=country,
        language=language,
        sponsor_code=sponsor_code,
        external_id=external_id,
    )
    # What somebody is called stands in `members` alone, and not for a month with the key's answer.
    player = services.get(Members).player(player_id=done.answer.id)
    return Done(replace(done.answer, nickname=player.nickname), done.replayed)


@journey("players.register")
def _register(
    tx: Transaction,
    *,
    nickname: str,
    email: str,
    password: str | None,
    country: str,
    language: str,
    sponsor_code: str | None,
    external_id: str,
) -> Registered:
    player = tx.get(Members).register_player(
        player_id=new_id(),
        nickname=nickname,
        email=email,
        password=password,
        country=country,
        language=language,
        external_id=external_id,
        at=tx.command.at,
    )
    node = tx.get(Referrals).join(player=player.id, sponsor_code=sponsor_code or None, at=tx.command.at)
    tx.get(Charging).open_wallet(player=player.id, at=tx.command.at)
    tx.about("player", player.id, country=player.country, sponsor=str(node.sponsor or ""))
    tx.announce("players.registered", key=str(player.id), player=player.id, country=player.country)
    return Registered(
        id=player.id,
        nickname="",
        sponsor=node.sponsor,
        sponsor_code=node.sponsor_code,
        registered_at=player.registered_at,
    )
