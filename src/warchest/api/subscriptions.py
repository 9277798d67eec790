"""Subscriptions: bought from the wallet, and listed."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.pages import LIMIT, Cursor, Limit, Page, page_of
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Asked, Id, Moment, Text, identity
from warchest.catalogue.contract import UnableToOffer
from warchest.journeys.prolong_subscription import PERIODS_MAX
from warchest.journeys.prolong_topping_up import prolong_topping_up
from warchest.members.contract import Scope
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions, SubscriptionState

router = Router(tags=["subscriptions"])


class NewSubscription(Asked):
    """``begin_at_once``: the player asked for that though they may withdraw, by the words ``consent``; they then pay for what is
    served until they withdraw, or give the right up where the house's rule for their country says so."""

    plan: Id
    periods: int = Field(ge=1, le=PERIODS_MAX)
    pay_with: Literal["wallet"]
    begin_at_once: bool = False
    consent: Text = Field(default="", max_length=600)


class Purchase(BaseModel):
    """``id`` is the subscription's, ``journal_entry`` this purchase's; the time is what was bought now."""

    id: str
    online_service: str
    plan: str
    starts_at: Moment
    ends_at: Moment
    charged: Amount
    journal_entry: str


class SubscriptionShape(BaseModel):
    """``starts_at`` until ``ends_at`` is the latest stretch of time without a gap."""

    id: str
    online_service: str
    plan: str
    starts_at: Moment
    ends_at: Moment
    state: SubscriptionState
    running: bool


@router.post(
    "/players/{player_id}/subscriptions",
    auth=needs(Scope.SUBSCRIPTIONS_WRITE),
    response={201: Purchase},
    openapi_extra=KEYED,
)
def buy_subscription(request: HttpRequest, player_id: Id, body: NewSubscription) -> Purchase:
    """Buy periods of a plan from the wallet, which is topped up first where the player has ordered that. Time adds to what is
    left of the online service's subscription."""
    bought = answer_of(
        request,
        prolong_topping_up(
            command_of(request),
            player=player_identity(player_id),
            plan=identity(body.plan, unknown=UnableToOffer("plan_unknown")),
            periods=body.periods,
            begin_at_once=body.begin_at_once,
            wording=body.consent,
        ),
    )
    return Purchase(
        id=str(bought.id),
        online_service=str(bought.online_service),
        plan=str(bought.plan),
        starts_at=bought.starts_at,
        ends_at=bought.ends_at,
        charged=Amount.of(bought.charged),
        journal_entry=str(bought.journal_entry),
    )


@router.get(
    "/players/{player_id}/subscriptions",
    auth=needs(Scope.SUBSCRIPTIONS_READ),
    response=Page[SubscriptionShape],
)
def list_subscriptions(
    request: HttpRequest, player_id: Id, cursor: Cursor = "", limit: Limit = LIMIT
) -> Page[SubscriptionShape]:
    """The latest to end first; one for each online service."""
    moment = now()
    rows = services.get(Subscriptions).subscriptions(player=found_player(player_id).id)
    page, next_cursor = page_of(rows, cursor=cursor, limit=limit, cursor_of=lambda row: row.id)
    return Page(
        items=[
            SubscriptionShape(
                id=str(row.id),
                online_service=str(row.online_service),
                plan=str(row.plan),
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                state=row.state,
                running=row.is_running(moment),
            )
            for row in page
        ],
        next_cursor=next_cursor,
    )
