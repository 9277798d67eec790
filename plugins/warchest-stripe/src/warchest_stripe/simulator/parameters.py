"""What each request takes. Stripe refuses names that it does not know; so does the simulator, and only these it knows.

A test compares them with the parameters of Stripe's own library.
"""

from __future__ import annotations

from typing import Any

from warchest_stripe.simulator.refusing import invalid

ANY: dict[str, Any] = {}
"""An object of whatever names."""

_PAGE = {"limit": 1, "starting_after": 1, "expand": 1}
_CREATED = {"created": {"gt": 1, "gte": 1, "lt": 1, "lte": 1}}

CREATE_SESSION = {
    "adaptive_pricing": {"enabled": 1},
    "allowed_payment_method_types": 1,
    "cancel_url": 1,
    "client_reference_id": 1,
    "customer": 1,
    "expand": 1,
    "expires_at": 1,
    "line_items": {
        "quantity": 1,
        "price_data": {"currency": 1, "unit_amount": 1, "product_data": {"name": 1}},
    },
    "locale": 1,
    "metadata": ANY,
    "mode": 1,
    "payment_intent_data": {
        "capture_method": 1,
        "description": 1,
        "metadata": ANY,
        "setup_future_usage": 1,
    },
    "success_url": 1,
    "ui_mode": 1,
}
LIST_SESSIONS = _PAGE | _CREATED | {"customer": 1, "payment_intent": 1, "status": 1}
CREATE_INTENT = {
    "amount": 1,
    "capture_method": 1,
    "confirm": 1,
    "currency": 1,
    "customer": 1,
    "description": 1,
    "expand": 1,
    "metadata": ANY,
    "off_session": 1,
    "payment_method": 1,
    "return_url": 1,
}
LIST_INTENTS = _PAGE | _CREATED | {"customer": 1}
CAPTURE = {"amount_to_capture": 1, "expand": 1}
CANCEL = {"cancellation_reason": 1, "expand": 1}
EXPAND = {"expand": 1}
CREATE_CUSTOMER = {"metadata": ANY, "expand": 1}
SEARCH = {"query": 1, "limit": 1, "page": 1, "expand": 1}
CREATE_REFUND = {"amount": 1, "metadata": ANY, "payment_intent": 1, "reason": 1, "expand": 1}
LIST_REFUNDS = _PAGE | _CREATED | {"payment_intent": 1}
UPDATE_DISPUTE = {
    "evidence": {
        "access_activity_log": 1,
        "product_description": 1,
        "service_date": 1,
        "uncategorized_text": 1,
    },
    "expand": 1,
    "submit": 1,
}
LIST_TRANSACTIONS = _PAGE | _CREATED | {"currency": 1, "payout": 1, "source": 1, "type": 1}
LIST_PAYOUTS = _PAGE | _CREATED | {"status": 1}
LIST_EVENTS = _PAGE | _CREATED | {"type": 1}


def check(given: Any, known: dict[str, Any], within: str = "") -> None:
    """Raises StripeSays."""
    if known is ANY:
        return
    if isinstance(given, list):
        for each in given:
            check(each, known, within)
        return
    if not isinstance(given, dict):
        raise invalid(f"Invalid object: {within}", param=within)
    for name, value in given.items():
        full = f"{within}[{name}]" if within else name
        if name not in known:
            raise invalid(f"Received unknown parameter: {full}", code="parameter_unknown", param=full)
        inner = known[name]
        if isinstance(inner, dict):
            check(value, inner, full)


def whole(given: Any, name: str) -> int:
    """Raises StripeSays."""
    try:
        return int(given)
    except (TypeError, ValueError):
        raise invalid(
            f"Invalid integer: {str(given)[:40]}", code="parameter_invalid_integer", param=name
        ) from None


def required(given: dict[str, Any], name: str) -> Any:
    if given.get(name) in (None, ""):
        raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return given[name]
