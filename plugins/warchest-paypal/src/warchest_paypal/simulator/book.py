"""What the simulator remembers, until it ends. One lock for all of it: whatever comes at once is done one after the other."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from warchest.kernel.clock import Clock
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

_NUMBER_CHARACTERS = string.ascii_uppercase + string.digits
_WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
_FEE_BPS = 290


class Refused(Exception):
    """HTTP status, PayPal's name of the problem, and the issue."""

    def __init__(self, issue: str, *, status: int = 422, name: str = "UNPROCESSABLE_ENTITY") -> None:
        self.status = status
        self.name = name
        self.issue = issue
        super().__init__(issue)


def not_found() -> Refused:
    return Refused("INVALID_RESOURCE_ID", status=404, name="RESOURCE_NOT_FOUND")


class Switches(Struct, kw_only=True):
    """What it does wrong on purpose; ``mood`` concerns every call, the others what their names say."""

    mood: str = ""
    status_told: str = ""  # of orders and captures, in answers and webhooks
    take_less_minor: int = 0
    take_in: str = ""
    amount_told: str = ""  # of captures: "negative", "zero"
    refuse_refunds: str = ""  # the issue
    refuse_captures: str = ""  # the issue
    delay_refunds: bool = False
    wrong_signature: bool = False
    lose_notices: bool = False
    notice_copies: int = 1
    verify_answer: str = ""  # "silent", "error", or a status of its own
    tokens_live_s: int = 32_400


@dataclass(slots=True)
class Taken:
    """A capture, an authorisation or a refund."""

    id: str
    status: str
    amount: Money
    reason: str = ""
    custom_id: str = ""
    of: str = ""


@dataclass(slots=True)
class Dispute:
    id: str
    status: str = "WAITING_FOR_SELLER_RESPONSE"
    outcome: str = ""
    evidences: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Order:
    id: str
    asked: dict[str, Any]
    amount: Money
    updated_at: datetime
    status: str = "PAYER_ACTION_REQUIRED"
    instrument: str = "balance"
    captures: list[Taken] = field(default_factory=list)
    authorizations: list[Taken] = field(default_factory=list)
    refunds: list[Taken] = field(default_factory=list)
    dispute: Dispute | None = None

    @property
    def unit(self) -> dict[str, Any]:
        unit: dict[str, Any] = self.asked["purchase_units"][0]
        return unit

    @property
    def reference(self) -> str:
        return str(self.unit.get("custom_id", ""))

    @property
    def context(self) -> dict[str, Any]:
        source = self.asked.get("payment_source", {}).get("paypal", {})
        context: dict[str, Any] = source.get("experience_context", {})
        return context


