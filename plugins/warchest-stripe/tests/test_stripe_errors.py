"""What Stripe answers when it does not do what it was asked to, and what is no answer of Stripe's."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from warchest.sdk.payments import (
    RefundRequest,
    Standing,
)
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import StripeSettings
from warchest_stripe.testing import RunningSimulator

from .hands import (
    a_payment,
    an_impostor,
)


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "error", "standing", "reason"),
        [
            (402, {"type": "card_error", "code": "card_declined"}, Standing.FAILED, "card_declined"),
            (
                402,
                {"type": "card_error", "code": "card_declined", "decline_code": "lost_card"},
                Standing.FAILED,
                "lost_card",
            ),
            (402, {"type": "api_error"}, Standing.UNKNOWN, "api_error"),
            (
                400,
                {"type": "invalid_request_error", "code": "amount_too_large"},
                Standing.FAILED,
                "amount_too_large",
            ),
            (400, {"type": "idempotency_error"}, Standing.UNKNOWN, "idempotency_error"),
            (
                400,
                {"type": "invalid_request_error", "code": "lock_timeout"},
                Standing.UNKNOWN,
                "lock_timeout",
            ),
            (401, {"type": "invalid_request_error"}, Standing.UNKNOWN, "api_key_not_accepted"),
            (403, {"type": "invalid_request_error"}, Standing.UNKNOWN, "api_key_lacks_permission"),
            (
                404,
                {"type": "invalid_request_error", "code": "resource_missing"},
                Standing.UNKNOWN,
                "resource_missing",
            ),
            (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Standing.UNKNOWN, None),
            (429, {"type": "invalid_request_error", "code": "rate_limit"}, Standing.UNKNOWN, "rate_limit"),
            (500, {"type": "api_error"}, Standing.UNKNOWN, "api_error"),
            (503, {"type": "api_error", "code": "down"}, Standing.UNKNOWN, "down"),
            (418, {"type": "made_up"}, Standing.UNKNOWN, "made_up"),
        ],
    )
    def test_are_read_by_their_type(
        self, status: int, error: dict[str, str], standing: Standing, reason: str | None
    ) -> None:
        with an_impostor(status, json.dumps({"error": error}).encode()) as impostor:
            report = impostor.provider.start(a_payment())
        assert report.standing is standing
        assert reason is None or report.reason == reason

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, b"<html>"),
            (200, b"{}"),
            (200, b"[]"),
            (200, b"null"),
            (200, b'"text"'),
            (200, b"\xff\xfe"),
            (200, b'{"object": 5, "id": {}}'),
            (200, b'{"object": "list", "data": 7}'),
            (302, b""),
            (400, b"Bad Request"),
            (400, b'{"error": "no"}'),
            (402, b"<html>"),
            (404, b"no page"),
        ],
    )
    def test_that_are_no_answer_of_stripes_are_unknown(self, status: int, body: bytes) -> None:
        payment = a_payment()
        with an_impostor(status, body) as impostor:
            provider = impostor.provider
            assert provider.start(payment).standing is Standing.UNKNOWN
            assert provider.inquire(payment, provider_reference="pi_1").standing is Standing.UNKNOWN
            assert provider.void(payment, provider_reference="pi_1").standing is Standing.UNKNOWN
            refund = RefundRequest("r", payment.amount, payment, "pi_1")
            assert provider.refund(refund).standing is Standing.UNKNOWN
            assert provider.forget_method(payer="p", token="cus_1:pm_1").standing is Standing.UNKNOWN
            assert not provider.health().well

    def test_refuse_the_question_and_not_the_payment_when_asking(self) -> None:
        body = json.dumps({"error": {"type": "invalid_request_error", "code": "parameter_unknown"}}).encode()
        with an_impostor(400, body) as impostor:
            report = impostor.provider.inquire(a_payment(), provider_reference="pi_1")
        assert (report.standing, report.reason) == (Standing.UNKNOWN, "parameter_unknown")

    def test_that_pass_are_tried_again_under_the_same_key(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(conflict_next=1)
        payment = a_payment()
        assert provider.start(payment).standing is Standing.PENDING
        assert simulator.truth(payment.reference)["payments"] == 1

    def test_of_a_restricted_key_are_told_by_health(
        self, simulator: RunningSimulator, provider: StripeProvider
    ) -> None:
        simulator.control(forbidden="balance")
        health = provider.health()
        assert not health.well and "may not read the balance" in health.detail

    def test_of_a_key_of_the_other_mode_are_told_by_health(self) -> None:
        body = json.dumps({"object": "balance", "livemode": True}).encode()
        with an_impostor(200, body) as impostor:
            assert "test payments" in impostor.provider.health().detail


class _Falls(BaseHTTPRequestHandler):
    """Takes a request, and breaks the line without an answer."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.told.append(self.path)  # type: ignore[attr-defined]
        if len(self.server.told) == 1:  # type: ignore[attr-defined]
            # Nobody listens any more when the library tries again.
            self.server.socket.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class TestSilence:
    def test_says_that_nothing_was_sent_where_no_connection_was_ever_made(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        provider = StripeProvider(settings_for(port))
        report = provider.start(a_payment())
        assert (report.standing, report.reason, report.never_sent) == (Standing.UNKNOWN, "unreachable", True)

    def test_does_not_where_a_first_try_may_have_arrived_though_the_next_did_not(self) -> None:
        server = HTTPServer(("127.0.0.1", 0), _Falls)
        server.told = []  # type: ignore[attr-defined]
        provider = StripeProvider(settings_for(server.server_address[1]))
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        report = provider.start(a_payment())
        thread.join()
        assert server.told  # type: ignore[attr-defined]
        assert (report.standing, report.never_sent) == (Standing.UNKNOWN, False)


def settings_for(port: int) -> StripeSettings:
    return StripeSettings(
        api_key="rk_test_1234567890",
        webhook_secret="whsec_1234567890",
        base_url=f"http://127.0.0.1:{port}",
        timeout_s=2,
    )
