"""The order that we ask PayPal for, and whether an answer is about it."""

from __future__ import annotations

from typing import Any

from warchest.sdk.payments import PaymentRequest
from warchest_paypal.talk import Unclear
from warchest_paypal.wire import Amount, Order

_DESCRIPTION_CHARACTERS_MAX = 127


def number_of(payment: PaymentRequest) -> str:
    return payment.kept.get("order", "")


def asked(payment: PaymentRequest, *, brand_name: str, locale: str) -> dict[str, Any]:
    """Raises ValueError where PayPal takes no such amount.

    Our reference stands in it twice: as ``custom_id``, which comes back with everything, and as ``invoice_id``, of which
    PayPal lets only one be paid.
    """
    if payment.amount.minor <= 0:
        raise ValueError("nothing to pay")
    context = {
        "return_url": payment.return_url,
        "cancel_url": payment.return_url,
        "locale": locale,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    if brand_name:
        context["brand_name"] = brand_name
    return {
        "intent": "AUTHORIZE" if payment.capture_later else "CAPTURE",
        "purchase_units": [
            {
                "custom_id": payment.reference,
                "invoice_id": payment.reference,
                "description": payment.description[:_DESCRIPTION_CHARACTERS_MAX],
                "amount": Amount.of(payment.amount),
            }
        ],
        "payment_source": {"paypal": {"experience_context": context}},
    }


def check(order: Order, payment: PaymentRequest, raw: str) -> None:
    """Raises Unclear where the order is another's."""
    unit = order.purchase_units[0] if len(order.purchase_units) == 1 else None
    if unit is None or not order.id or unit.custom_id != payment.reference:
        raise Unclear("reference_differs", raw)
