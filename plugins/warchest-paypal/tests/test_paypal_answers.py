"""Answers and notices that were bent out of shape: read, or refused; never an exception, never a success that is none."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, Standing, UnableToTrustNotice
from warchest_paypal import notices, orders, standings
from warchest_paypal.talk import Unclear
from warchest_paypal.wire import Event, Order

REFERENCE = "01890a5d-ac96-774b-bcce-b302099a8057"
PAYMENT = PaymentRequest(REFERENCE, Money.parse("20.00", "EUR"), "http://x/", "http://x/", "", "en", "DE")

CAPTURE: dict[str, Any] = {
    "id": "CAP1",
    "status": "COMPLETED",
    "amount": {"currency_code": "EUR", "value": "20.00"},
    "custom_id": REFERENCE,
    "invoice_id": REFERENCE,
    "status_details": {"reason": "OTHER"},
    "seller_receivable_breakdown": {"paypal_fee": {"currency_code": "EUR", "value": "0.58"}},
    "supplementary_data": {"related_ids": {"order_id": "ORDER1"}},
}
ORDER: dict[str, Any] = {
    "id": "ORDER1",
    "intent": "CAPTURE",
    "status": "COMPLETED",
    "purchase_units": [
        {
            "custom_id": REFERENCE,
            "amount": {"currency_code": "EUR", "value": "20.00"},
            "payments": {"captures": [CAPTURE]},
        }
    ],
    "links": [{"href": "http://x/", "rel": "self"}],
}
DISPUTE: dict[str, Any] = {
    "dispute_id": "PP-R-1",
    "status": "RESOLVED",
    "reason": "UNAUTHORISED",
    "disputed_transactions": [{"seller_transaction_id": "CAP1", "invoice_number": REFERENCE}],
    "dispute_amount": {"currency_code": "EUR", "value": "20.00"},
    "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"},
    "seller_response_due_date": "2039-01-01T00:00:00Z",
}
KINDS = {
    "PAYMENT.CAPTURE.COMPLETED": CAPTURE,
    "PAYMENT.CAPTURE.REFUNDED": CAPTURE,
    "PAYMENT.AUTHORIZATION.CREATED": CAPTURE,
    "CHECKOUT.ORDER.COMPLETED": ORDER,
    "CUSTOMER.DISPUTE.RESOLVED": DISPUTE,
}

JUNK = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["-20.00", "20.001", "0", "1e3", "٢٠", "XXX", "", "COMPLETED"])
    | st.just([])
    | st.just({})
)


def places(of: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ()
    return [here] * bool(here) + [place for key, value in steps for place in places(value, (*here, key))]


def bent(document: dict[str, Any], place: tuple[Any, ...], value: Any, *, drop: bool) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    holder: Any = changed
    for key in place[:-1]:
        holder = holder[key]
    if drop:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return changed


@given(st.data(), JUNK, st.booleans())
def test_a_bent_order_is_read_or_unclear_and_succeeds_only_with_what_it_says(
    data: st.DataObject, value: Any, drop: bool
) -> None:
    changed = bent(ORDER, data.draw(st.sampled_from(places(ORDER))), value, drop=drop)
    try:
        order = msgspec.json.decode(json.dumps(changed).encode(), type=Order)
        orders.check(order, PAYMENT, "")
        report = standings.of_order(order, "")
    except (msgspec.MsgspecError, Unclear):
        return
    if report.standing is Standing.SUCCEEDED:
        told = changed["purchase_units"][0]["payments"]["captures"][0].get("amount")
        assert report.amount == (Money.parse(told["value"], told["currency_code"]) if told else None)


@given(st.data(), st.sampled_from(sorted(KINDS)), JUNK, st.booleans())
def test_a_bent_notice_is_read_or_refused(data: st.DataObject, kind: str, value: Any, drop: bool) -> None:
    resource = KINDS[kind]
    changed = bent(resource, data.draw(st.sampled_from(places(resource))), value, drop=drop)
    body = json.dumps({"id": "WH-1", "event_type": kind, "resource": changed}).encode()
    try:
        # What Python writes as NaN is no JSON.
        notice = notices.read_event(msgspec.json.decode(body, type=Event), "raw")
    except (UnableToTrustNotice, msgspec.MsgspecError):
        return
    assert notice.id == "WH-1"
    if notice.dispute is not None and notice.dispute.evidence_until is not None:
        assert notice.dispute.evidence_until > datetime(1, 1, 1, tzinfo=UTC)
