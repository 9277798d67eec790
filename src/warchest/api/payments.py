"""Payments: a wallet is topped up through a provider's own page."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.idempotency import KEYED, answer_of, command_of
from warchest.api.players import player_identity
from warchest.api.shapes import Amount, Asked, AskedAmount, Id, Moment, Text, identity
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.members.contract import Scope
from warchest.payments.contract import (
    Payment,
    Payments,
    PurposeState,
    Refund,
    RefundState,
    Status,
    UnableToFindPayment,
    UnableToUseMethod,
)
from warchest.runtime.services import services

router = Router(tags=["payments"])


class NewTopUp(Asked):
    """``return_url`` is where the player's browser comes back to; left out, it is the community's own page.

    ``provider`` left out: the house's routes choose one, and the next takes its place when it proves never to have opened
    anything. ``method`` is a way to pay, as providers name it. ``player_address`` is the player's own address (IPv4 or IPv6),
    for the house's fraud rules.

    ``payment_method`` is one of the player's saved ones, which is charged at once: the answer leads to a page only where the
    player's bank wants to see them. ``save_consent`` names the wording by which the player wants saved what they pay with now.
    """

    amount: AskedAmount
    provider: Text = Field(default="", max_length=60)
    method: Text = Field(default="", max_length=40)
    player_address: Text = Field(default="", max_length=45)
    return_url: Text = Field(default="", max_length=2000)
    payment_method: Id | None = None
    save_consent: Text = Field(default="", max_length=20)


class PurchaseState(BaseModel):
    """What a payment is for: ``waiting`` for its money, ``done``, or ``refused`` with a code, and then the money is in the
    wallet."""

    kind: str
    state: PurposeState
    reason: str | None


class PaymentShape(BaseModel):
    """``credits`` are the units that ``amount`` brings; ``redirect_url`` is where the player pays.

    ``instructions`` are there where the provider has no page: of a bank transfer ``iban``, ``bic``, ``beneficiary`` and
    ``payment_reference``, which the player has to write.

    ``reason`` says why it failed or is under review. ``journal_entry`` is there once it was credited.

    ``payment_method`` is the saved one that it charges; ``purchase`` is what it is for, where that is more than credits.
    """

    id: str
    player: str
    status: Status
    amount: Amount
    credits: Amount
    provider: str
    provider_reference: str | None
    redirect_url: str | None
    instructions: dict[str, str] | None
    reason: str | None
    opened_at: Moment
    changed_at: Moment
    credited_at: Moment | None
    journal_entry: str | None
    refunded: Amount
    payment_method: str | None
    purchase: PurchaseState | None

    @classmethod
    def of(cls, payment: Payment) -> PaymentShape:
        used = services.get(Payments).method_used(payment_id=payment.id)
        purpose = services.get(Payments).purpose(payment_id=payment.id)
        return cls(
            id=str(payment.id),
            player=str(payment.player),
            status=payment.status,
            amount=Amount.of(payment.amount),
            credits=Amount.of(payment.units),
            provider=payment.provider,
            provider_reference=payment.provider_reference or None,
            redirect_url=payment.redirect_url or None,
            instructions=_instructions(payment),
            reason=payment.reason or None,
            opened_at=payment.opened_at,
            changed_at=payment.changed_at,
            credited_at=payment.credited_at,
            journal_entry=str(payment.journal_entry) if payment.journal_entry else None,
            refunded=Amount.of(payment.refunded),
            payment_method=str(used.id) if used else None,
            purchase=PurchaseState(
                kind=purpose.wanted.kind, state=purpose.state, reason=purpose.reason or None
            )
            if purpose
            else None,
        )


class NewRefund(Asked):
    """``amount`` is part of the payment, in its currency; left out, it is all that has not gone back yet."""

    amount: AskedAmount | None = None
    reason: Text = Field(max_length=300)


class RefundShape(BaseModel):
    """``held`` are units that are set apart until the provider has decided, ``debt`` is what the player owes for units that
    were used, once it is ``confirmed``. ``refusal`` is the provider's code where it refused."""

    id: str
    payment: str
    state: RefundState
    amount: Amount
    held: Amount
    debt: Amount
    reason: str
    refusal: str | None
    asked_at: Moment
    decided_at: Moment | None
    journal_entry: str | None

    @classmethod
    def of(cls, refund: Refund) -> RefundShape:
        return cls(
            id=str(refund.id),
            payment=str(refund.payment),
            state=refund.state,
            amount=Amount.of(refund.amount),
            held=Amount.of(refund.units),
            debt=Amount.of(refund.debt),
            reason=refund.reason,
            refusal=refund.refusal or None,
            asked_at=refund.asked_at,
            decided_at=refund.decided_at,
            journal_entry=str(refund.journal_entry) if refund.journal_entry else None,
        )


def _instructions(payment: Payment) -> dict[str, str] | None:
    if payment.redirect_url or payment.status is not Status.PENDING:
        return None
    return dict(services.get(Payments).instructions(payment_id=payment.id)) or None


@router.post(
    "/players/{player_id}/top-ups",
    auth=needs(Scope.PAYMENTS_WRITE),
    response={201: PaymentShape},
    openapi_extra=KEYED,
)
def top_up(request: HttpRequest, player_id: Id, body: NewTopUp) -> PaymentShape:
    """Begin a payment. The wallet is credited when the provider confirms it, whatever becomes of the browser."""
    done = start_top_up(
        command_of(request),
        player=player_identity(player_id),
        amount=body.amount.money(),
        provider=body.provider,
        return_url=body.return_url,
        method=body.method,
        address=body.player_address,
        saved_method=identity(body.payment_method, unknown=UnableToUseMethod("method_unknown"))
        if body.payment_method
        else None,
        consent=body.save_consent,
    )
    return PaymentShape.of(answer_of(request, done))


@router.get("/payments/{payment_id}", auth=needs(Scope.PAYMENTS_READ), response=PaymentShape)
def show_payment(request: HttpRequest, payment_id: Id) -> PaymentShape:
    return PaymentShape.of(services.get(Payments).payment(payment_id=_payment(payment_id)))


@router.post(
    "/payments/{payment_id}/refunds",
    auth=needs(Scope.REFUNDS_WRITE),
    response={201: RefundShape},
    openapi_extra=KEYED,
)
def refund(request: HttpRequest, payment_id: Id, body: NewRefund) -> RefundShape:
    """Give a payment back, in whole or in part. What it brought is set apart at once, and goes when the provider confirms."""
    done = refund_payment(
        command_of(request),
        payment_id=_payment(payment_id),
        amount=body.amount.money() if body.amount else None,
        reason=body.reason,
    )
    return RefundShape.of(answer_of(request, done))


@router.get("/payments/{payment_id}/refunds", auth=needs(Scope.PAYMENTS_READ), response=list[RefundShape])
def list_refunds(request: HttpRequest, payment_id: Id) -> list[RefundShape]:
    """All refunds of a payment, oldest first."""
    payment = services.get(Payments).payment(payment_id=_payment(payment_id))
    return [RefundShape.of(found) for found in services.get(Payments).refunds(payment_id=payment.id)]


def _payment(payment_id: str) -> UUID:
    return identity(payment_id, unknown=UnableToFindPayment("payment_unknown"))
