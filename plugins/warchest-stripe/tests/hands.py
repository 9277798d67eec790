"""Hands for the tests: payments, refunds and notices as Warchest would bring them, and an impostor of Stripe."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import msgspec

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import (
    PaymentRequest,
    RawNotice,
    RefundRequest,
    Report,
    Standing,
)
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import StripeSettings
from warchest_stripe.simulator.sending import signature
from warchest_stripe.testing import RunningSimulator

INSUFFICIENT = "4000000000009995"
ALWAYS_PROVE = "4000002760003184"
FAILS_ONCE_SAVED = "4000000000000341"
DISPUTED = "4000000000000259"
REFUND_FAILS_LATER = "4000000000005126"


def a_provider(simulator: RunningSimulator, **settings: Any) -> StripeProvider:
    return StripeProvider(msgspec.convert(simulator.settings | {"timeout_s": 2} | settings, StripeSettings))


def a_payment(amount: str = "20.00", currency: str = "EUR", **fields: Any) -> PaymentRequest:
    given = {
        "reference": str(new_id()),
        "return_url": "http://127.0.0.1:9/return?basket=7",
        "description": "2000 credits",
        "language": "de",
        "country": "DE",
        "payer": str(new_id()),
    } | fields
    return PaymentRequest(amount=Money.parse(amount, currency), notice_url="", **given)


def made_long_ago(**ago: float) -> str:
    """A reference as it was made so long ago."""
    ms = int((datetime.now(UTC) - timedelta(**ago)).timestamp() * 1000)
    return str(UUID(int=(ms << 80) | (0x7 << 76) | (0b10 << 62) | (new_id().int & (2**62 - 1))))


def opened(provider: StripeProvider, payment: PaymentRequest) -> tuple[PaymentRequest, Report]:
    report = provider.start(payment)
    assert report.standing is Standing.PENDING, report
    return replace(payment, kept=report.keep), report


def paid(
    simulator: RunningSimulator, provider: StripeProvider, card: str = "4242424242424242", **fields: Any
) -> tuple[PaymentRequest, Report]:
    payment, report = opened(provider, a_payment(**fields))
    simulator.pay(report.redirect_url, card)
    report = provider.inquire(payment, provider_reference="")
    return payment, report


def a_token(simulator: RunningSimulator, provider: StripeProvider, card: str = "4242424242424242") -> str:
    _, report = paid(simulator, provider, card, save_method=True)
    assert report.instrument and report.instrument.token
    return report.instrument.token


def a_refund(payment: PaymentRequest, report: Report, amount: str = "5.00", **fields: Any) -> RefundRequest:
    given = {"reference": str(new_id()), "payment_reference": report.provider_reference} | fields
    return RefundRequest(amount=Money.parse(amount, payment.amount.currency.code), payment=payment, **given)


def a_notice(
    simulator: RunningSimulator, event: dict[str, Any], *, secret: str = "", at: datetime | None = None
) -> RawNotice:
    """An event, signed as Stripe does."""
    now = at or datetime.now(UTC)
    body = json.dumps(event).encode()
    signed = signature(secret or simulator.settings["webhook_secret"], at=int(now.timestamp()), body=body)
    return RawNotice(headers={"stripe-signature": signed}, body=body, received_at=now)


def events_about(simulator: RunningSimulator, reference: str) -> dict[str, dict[str, Any]]:
    """The newest event of each type."""
    return {event["type"]: simulator.event(event["id"]) for event in simulator.events(reference)}


class an_impostor:
    """A server that gives every request the same answer, or one after the other of ``bodies``."""

    def __init__(self, status: int, body: bytes, location: str = "") -> None:
        self.requests: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        impostor = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                impostor.requests.append({name.lower(): value for name, value in self.headers.items()})
                answer = impostor.bodies.pop(0) if impostor.bodies else body
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> an_impostor:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.provider = StripeProvider(
            StripeSettings(
                api_key="rk_test_1234567890",
                webhook_secret="whsec_1234567890",
                base_url=f"http://127.0.0.1:{self._server.server_address[1]}",
                timeout_s=2,
            )
        )
        return self

    def __exit__(self, *failure: object) -> None:
        self.provider.close()
        self._server.shutdown()
        self._server.server_close()