class Book:
    """``tell`` is called with each webhook's event type and the order, capture, refund … that it is about."""

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.switches = Switches()
        self.answered: dict[tuple[str, str], tuple[int, bytes]] = {}
        self.tell: Callable[[str, Order, object], None] = lambda kind, order, about: None
        self._orders: dict[str, Order] = {}

    def open(self, asked: dict[str, Any]) -> Order:
        if asked.get("intent") not in ("CAPTURE", "AUTHORIZE"):
            raise Refused("INVALID_PARAMETER_VALUE", status=400, name="INVALID_REQUEST")
        units = asked.get("purchase_units")
        if not isinstance(units, list) or len(units) != 1:
            raise Refused("MISSING_REQUIRED_PARAMETER", status=400, name="INVALID_REQUEST")
        order = Order(_number(), asked, amount_of(units[0].get("amount")), self.clock.now())
        self._orders[order.id] = order
        return order

    def order(self, number: str) -> Order:
        if number not in self._orders:
            raise not_found()
        return self._orders[number]

    def forget(self, reference: str) -> None:
        """As PayPal does with orders that nobody approved in time."""
        self._orders = {id: order for id, order in self._orders.items() if order.reference != reference}

    def of_reference(self, reference: str) -> Order:
        """The last order for one of the merchant's references."""
        found = [order for order in self._orders.values() if order.reference == reference]
        if not found:
            raise not_found()
        return found[-1]

    def approve(self, order: Order, instrument: str) -> None:
        """What the payer does: with money (balance), with a declined card, or with a check that takes its time."""
        if order.status not in ("PAYER_ACTION_REQUIRED", "CREATED"):
            raise Refused("ORDER_CANNOT_BE_APPROVED")
        order.status, order.instrument = "APPROVED", instrument
        self._touched(order)
        self.tell("CHECKOUT.ORDER.APPROVED", order, order)

    def capture_order(self, order: Order) -> None:
        self._ready(order, "CAPTURE", "ORDER_ALREADY_CAPTURED")
        order.captures.append(self._take(order, order.amount))
        self._finished(order, order.captures[-1])

    def authorize_order(self, order: Order) -> None:
        self._ready(order, "AUTHORIZE", "ORDER_ALREADY_AUTHORIZED")
        order.authorizations.append(
            Taken(_number(), "CREATED", order.amount, custom_id=order.reference, of=order.id)
        )
        order.status = "COMPLETED"
        self._touched(order)
        self.tell("PAYMENT.AUTHORIZATION.CREATED", order, order.authorizations[-1])

    def authorization(self, number: str) -> tuple[Order, Taken]:
        return self._find(number, lambda order: order.authorizations)

    def capture(self, number: str) -> tuple[Order, Taken]:
        return self._find(number, lambda order: order.captures)

    def refund_of(self, number: str) -> tuple[Order, Taken]:
        return self._find(number, lambda order: order.refunds)

    def capture_authorization(self, number: str, asked: dict[str, Any]) -> tuple[Order, Taken]:
        order, authorization = self.authorization(number)
        if authorization.status == "VOIDED":
            raise Refused("AUTHORIZATION_VOIDED")
        if authorization.status != "CREATED":
            raise Refused("AUTHORIZATION_ALREADY_CAPTURED")
        amount = amount_of(asked["amount"]) if asked.get("amount") else authorization.amount
        if amount.minor > authorization.amount.minor:
            raise Refused("MAX_CAPTURE_AMOUNT_EXCEEDED")
        whole = amount == authorization.amount
        authorization.status = "CAPTURED" if whole else "PARTIALLY_CAPTURED"
        order.captures.append(self._take(order, amount))
        self._finished(order, order.captures[-1])
        return order, order.captures[-1]

    def void(self, number: str) -> None:
        order, authorization = self.authorization(number)
        if authorization.status == "VOIDED":
            raise Refused("PREVIOUSLY_VOIDED")
        if authorization.status != "CREATED":
            raise Refused("PREVIOUSLY_CAPTURED")
        authorization.status = "VOIDED"
        self._touched(order)
        self.tell("PAYMENT.AUTHORIZATION.VOIDED", order, authorization)

    def refund(self, number: str, asked: dict[str, Any]) -> tuple[Order, Taken]:
        order, capture = self.capture(number)
        if self.switches.refuse_refunds:
            raise Refused(self.switches.refuse_refunds)
        if capture.status == "PENDING":
            raise Refused("PENDING_CAPTURE")
        if capture.status == "REFUNDED":
            raise Refused("CAPTURE_FULLY_REFUNDED")
        amount = amount_of(asked["amount"]) if asked.get("amount") else capture.amount
        if amount.currency != capture.amount.currency:
            raise Refused("REFUND_CAPTURE_CURRENCY_MISMATCH")
        if returned_of(order, capture).minor + amount.minor > capture.amount.minor:
            raise Refused("REFUND_AMOUNT_EXCEEDED")
        # Where the caller gives none, the payment's is copied.
        custom_id = asked.get("custom_id") or order.reference
        refund = Taken(_number(), "PENDING", amount, custom_id=custom_id, of=capture.id)
        if self.switches.delay_refunds:
            refund.reason = "ECHECK"
        order.refunds.append(refund)
        if not self.switches.delay_refunds:
            self.finish_refund(order, refund, confirmed=True)
        return order, refund

    def finish_refund(self, order: Order, refund: Taken, *, confirmed: bool) -> None:
        refund.status, refund.reason = ("COMPLETED", "") if confirmed else ("FAILED", "ECHECK")
        _, capture = self.capture(refund.of)
        returned = returned_of(order, capture)
        if returned.minor:
            capture.status = "REFUNDED" if returned == capture.amount else "PARTIALLY_REFUNDED"
        self._touched(order)
        self.tell("PAYMENT.CAPTURE.REFUNDED" if confirmed else "PAYMENT.REFUND.FAILED", order, refund)

    def decide(self, order: Order, *, succeeded: bool) -> None:
        """What becomes of a check."""
        for capture in order.captures:
            if capture.status == "PENDING":
                capture.status, capture.reason = ("COMPLETED", "") if succeeded else ("DECLINED", "ECHECK")
                self._touched(order)
                self._tell_capture(order, capture)

    def open_dispute(self, order: Order) -> None:
        order.dispute = Dispute(f"PP-R-{_number(3)}-{_number(8)}")
        self.tell("CUSTOMER.DISPUTE.CREATED", order, order.dispute)

    def end_dispute(self, order: Order, outcome: str) -> None:
        if order.dispute is None:
            raise not_found()
        order.dispute.status, order.dispute.outcome = "RESOLVED", outcome
        self.tell("CUSTOMER.DISPUTE.RESOLVED", order, order.dispute)

    def dispute(self, number: str) -> Order:
        for order in self._orders.values():
            if order.dispute and order.dispute.id == number:
                return order
        raise not_found()

    def truth(self, reference: str) -> dict[str, Any]:
        ours = [order for order in self._orders.values() if order.reference == reference]
        took = [
            one
            for order in ours
            for one in order.captures
            if one.status in ("COMPLETED", "REFUNDED", "PARTIALLY_REFUNDED")
        ]
        back = [one for order in ours for one in order.refunds if one.status == "COMPLETED"]
        return {
            "payments": len(ours),
            "taken": _sum(took),
            "returned": _sum(back),
            "refunds": len(back),
            "evidences": [note for order in ours if order.dispute for note in order.dispute.evidences],
        }

    def _ready(self, order: Order, intent: str, already: str) -> None:
        if order.asked["intent"] != intent:
            raise Refused("ACTION_DOES_NOT_MATCH_INTENT")
        if order.status == "COMPLETED":
            raise Refused(already)
        if order.status != "APPROVED":
            raise Refused("ORDER_NOT_APPROVED")
        if self.switches.refuse_captures:
            raise Refused(self.switches.refuse_captures)
        if order.instrument == "declined":
            order.status = "PAYER_ACTION_REQUIRED"
            self._touched(order)
            raise Refused("INSTRUMENT_DECLINED")

    def _take(self, order: Order, amount: Money) -> Taken:
        switches = self.switches
        amount = Money(amount.minor - switches.take_less_minor, amount.currency)
        if switches.take_in:
            amount = Money.parse(amount.major, switches.take_in)
        if order.instrument == "check":
            return Taken(_number(), "PENDING", amount, "ECHECK", order.reference, order.id)
        return Taken(_number(), "COMPLETED", amount, custom_id=order.reference, of=order.id)

    def _finished(self, order: Order, capture: Taken) -> None:
        order.status = "COMPLETED"
        self._touched(order)
        self._tell_capture(order, capture)

    def _tell_capture(self, order: Order, capture: Taken) -> None:
        self.tell(f"PAYMENT.CAPTURE.{capture.status}", order, capture)

    def _touched(self, order: Order) -> None:
        order.updated_at = self.clock.now()

    def _find(self, number: str, among: Callable[[Order], list[Taken]]) -> tuple[Order, Taken]:
        for order in self._orders.values():
            for one in among(order):
                if one.id == number:
                    return order, one
        raise not_found()


