"""How the simulator writes orders, captures, refunds and disputes, in answers and webhooks."""

from __future__ import annotations

from typing import Any

from warchest.kernel.money import Money
from warchest_paypal.simulator.book import Book, Dispute, Order, Taken, fee_of
from warchest_paypal.wire import WITHOUT_DECIMALS


class Shapes:
    def __init__(self, book: Book, *, url: str) -> None:
        self._book = book
        self.url = url

    def order(self, order: Order) -> dict[str, Any]:
        payments: dict[str, Any] = {}
        if order.captures:
            payments["captures"] = [self.capture(order, one) for one in order.captures]
        if order.authorizations:
            payments["authorizations"] = [self.authorization(order, one) for one in order.authorizations]
        if order.refunds:
            payments["refunds"] = [self.refund(order, one) for one in order.refunds]
        links = [{"href": f"{self.url}/v2/checkout/orders/{order.id}", "rel": "self", "method": "GET"}]
        if order.status == "PAYER_ACTION_REQUIRED":
            page = f"{self.url}/checkoutnow?token={order.id}"
            links.append({"href": page, "rel": "payer-action", "method": "GET"})
        return {
            "id": order.id,
            "intent": order.asked["intent"],
            "status": self._told(order.status),
            "update_time": order.updated_at.isoformat(),
            "purchase_units": [
                {
                    "reference_id": "default",
                    **{name: order.unit[name] for name in ("custom_id", "invoice_id") if name in order.unit},
                    "amount": _amount(order.amount),
                    **({"payments": payments} if payments else {}),
                }
            ],
            "links": links,
        }

    def capture(self, order: Order, capture: Taken) -> dict[str, Any]:
        match self._book.switches.amount_told:
            case "negative":
                amount = -capture.amount
            case "zero":
                amount = Money(0, capture.amount.currency)
            case _:
                amount = capture.amount
        written: dict[str, Any] = {
            "id": capture.id,
            "status": self._told(capture.status),
            "amount": _amount(amount),
            "final_capture": True,
            "custom_id": capture.custom_id,
            "invoice_id": order.unit.get("invoice_id", ""),
            "supplementary_data": {"related_ids": {"order_id": order.id}},
            "links": [{"href": f"{self.url}/v2/checkout/orders/{order.id}", "rel": "up", "method": "GET"}],
        }
        if capture.reason:
            written["status_details"] = {"reason": capture.reason}
        if capture.status == "COMPLETED":
            fee = fee_of(capture.amount)
            written["seller_receivable_breakdown"] = {
                "gross_amount": _amount(capture.amount),
                "paypal_fee": _amount(fee),
                "net_amount": _amount(capture.amount - fee),
            }
        return written

    def authorization(self, order: Order, authorization: Taken) -> dict[str, Any]:
        return {
            "id": authorization.id,
            "status": self._told(authorization.status),
            "amount": _amount(authorization.amount),
            "custom_id": authorization.custom_id,
            "invoice_id": order.unit.get("invoice_id", ""),
            "supplementary_data": {"related_ids": {"order_id": order.id}},
        }

    def refund(self, order: Order, refund: Taken) -> dict[str, Any]:
        up = f"{self.url}/v2/payments/captures/{refund.of}"
        written: dict[str, Any] = {
            "id": refund.id,
            "status": refund.status,
            "amount": _amount(refund.amount),
            "custom_id": refund.custom_id,
            "invoice_id": order.unit.get("invoice_id", ""),
            "links": [{"href": up, "rel": "up", "method": "GET"}],
        }
        if refund.reason:
            written["status_details"] = {"reason": refund.reason}
        return written

    def dispute(self, order: Order, dispute: Dispute) -> dict[str, Any]:
        capture = order.captures[-1]
        written: dict[str, Any] = {
            "dispute_id": dispute.id,
            "status": dispute.status,
            "reason": "UNAUTHORISED",
            "dispute_life_cycle_stage": "CHARGEBACK",
            "dispute_amount": _amount(capture.amount),
            "seller_response_due_date": "2039-01-01T00:00:00.000Z",
            "disputed_transactions": [
                {
                    "seller_transaction_id": capture.id,
                    "invoice_number": order.unit.get("invoice_id", ""),
                    "custom": order.reference,
                }
            ],
            "evidences": [
                {"evidence_type": "OTHER", "source": "SUBMITTED_BY_SELLER", "notes": notes}
                for notes in dispute.evidences
            ],
        }
        if dispute.outcome:
            written["dispute_outcome"] = {"outcome_code": dispute.outcome}
        return written

    def of(self, order: Order, about: object) -> tuple[str, dict[str, Any]]:
        """The kind of a webhook's resource, and the resource."""
        if isinstance(about, Dispute):
            return "dispute", self.dispute(order, about)
        if isinstance(about, Taken):
            if about in order.captures:
                return "capture", self.capture(order, about)
            if about in order.authorizations:
                return "authorization", self.authorization(order, about)
            return "refund", self.refund(order, about)
        return "checkout-order", self.order(order)

    def _told(self, status: str) -> str:
        return self._book.switches.status_told or status


def _amount(amount: Money) -> dict[str, str]:
    code = amount.currency.code
    major = amount.major
    if code in WITHOUT_DECIMALS and "." in major:
        major = major.partition(".")[0]
    return {"currency_code": code, "value": major}
