"""Giving money back: refunds, and what is said where a payer has disputed."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from warchest.sdk.payments import Evidence, PaymentRequest, RefundRequest, Report, Standing
from warchest_stripe import disputes
from warchest_stripe.answers import REFERENCE, REFUND_REFERENCE, Refund, RefundPage, of_refund
from warchest_stripe.asking import Stripe, Unclear
from warchest_stripe.charging import written
from warchest_stripe.disputes import Dispute
from warchest_stripe.references import PAGES_MAX, keyed

_REASONS = frozenset({"duplicate", "fraudulent", "requested_by_customer"})


def refund(stripe: Stripe, refund: RefundRequest, number: str) -> Report:
    """Refund of the PaymentIntent ``number``. Raises what ``Stripe.ask`` raises."""
    amount = written(refund.amount)
    if made := _made(stripe, refund, number):
        return made
    params: Any = {
        "payment_intent": number,
        "amount": amount,
        "metadata": {REFERENCE: refund.payment.reference, REFUND_REFERENCE: refund.reference},
    }
    if refund.reason in _REASONS:
        params["reason"] = refund.reason
    answer, raw = stripe.ask(lambda: stripe.api.refunds.create(params, keyed(refund.reference)), Refund)
    return of_refund(answer, raw, reference=refund.reference)


def hand_in(stripe: Stripe, payment: PaymentRequest, number: str, evidence: Evidence) -> Report:
    """Evidence in the dispute ``number``. Raises what ``Stripe.ask`` raises."""
    found, raw = stripe.look(lambda: stripe.api.disputes.retrieve(number), Dispute)
    if found.is_decided:
        return Report(Standing.FAILED, provider_reference=number, reason=f"dispute_{found.status}", raw=raw)
    if not found.is_handed_in:
        said = disputes.written(evidence, description=payment.description)
        digest = hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()[:32]
        params: Any = {"evidence": said, "submit": True}
        found, raw = stripe.ask(
            lambda: stripe.api.disputes.update(number, params, keyed(f"{number}:{digest}")), Dispute
        )
    standing = Standing.SUCCEEDED if found.is_handed_in or found.is_decided else Standing.PENDING
    return Report(standing, provider_reference=number, raw=raw)


def _made(stripe: Stripe, refund: RefundRequest, number: str) -> Report | None:
    """This refund, where Stripe has it: keys are forgotten after a day, and a refund is asked about for longer."""
    refunds = stripe.api.refunds
    if refund.provider_reference:
        known, raw = stripe.look(lambda: refunds.retrieve(refund.provider_reference), Refund)
        return of_refund(known, raw, reference=refund.reference)
    wanted: dict[str, Any] = {"payment_intent": number, "limit": 100}
    for _ in range(PAGES_MAX):
        page, raw = stripe.look(lambda wanted=wanted: refunds.list(wanted), RefundPage)  # type: ignore[misc]
        for made in page.data:
            if (made.metadata or {}).get(REFUND_REFERENCE) == refund.reference:
                return of_refund(made, raw, reference=refund.reference)
        if not page.has_more or not page.data:
            return None
        wanted = {**wanted, "starting_after": page.data[-1].id}
    raise Unclear("too_many_to_look_through")
