"""Answers the REST interface, as PayPal does."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from warchest_paypal.simulator.book import Book, Refused
from warchest_paypal.simulator.hooks import Hooks, VerifyAsked
from warchest_paypal.simulator.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: bool = False


def as_json(body: Any, *, status: int = 200, changes: bool = False) -> Answer:
    return Answer(status, msgspec.json.encode(body), changes=changes)


def problem(refused: Refused) -> Answer:
    body = {
        "name": refused.name,
        "message": "The requested action could not be performed.",
        "debug_id": secrets.token_hex(7),
        "details": [{"issue": refused.issue, "description": refused.issue.capitalize()}],
    }
    return as_json(body, status=refused.status)


_Handler = Callable[[dict[str, Any], str], tuple[int, Any]]


class Desk:
    def __init__(
        self, book: Book, shapes: Shapes, hooks: Hooks, *, client_id: str, client_secret: str
    ) -> None:
        self._book = book
        self._shapes = shapes
        self._hooks = hooks
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._tokens: dict[str, float] = {}
        routes: tuple[tuple[str, str, _Handler], ...] = (
            ("POST", r"/v2/checkout/orders", self._open),
            ("GET", r"/v2/checkout/orders/([^/]+)", self._show),
            ("POST", r"/v2/checkout/orders/([^/]+)/capture", self._capture),
            ("POST", r"/v2/checkout/orders/([^/]+)/authorize", self._authorize),
            ("GET", r"/v2/payments/authorizations/([^/]+)", self._show_authorization),
            ("POST", r"/v2/payments/authorizations/([^/]+)/capture", self._capture_authorization),
            ("POST", r"/v2/payments/authorizations/([^/]+)/void", self._void),
            ("GET", r"/v2/payments/captures/([^/]+)", self._show_capture),
            ("POST", r"/v2/payments/captures/([^/]+)/refund", self._refund),
            ("GET", r"/v2/payments/refunds/([^/]+)", self._show_refund),
            ("GET", r"/v1/customer/disputes/([^/]+)", self._show_dispute),
            ("POST", r"/v1/customer/disputes/([^/]+)/provide-evidence", self._evidence),
        )
        self._routes = [(method, re.compile(path), handler) for method, path, handler in routes]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if path == "/v1/oauth2/token" and method == "POST":
            return self._token(headers, body)
        if not self._knows(headers.get("authorization", "")):
            return as_json({"error": "invalid_token"}, status=401)
        if path == "/v1/notifications/verify-webhook-signature" and method == "POST":
            return self._verify(body)
        for route_method, pattern, handler in self._routes:
            if (found := pattern.fullmatch(path)) and route_method == method:
                number = found[1] if found.groups() else ""
                return self._do(method, path, handler, number, headers, body)
        return problem(Refused("NOT_FOUND", status=404, name="RESOURCE_NOT_FOUND"))

    def _do(
        self,
        method: str,
        path: str,
        handler: _Handler,
        number: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        under = (path, headers.get("paypal-request-id", ""))
        with self._book.lock:
            if method == "POST" and under[1] and under in self._book.answered:
                # What was done under this id is not done again.
                status, written = self._book.answered[under]
                return Answer(status, written, changes=True)
            try:
                status, answer = handler(_document(headers, body) if method == "POST" else {}, number)
            except Refused as refused:
                return problem(refused)
            written = b"" if answer is None else msgspec.json.encode(answer)
            if method == "POST" and under[1]:
                self._book.answered[under] = status, written
            return Answer(status, written, changes=method == "POST")

    def _token(self, headers: Mapping[str, str], body: bytes) -> Answer:
        told = headers.get("authorization", "")
        right = hmac.compare_digest(told.encode(), f"Basic {self._basic}".encode())
        if not right or body != b"grant_type=client_credentials":
            return as_json({"error": "invalid_client"}, status=401)
        token, lives_s = f"A21AA{secrets.token_urlsafe(40)}", self._book.switches.tokens_live_s
        self._tokens[token] = time.monotonic() + lives_s
        return as_json({"access_token": token, "token_type": "Bearer", "expires_in": lives_s})

    def revoke_tokens(self) -> None:
        self._tokens.clear()

    def _knows(self, authorization: str) -> bool:
        return time.monotonic() < self._tokens.get(authorization.removeprefix("Bearer "), 0)

    def _verify(self, body: bytes) -> Answer:
        match self._book.switches.verify_answer:
            case "error":
                return as_json({"name": "INTERNAL_SERVICE_ERROR", "message": "…"}, status=500)
            case told if told:
                return as_json({"verification_status": told})
        try:
            asked = msgspec.json.decode(body, type=VerifyAsked)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return problem(Refused("VALIDATION_ERROR", status=400, name="VALIDATION_ERROR"))
        return as_json({"verification_status": "SUCCESS" if self._hooks.verify(asked) else "FAILURE"})

    def _open(self, asked: dict[str, Any], _: str) -> tuple[int, Any]:
        return 201, self._shapes.order(self._book.open(asked))

    def _show(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        return 200, self._shapes.order(self._book.order(number))

    def _capture(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        order = self._book.order(number)
        self._book.capture_order(order)
        return 201, self._shapes.order(order)

    def _authorize(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        order = self._book.order(number)
        self._book.authorize_order(order)
        return 201, self._shapes.order(order)

    def _show_authorization(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        return 200, self._shapes.authorization(*self._book.authorization(number))

    def _capture_authorization(self, asked: dict[str, Any], number: str) -> tuple[int, Any]:
        return 201, self._shapes.capture(*self._book.capture_authorization(number, asked))

    def _void(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        self._book.void(number)
        return 204, None

    def _show_capture(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        return 200, self._shapes.capture(*self._book.capture(number))

    def _refund(self, asked: dict[str, Any], number: str) -> tuple[int, Any]:
        return 201, self._shapes.refund(*self._book.refund(number, asked))

    def _show_refund(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        return 200, self._shapes.refund(*self._book.refund_of(number))

    def _show_dispute(self, _: dict[str, Any], number: str) -> tuple[int, Any]:
        order = self._book.dispute(number)
        assert order.dispute is not None
        return 200, self._shapes.dispute(order, order.dispute)

    def _evidence(self, asked: dict[str, Any], number: str) -> tuple[int, Any]:
        order = self._book.dispute(number)
        assert order.dispute is not None
        if order.dispute.status != "WAITING_FOR_SELLER_RESPONSE":
            raise Refused("ACTION_NOT_ALLOWED_IN_CURRENT_STATE")
        order.dispute.evidences += [str(one.get("notes", "")) for one in asked.get("evidences", [])]
        order.dispute.status = "UNDER_REVIEW"
        return 200, {"links": []}


def _document(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    if headers.get("content-type", "").startswith("multipart/form-data"):
        _, _, body = body.partition(b"\r\n\r\n")
        body = body.rpartition(b"\r\n--")[0]
    try:
        read = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Refused("MALFORMED_REQUEST_JSON", status=400, name="INVALID_REQUEST") from None
    if not isinstance(read, dict):
        raise Refused("MALFORMED_REQUEST_JSON", status=400, name="INVALID_REQUEST")
    return read
