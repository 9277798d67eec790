"""Referrals: whom a player invited, and what that earned."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel

from warchest.api.authentication import needs
from warchest.api.pages import LIMIT, Cursor, Limit, Page
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Id, Moment
from warchest.members.contract import Members, Scope
from warchest.referrals.contract import LEVELS_MAX, CommissionState, Referrals
from warchest.runtime.services import services
from warchest.views.commissions import explanation_of

router = Router(tags=["referrals"])

Depth = Annotated[int, Query(ge=1, le=LEVELS_MAX, description="How many levels below the player")]


class DownlineMember(BaseModel):
    """``level`` 1 was invited by the player asked about; ``invited`` counts those whom they invited themselves."""

    player: str
    nickname: str
    sponsor: str
    level: int
    joined_at: Moment
    invited: int


class CommissionShape(BaseModel):
    """``sale`` is what was bought, ``journal_entry`` this purchase's, ``base`` what was paid for it without tax, ``taken_back``
    the part of ``amount`` that went when the buyer got money back."""

    id: str
    sale: str
    journal_entry: str
    buyer: str
    level: int
    amount: Amount
    taken_back: Amount
    base: Amount
    rate_bps: int
    explanation: str
    state: CommissionState
    earned_at: Moment


@router.get("/players/{player_id}/downline", auth=needs(Scope.REFERRALS_READ), response=Page[DownlineMember])
def show_downline(
    request: HttpRequest, player_id: Id, depth: Depth = 1, cursor: Cursor = "", limit: Limit = LIMIT
) -> Page[DownlineMember]:
    """Level by level, newest first within each."""
    page = services.get(Referrals).downline(
        player=player_identity(player_id), depth=depth, cursor=cursor, limit=limit
    )
    known = services.get(Members).players(player_ids=[member.player for member in page.members])
    return Page(
        items=[
            DownlineMember(
                player=str(member.player),
                nickname=known[member.player].nickname if member.player in known else "",
                sponsor=str(member.sponsor),
                level=member.level,
                joined_at=member.joined_at,
                invited=member.invited,
            )
            for member in page.members
        ],
        next_cursor=page.next_cursor or None,
    )


@router.get(
    "/players/{player_id}/commissions", auth=needs(Scope.REFERRALS_READ), response=Page[CommissionShape]
)
def list_commissions(
    request: HttpRequest, player_id: Id, cursor: Cursor = "", limit: Limit = LIMIT
) -> Page[CommissionShape]:
    """What a sponsor earned; explanations are in the language asked for by Accept-Language."""
    page = services.get(Referrals).commissions(player=found_player(player_id).id, cursor=cursor, limit=limit)
    return Page(
        items=[
            CommissionShape(
                id=str(commission.id),
                sale=str(commission.sale),
                journal_entry=str(commission.entry_id),
                buyer=str(commission.buyer),
                level=commission.level,
                amount=Amount.of(commission.amount),
                taken_back=Amount.of(commission.taken_back),
                base=Amount.of(commission.base),
                rate_bps=commission.rate_bps,
                explanation=explanation_of(commission),
                state=commission.state,
                earned_at=commission.earned_at,
            )
            for commission in page.items
        ],
        next_cursor=page.next_cursor or None,
    )
