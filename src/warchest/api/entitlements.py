"""Entitlements: what a game server asks at each sign-in, keeps, and follows."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.pages import LIMIT, Limit
from warchest.api.shapes import Id, Moment, identity_or_none
from warchest.members.contract import Scope
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import GrantSource, Subscriptions

router = Router(tags=["entitlements"])


class EntitlementShape(BaseModel):
    """``token`` is a JSON Web Token (EdDSA) that proves the right offline; keys stand at /.well-known/jwks.json.

    Where there is no right, ``until`` and ``token`` are null.
    """

    entitled: bool
    until: Moment | None
    token: str | None


class Change(BaseModel):
    """From now on ``player`` may use ``online_service`` until ``until``. That a right runs out in time is no change."""

    cursor: str
    player: str
    online_service: str
    starts_at: Moment
    until: Moment
    source: GrantSource
    occurred_at: Moment


class Changes(BaseModel):
    """``next_cursor`` goes on behind the last item; where there is none, the same place is asked again later."""

    items: list[Change] = Field(description="Oldest first")
    next_cursor: str | None


@router.get(
    "/entitlements/{player_id}/{online_service_id}",
    auth=needs(Scope.ENTITLEMENTS_READ),
    response=EntitlementShape,
)
def show_entitlement(request: HttpRequest, player_id: Id, online_service_id: Id) -> EntitlementShape:
    """The right at this moment. A player or an online service that does not exist gives no right."""
    player, online_service = identity_or_none(player_id), identity_or_none(online_service_id)
    if player is None or online_service is None:
        return EntitlementShape(entitled=False, until=None, token=None)
    signed = services.get(Subscriptions).entitlement_token(
        player=player, online_service=online_service, at=now()
    )
    right = signed.entitlement
    return EntitlementShape(entitled=right.entitled, until=right.until, token=signed.token or None)


class PassShape(BaseModel):
    """The right to take part in a tournament, one for each player."""

    id: str
    tournament: str
    online_service: str
    starts_at: Moment
    ends_at: Moment
    source: GrantSource


class PassesShape(BaseModel):
    items: list[PassShape] = Field(description="The latest tournament first")


@router.get("/passes/{player_id}", auth=needs(Scope.ENTITLEMENTS_READ), response=PassesShape)
def list_passes(request: HttpRequest, player_id: Id) -> PassesShape:
    """A player's passes for tournaments, also for those that are over. A player who does not exist has none."""
    player = identity_or_none(player_id)
    held = services.get(Subscriptions).passes(player=player) if player else ()
    return PassesShape(
        items=[
            PassShape(
                id=str(one.id),
                tournament=str(one.tournament),
                online_service=str(one.online_service),
                starts_at=one.starts_at,
                ends_at=one.ends_at,
                source=one.source,
            )
            for one in held
        ]
    )


@router.get("/entitlement-changes", auth=needs(Scope.ENTITLEMENTS_READ), response=Changes)
def list_changes(
    request: HttpRequest,
    after: Annotated[str, Query(max_length=80, description="The cursor of the last change known")] = "",
    limit: Limit = LIMIT,
) -> Changes:
    """Changes behind a cursor, in order, none ever skipped."""
    changes = services.get(Subscriptions).entitlement_changes(after=after, limit=limit)
    return Changes(
        items=[
            Change(
                cursor=change.cursor,
                player=str(change.player),
                online_service=str(change.online_service),
                starts_at=change.starts_at,
                until=change.until,
                source=change.source,
                occurred_at=change.occurred_at,
            )
            for change in changes
        ],
        next_cursor=changes[-1].cursor if changes else after or None,
    )
