"""Holds: a game server sets units aside, then takes all or part of them, or lets them go."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import player_identity
from warchest.api.shapes import Amount, Asked, AskedUnits, Id, Moment, Text, identity
from warchest.charging.contract import WALLET_BOOK
from warchest.journeys.hold_units import capture_hold, reserve_units, void_hold
from warchest.ledger.contract import Hold, HoldState, Ledger, UnableToHold
from warchest.members.contract import Scope
from warchest.runtime.services import services

router = Router(tags=["holds"])

EXPIRES_IN_S_MAX = 31 * 24 * 3600
"""Units are set aside for a month at most."""


class NewHold(Asked):
    """``purpose`` is free text, shown on the player's statement."""

    player: Id
    amount: AskedUnits
    purpose: Text = Field(max_length=80)
    expires_in_s: int = Field(ge=1, le=EXPIRES_IN_S_MAX)


class Capture(Asked):
    """Without an ``amount`` all of it is taken."""

    amount: AskedUnits | None = None


class HoldShape(BaseModel):
    """``journal_entry`` is there where units were taken by this call."""

    id: str
    player: str
    amount: Amount
    captured: Amount
    state: HoldState
    purpose: str
    expires_at: Moment
    journal_entry: str | None

    @classmethod
    def of(cls, hold: Hold, *, entry_id: UUID | None = None) -> HoldShape:
        return cls(
            id=str(hold.id),
            player=hold.account.owner,
            amount=Amount.of(hold.amount),
            captured=Amount.of(hold.captured),
            state=hold.state,
            purpose=hold.reason,
            expires_at=hold.expires_at,
            journal_entry=str(entry_id) if entry_id else None,
        )


@router.post("/holds", auth=needs(Scope.WALLET_WRITE), response={201: HoldShape}, openapi_extra=KEYED)
def reserve(request: HttpRequest, body: NewHold) -> HoldShape:
    """Set units aside. What is neither captured nor voided goes free by itself when it expires."""
    done = reserve_units(
        command_of(request),
        player=player_identity(body.player),
        amount=body.amount.money(),
        purpose=body.purpose,
        expires_in_s=body.expires_in_s,
    )
    return HoldShape.of(answer_of(request, done))


@router.get("/holds/{hold_id}", auth=needs(Scope.WALLET_READ), response=HoldShape)
def show_hold(request: HttpRequest, hold_id: Id) -> HoldShape:
    hold = services.get(Ledger).find_hold(hold_id=_identity(hold_id))
    if hold.account.book != WALLET_BOOK:
        raise UnableToHold("hold_unknown")
    return HoldShape.of(hold)


@router.post(
    "/holds/{hold_id}/capture", auth=needs(Scope.WALLET_WRITE), response=HoldShape, openapi_extra=KEYED
)
def capture(request: HttpRequest, hold_id: Id, body: Capture | None = None) -> HoldShape:
    """Take all or part of what is held; the rest goes free."""
    amount = body.amount.money() if body and body.amount else None
    done = capture_hold(command_of(request), hold_id=_identity(hold_id), amount=amount)
    captured = answer_of(request, done)
    return HoldShape.of(captured.hold, entry_id=captured.entry_id)


@router.post("/holds/{hold_id}/void", auth=needs(Scope.WALLET_WRITE), response=HoldShape, openapi_extra=KEYED)
def void(request: HttpRequest, hold_id: Id) -> HoldShape:
    """Let all of it go."""
    done = void_hold(command_of(request), hold_id=_identity(hold_id))
    return HoldShape.of(answer_of(request, done))


def _identity(text: str) -> UUID:
    return identity(text, unknown=UnableToHold("hold_unknown"))
