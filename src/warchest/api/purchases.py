"""Direct purchases: one payment that buys when its money comes."""

from __future__ import annotations

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.payments import PaymentShape
from warchest.api.players import found_player, player_identity
from warchest.api.saved_methods import method_identity
from warchest.api.shapes import Amount, Asked, AskedAmount, AskedUnits, Id, Moment, Text, identity
from warchest.catalogue.contract import UnableToOffer
from warchest.journeys.buy_directly import buy_directly, direct_offer
from warchest.journeys.prolong_subscription import PERIODS_MAX
from warchest.members.contract import Scope
from warchest.runtime.command import now

router = Router(tags=["payments"])


class DirectOfferShape(BaseModel):
    """``amount`` is what is paid, ``charge`` the credits that the purchase takes of ``credits``; ``left`` stays in the wallet."""

    plan: str
    periods: int
    amount: Amount
    credits: Amount
    charge: Amount
    left: Amount
    starts_at: Moment
    ends_at: Moment


class NewPurchase(Asked):
    """``amount`` and ``charge`` are those of the offer, as the player saw them: where the price is another when the money comes,
    nothing is bought, and the money stays in the wallet.

    ``payment_method`` is one of the player's saved ones, which is charged at once. ``save_consent`` names the wording by which
    the player wants saved what they pay with now. ``begin_at_once`` and ``consent`` are as for a purchase from the wallet.
    """

    plan: Id
    periods: int = Field(ge=1, le=PERIODS_MAX)
    amount: AskedAmount
    charge: AskedUnits
    provider: Text = Field(default="", max_length=60)
    method: Text = Field(default="", max_length=40)
    payment_method: Id | None = None
    save_consent: Text = Field(default="", max_length=20)
    player_address: Text = Field(default="", max_length=45)
    return_url: Text = Field(default="", max_length=2000)
    begin_at_once: bool = False
    consent: Text = Field(default="", max_length=600)


@router.get(
    "/players/{player_id}/purchases/offer", auth=needs(Scope.PAYMENTS_READ), response=DirectOfferShape
)
def offer_purchase(
    request: HttpRequest, player_id: Id, plan: Id, currency: str, periods: int = 1, provider: str = ""
) -> DirectOfferShape:
    """What paying directly for periods of a plan costs in a currency now."""
    offer = direct_offer(
        player=found_player(player_id).id,
        plan=identity(plan, unknown=UnableToOffer("plan_unknown")),
        periods=periods,
        code=currency[:8],
        provider=provider[:60],
        at=now(),
    )
    return DirectOfferShape(
        plan=str(offer.preview.offer.plan.id),
        periods=periods,
        amount=Amount.of(offer.amount),
        credits=Amount.of(offer.units),
        charge=Amount.of(offer.preview.charge),
        left=Amount.of(offer.left),
        starts_at=offer.preview.starts_at,
        ends_at=offer.preview.ends_at,
    )


@router.post(
    "/players/{player_id}/purchases",
    auth=needs(Scope.PAYMENTS_WRITE),
    response={201: PaymentShape},
    openapi_extra=KEYED,
)
def purchase(request: HttpRequest, player_id: Id, body: NewPurchase) -> PaymentShape:
    """Begin to pay for a subscription. The credit of the payment buys it, in the same transaction."""
    done = buy_directly(
        command_of(request),
        player=player_identity(player_id),
        plan=identity(body.plan, unknown=UnableToOffer("plan_unknown")),
        periods=body.periods,
        amount=body.amount.money(),
        charge=body.charge.money(),
        provider=body.provider,
        method=body.method,
        saved_method=method_identity(body.payment_method) if body.payment_method else None,
        consent=body.save_consent,
        return_url=body.return_url,
        address=body.player_address,
        begin_at_once=body.begin_at_once,
        wording=body.consent,
    )
    return PaymentShape.of(answer_of(request, done))
