"""Payments that are given up, or tried again."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.payments import PaymentShape
from warchest.api.shapes import Asked, Id, Text, identity
from warchest.journeys.cancel_payment import cancel_payment
from warchest.journeys.try_payment_again import try_payment_again
from warchest.members.contract import Scope
from warchest.payments.contract import UnableToFindPayment

router = Router(tags=["payments"])


class FurtherAttempt(Asked):
    """``provider`` left out: the first of the house's routes. ``method`` is a way to pay, as providers name it."""

    provider: Text = Field(default="", max_length=60)
    method: Text = Field(default="", max_length=40)


@router.post(
    "/payments/{payment_id}/cancel",
    auth=needs(Scope.PAYMENTS_WRITE),
    response={200: PaymentShape},
    openapi_extra=KEYED,
)
def cancel_open_payment(request: HttpRequest, payment_id: Id) -> PaymentShape:
    """Give a payment up that is not made yet. What was paid in that moment is credited, and the answer says so."""
    done = cancel_payment(command_of(request), payment_id=_identity(payment_id))
    return PaymentShape.of(answer_of(request, done))


@router.post(
    "/payments/{payment_id}/attempts",
    auth=needs(Scope.PAYMENTS_WRITE),
    response={201: PaymentShape},
    openapi_extra=KEYED,
)
def try_again(request: HttpRequest, payment_id: Id, body: FurtherAttempt) -> PaymentShape:
    """Open a failed payment once more, for the same amount and credits, within a day."""
    done = try_payment_again(
        command_of(request),
        payment_id=_identity(payment_id),
        provider=body.provider,
        method=body.method,
    )
    return PaymentShape.of(answer_of(request, done))


def _identity(payment_id: str) -> UUID:
    return identity(payment_id, unknown=UnableToFindPayment("payment_unknown"))
