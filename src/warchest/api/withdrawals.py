"""Withdrawals: what a player may withdraw from, and the word by which they do."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import found_player, player_identity
from warchest.api.shapes import Amount, Asked, Id, Moment, identity
from warchest.journeys.withdraw_purchase import withdraw_purchase
from warchest.journeys.withdraw_top_up import withdraw_top_up
from warchest.members.contract import Scope
from warchest.payments.contract import RefundState, UnableToWithdraw
from warchest.runtime.command import now
from warchest.views.withdrawals import Of, Withdrawable, withdrawables

router = Router(tags=["withdrawals"])


class WithdrawableShape(BaseModel):
    """``id`` is that of the payment, or of the time that was bought; ``subscription`` is there for the latter.

    ``returns`` would come back now: money of a top-up, credits of a purchase. ``obstacle`` is the code with which withdrawing
    would be refused. ``until`` is the moment at which the right ends.
    """

    of: Of
    id: str
    subscription: str | None
    at: Moment
    until: Moment
    returns: Amount
    obstacle: str | None

    @classmethod
    def of_row(cls, row: Withdrawable) -> WithdrawableShape:
        return cls(
            of=row.of,
            id=str(row.id),
            subscription=str(row.subscription) if row.subscription else None,
            at=row.at,
            until=row.until,
            returns=Amount.of(row.returns),
            obstacle=row.obstacle or None,
        )


class NewWithdrawal(Asked):
    of: Literal["top_up", "purchase"]
    id: Id


class WithdrawalShape(BaseModel):
    """``returned`` is what goes back. Of a top-up it is under way as the ``refund`` is; of a purchase it is in the wallet."""

    of: Of
    id: str
    returned: Amount
    refund: str | None
    refund_state: RefundState | None
    journal_entry: str | None


@router.get(
    "/players/{player_id}/withdrawals",
    auth=needs(Scope.PAYMENTS_READ),
    response=list[WithdrawableShape],
)
def list_withdrawables(request: HttpRequest, player_id: Id) -> list[WithdrawableShape]:
    """What the player may withdraw from within the legal period of their country, newest first."""
    rows = withdrawables(player=found_player(player_id), at=now())
    return [WithdrawableShape.of_row(row) for row in rows]


@router.post(
    "/players/{player_id}/withdrawals",
    auth=needs(Scope.REFUNDS_WRITE),
    response={201: WithdrawalShape},
    openapi_extra=KEYED,
)
def withdraw(request: HttpRequest, player_id: Id, body: NewWithdrawal) -> WithdrawalShape:
    """The player withdraws. What was used, or given up by consent, stays."""
    player = player_identity(player_id)
    what = identity(body.id, unknown=UnableToWithdraw("withdrawal_unknown"))
    if body.of == Of.TOP_UP:
        refund = answer_of(request, withdraw_top_up(command_of(request), player=player, payment=what))
        return WithdrawalShape(
            of=Of.TOP_UP,
            id=str(what),
            returned=Amount.of(refund.amount),
            refund=str(refund.id),
            refund_state=refund.state,
            journal_entry=str(refund.journal_entry) if refund.journal_entry else None,
        )
    done = answer_of(request, withdraw_purchase(command_of(request), player=player, grant=what))
    return WithdrawalShape(
        of=Of.PURCHASE,
        id=str(what),
        returned=Amount.of(done.returned),
        refund=None,
        refund_state=None,
        journal_entry=str(done.journal_entry),
    )
