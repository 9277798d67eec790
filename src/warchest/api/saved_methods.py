"""Saved methods, and top-ups that a player has ordered in advance."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Asked, AskedAmount, AskedUnits, Id, Moment, Text, identity
from warchest.journeys.forget_method import forget_method
from warchest.journeys.order_auto_top_up import end_auto_top_up, month_of, order_auto_top_up
from warchest.members.contract import Player, Scope
from warchest.payments.contract import (
    AutoRun,
    AutoTopUp,
    MethodState,
    Occasion,
    Payments,
    SavedMethod,
    Status,
    UnableToOrderAutoTopUp,
    UnableToUseMethod,
)
from warchest.runtime.command import now
from warchest.runtime.services import services

router = Router(tags=["payment methods"])


class MethodShape(BaseModel):
    """``expires`` is the last month ("2028-12"). ``consent`` names the wording that the player agreed to, ``agreed_at`` when.

    ``forgetting``: it is never charged again, and its provider has not confirmed yet that it let go.
    """

    id: str
    provider: str
    method: str
    label: str
    last_four: str | None
    expires: str | None
    expired: bool
    state: MethodState
    consent: str
    agreed_at: Moment

    @classmethod
    def of(cls, method: SavedMethod) -> MethodShape:
        return cls(
            id=str(method.id),
            provider=method.provider,
            method=method.method,
            label=method.label,
            last_four=method.last_four or None,
            expires=method.expires or None,
            expired=method.is_over(now().date()),
            state=method.state,
            consent=method.wording,
            agreed_at=method.agreed_at,
        )


class NewAutoTopUp(Asked):
    """Below ``below`` credits add ``amount``, at most ``monthly_cap`` in a month, by a saved method.

    ``consent`` names the wording by which the player agreed to be charged without being there.
    """

    below: AskedUnits
    amount: AskedAmount
    monthly_cap: AskedAmount
    payment_method: Id
    consent: Text = Field(min_length=1, max_length=20)


class AutoTopUpShape(BaseModel):
    """``pause_reason``: after several declines in a row, or when the method is gone, it begins nothing until it is ordered anew.

    ``used`` is what it has taken of this month's cap, or may have: all but what failed for certain. ``problem`` is the code of
    what went wrong last.
    """

    enabled: bool
    below: Amount
    amount: Amount
    monthly_cap: Amount
    used: Amount
    payment_method: str
    consent: str
    agreed_at: Moment
    declines: int
    paused_at: Moment | None
    pause_reason: str | None
    not_before: Moment | None
    problem: str | None

    @classmethod
    def of(cls, order: AutoTopUp, player: Player) -> AutoTopUpShape:
        used = services.get(Payments).month_used(
            player=player.id, month=month_of(player, at=now()), currency=order.amount.currency.code
        )
        return cls(
            enabled=order.enabled,
            below=Amount.of(order.below),
            amount=Amount.of(order.amount),
            monthly_cap=Amount.of(order.cap),
            used=Amount.of(used),
            payment_method=str(order.method),
            consent=order.wording,
            agreed_at=order.agreed_at,
            declines=order.declines,
            paused_at=order.paused_at,
            pause_reason=order.pause_reason or None,
            not_before=order.not_before,
            problem=order.problem or None,
        )


class AutoRunShape(BaseModel):
    """One time that it topped up, or tried to. ``month`` is the month of the player's calendar in whose cap it counts."""

    payment: str
    status: Status
    reason: str | None
    amount: Amount
    month: date
    occasion: Occasion
    begun_at: Moment

    @classmethod
    def of(cls, run: AutoRun) -> AutoRunShape:
        return cls(
            payment=str(run.payment),
            status=run.status,
            reason=run.reason or None,
            amount=Amount.of(run.amount),
            month=run.month,
            occasion=run.occasion,
            begun_at=run.begun_at,
        )


@router.get(
    "/players/{player_id}/payment-methods", auth=needs(Scope.PAYMENTS_READ), response=list[MethodShape]
)
def list_payment_methods(request: HttpRequest, player_id: Id) -> list[MethodShape]:
    """What a player has saved at providers, the newest first."""
    player = found_player(player_id)
    return [MethodShape.of(one) for one in services.get(Payments).saved_methods(player=player.id)]


@router.delete(
    "/players/{player_id}/payment-methods/{method_id}",
    auth=needs(Scope.PAYMENTS_WRITE),
    response=MethodShape,
    openapi_extra=KEYED,
)
def forget_payment_method(request: HttpRequest, player_id: Id, method_id: Id) -> MethodShape:
    """Let a saved method go: it is never charged again, and its provider is told until it confirms."""
    done = forget_method(
        command_of(request), player=player_identity(player_id), method_id=method_identity(method_id)
    )
    return MethodShape.of(answer_of(request, done))


@router.get("/players/{player_id}/auto-top-up", auth=needs(Scope.PAYMENTS_READ), response=AutoTopUpShape)
def show_auto_top_up(request: HttpRequest, player_id: Id) -> AutoTopUpShape:
    player = found_player(player_id)
    order = services.get(Payments).auto_top_up(player=player.id)
    if order is None:
        raise UnableToOrderAutoTopUp("auto_top_up_unknown")
    return AutoTopUpShape.of(order, player)


@router.put(
    "/players/{player_id}/auto-top-up",
    auth=needs(Scope.PAYMENTS_WRITE),
    response=AutoTopUpShape,
    openapi_extra=KEYED,
)
def set_auto_top_up(request: HttpRequest, player_id: Id, body: NewAutoTopUp) -> AutoTopUpShape:
    """Order top-ups in advance, or change the order; a pause ends."""
    done = order_auto_top_up(
        command_of(request),
        player=player_identity(player_id),
        below=body.below.money(),
        amount=body.amount.money(),
        cap=body.monthly_cap.money(),
        method_id=method_identity(body.payment_method),
        wording=body.consent,
    )
    return AutoTopUpShape.of(answer_of(request, done), found_player(player_id))


@router.delete(
    "/players/{player_id}/auto-top-up",
    auth=needs(Scope.PAYMENTS_WRITE),
    response=AutoTopUpShape,
    openapi_extra=KEYED,
)
def switch_auto_top_up_off(request: HttpRequest, player_id: Id) -> AutoTopUpShape:
    """Begin no further ones. What is under way goes on."""
    done = end_auto_top_up(command_of(request), player=player_identity(player_id))
    return AutoTopUpShape.of(answer_of(request, done), found_player(player_id))


@router.get(
    "/players/{player_id}/auto-top-up/runs", auth=needs(Scope.PAYMENTS_READ), response=list[AutoRunShape]
)
def list_auto_top_ups(request: HttpRequest, player_id: Id) -> list[AutoRunShape]:
    """What it did, the newest first; the last hundred."""
    player = found_player(player_id)
    return [AutoRunShape.of(run) for run in services.get(Payments).auto_runs(player=player.id, limit=100)]


def method_identity(text: str) -> UUID:
    return identity(text, unknown=UnableToUseMethod("method_unknown"))