def returned_of(order: Order, capture: Taken) -> Money:
    """What went back of a capture, or is on its way."""
    minor = sum(one.amount.minor for one in order.refunds if one.of == capture.id and one.status != "FAILED")
    return Money(minor, capture.amount.currency)


def fee_of(amount: Money) -> Money:
    return amount.portion(_FEE_BPS, 10_000)


def amount_of(told: Any) -> Money:
    """As PayPal reads amounts: text, with two decimals or, for some currencies, with none."""
    if not isinstance(told, dict) or not isinstance(told.get("value"), str):
        raise Refused("MISSING_REQUIRED_PARAMETER", status=400, name="INVALID_REQUEST")
    code, value = str(told.get("currency_code", "")), told["value"]
    if code in _WITHOUT_DECIMALS and "." in value:
        raise Refused("DECIMALS_NOT_SUPPORTED")
    try:
        amount = Money.parse(value, code)
    except UnableTo as error:
        unknown = error.reason == "currency_unknown"
        issue = "INVALID_CURRENCY_CODE" if unknown else "DECIMAL_PRECISION"
        raise Refused(issue, status=400, name="INVALID_REQUEST") from None
    if amount.minor <= 0:
        raise Refused("CANNOT_BE_ZERO_OR_NEGATIVE")
    return amount


def _sum(taken: list[Taken]) -> dict[str, Any] | None:
    if not taken:
        return None
    return {"minor": sum(one.amount.minor for one in taken), "currency": taken[0].amount.currency.code}


def _number(characters: int = 17) -> str:
    return "".join(secrets.choice(_NUMBER_CHARACTERS) for _ in range(characters))
