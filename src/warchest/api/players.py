"""Players: registered and looked up by a community's portal or game server."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.shapes import Asked, Id, Moment, Text, identity
from warchest.journeys.register_player import register_player
from warchest.members.contract import Members, Player, PlayerState, Scope, UnableToFindPlayer
from warchest.referrals.contract import Referrals
from warchest.runtime.services import services

router = Router(tags=["players"])


class NewPlayer(Asked):
    nickname: Text = Field(max_length=100, examples=["Ada"])
    email: Text = Field(max_length=320, json_schema_extra={"format": "email"})
    country: Text = Field(max_length=8, examples=["DE"], description="ISO 3166-1 alpha-2")
    language: Text = Field(max_length=20, examples=["en"])
    sponsor_code: Text | None = Field(default=None, max_length=40)
    external_id: Text | None = Field(default=None, max_length=80)


class PlayerShape(BaseModel):
    """``sponsor_code`` is the player's own, to invite others with; ``sponsor`` the id of who invited them."""

    id: str
    nickname: str
    sponsor: str | None
    sponsor_code: str
    state: PlayerState
    country: str
    language: str
    external_id: str | None
    registered_at: Moment


@router.post("/players", auth=needs(Scope.PLAYERS_WRITE), response={201: PlayerShape}, openapi_extra=KEYED)
def register(request: HttpRequest, body: NewPlayer) -> PlayerShape:
    """Register a player, who may act at once, before confirming the address."""
    registered = answer_of(
        request,
        register_player(
            command_of(request),
            nickname=body.nickname,
            email=body.email,
            password=None,
            country=body.country,
            language=body.language,
            sponsor_code=body.sponsor_code,
            external_id=body.external_id or "",
        ),
    )
    return PlayerShape(
        id=str(registered.id),
        nickname=registered.nickname,
        sponsor=str(registered.sponsor) if registered.sponsor else None,
        sponsor_code=registered.sponsor_code,
        state=PlayerState.ACTIVE,
        country=body.country,
        language=body.language,
        external_id=body.external_id or None,
        registered_at=registered.registered_at,
    )


@router.get("/players/{player_id}", auth=needs(Scope.PLAYERS_READ), response=PlayerShape)
def show_player(request: HttpRequest, player_id: Id) -> PlayerShape:
    player = found_player(player_id)
    node = services.get(Referrals).node(player=player.id)
    return PlayerShape(
        id=str(player.id),
        nickname=player.nickname,
        sponsor=str(node.sponsor) if node and node.sponsor else None,
        sponsor_code=node.sponsor_code if node else "",
        state=player.state,
        country=player.country,
        language=player.language,
        external_id=player.external_id or None,
        registered_at=player.registered_at,
    )


def player_identity(text: str) -> UUID:
    """Raises UnableToFindPlayer."""
    return identity(text, unknown=UnableToFindPlayer("player_unknown"))


def found_player(text: str) -> Player:
    """Raises UnableToFindPlayer."""
    return services.get(Members).player(player_id=player_identity(text))
