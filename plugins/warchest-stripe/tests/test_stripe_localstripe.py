"""The plug-in against localstripe, a third party's idea of Stripe: a process of its own, for what it has.

It has PaymentIntents, saved methods, 3-D Secure, capture in parts, declines, refunds and signed events. It has no Checkout,
no disputes, no idempotency keys, no fees, and no field ``amount_received``: those are tried against the simulator.
"""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.sdk.payments import PaymentRequest, RawNotice, RefundRequest, Standing, Subject
from warchest_stripe.provider import StripeProvider
from warchest_stripe.settings import StripeSettings

_START_S_MAX = 30
_KEY = "sk_test_localstripe"
_SECRET = "whsec_localstripe_secret"
_NOT_KNOWN_THERE = {"return_url", "description"}
"""Parameters of Stripe's that localstripe refuses to hear; they are taken off on the way, and nothing else is."""

pytestmark = pytest.mark.skipif(
    find_spec("localstripe") is None, reason="localstripe is not installed: script/test does"
)


@dataclass
class Localstripe:
    url: str
    notices: queue.Queue[RawNotice]

    def ask(self, method: str, path: str, **form: str) -> dict[str, Any]:
        with httpx.Client(base_url=self.url, auth=(_KEY, ""), timeout=10, trust_env=False) as client:
            answer = client.request(method, path, data=form or None)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def a_token(self, number: str) -> str:
        """A customer with a saved card, as Stripe's own page would leave them."""
        customer = self.ask("POST", "/v1/customers", **{"metadata[payer]": "player"})["id"]
        card = {"card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2034", "card[cvc]": "123"}
        method = self.ask("POST", "/v1/payment_methods", type="card", **card)["id"]
        self.ask("POST", f"/v1/payment_methods/{method}/attach", customer=customer)
        return f"{customer}:{method}"

    def notice(self, kind: str) -> RawNotice:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            notice = self.notices.get(timeout=10)
            if f'"type": "{kind}"'.encode() in notice.body:
                return notice
        raise AssertionError(f"no event {kind}")


@pytest.fixture(scope="module")
def localstripe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Localstripe]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("localstripe") / "log"
    command = [sys.executable, "-m", "localstripe", "--port", str(port), "--from-scratch"]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(port, process, log)
        with _in_between(f"http://127.0.0.1:{port}") as url, _inbox() as (inbox, notices):
            running = Localstripe(url, notices)
            running.ask("POST", "/_config/webhooks/warchest", url=inbox, secret=_SECRET)
            yield running
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def provider(localstripe: Localstripe) -> Iterator[StripeProvider]:
    settings = StripeSettings(api_key=_KEY, webhook_secret=_SECRET, base_url=localstripe.url, timeout_s=5)
    provider = StripeProvider(settings)
    yield provider
    provider.close()


def a_payment(token: str, **fields: Any) -> PaymentRequest:
    return PaymentRequest(
        **{
            "reference": str(new_id()),
            "amount": Money.parse("20.00", "EUR"),
            "return_url": "http://127.0.0.1:9/back",
            "notice_url": "",
            "description": "2000 credits",
            "language": "en",
            "country": "DE",
            "saved_method": token,
            "player_present": False,
        }
        | fields
    )


def test_health_is_well(provider: StripeProvider) -> None:
    assert provider.health().well


def test_a_saved_card_is_charged_and_found_again(localstripe: Localstripe, provider: StripeProvider) -> None:
    payment = a_payment(localstripe.a_token("4242424242424242"))
    report = provider.start(payment)
    assert report.standing is Standing.SUCCEEDED
    # localstripe does not say what was received, and what was asked for is no answer to it.
    assert report.amount is None
    asked = provider.inquire(payment, provider_reference=report.provider_reference)
    assert asked.standing is Standing.SUCCEEDED
    charge = localstripe.ask("GET", f"/v1/payment_intents/{report.provider_reference}")["latest_charge"]
    assert (charge["amount"], charge["currency"]) == (2000, "eur")


def test_the_event_of_a_charge_is_believed(localstripe: Localstripe, provider: StripeProvider) -> None:
    payment = a_payment(localstripe.a_token("4242424242424242"))
    report = provider.start(payment)
    while True:
        notice = provider.read_notice(localstripe.notice("payment_intent.succeeded"))
        if notice.reference == payment.reference:
            break
    assert (notice.subject, notice.report.standing) == (Subject.PAYMENT, Standing.SUCCEEDED)
    assert notice.payment_reference == report.provider_reference


def test_a_declined_card_fails_with_the_reason(localstripe: Localstripe, provider: StripeProvider) -> None:
    report = provider.start(a_payment(localstripe.a_token("4000000000000341")))
    assert (report.standing, report.reason) == (Standing.FAILED, "card_declined")


@pytest.mark.parametrize("proved", [True, False])
def test_the_bank_wants_the_player(localstripe: Localstripe, provider: StripeProvider, proved: bool) -> None:
    payment = a_payment(localstripe.a_token("4000002500003155"))
    report = provider.start(payment)
    assert (report.standing, report.reason) == (Standing.PENDING, "authentication_required")
    number = report.provider_reference
    secret = localstripe.ask("GET", f"/v1/payment_intents/{number}")["client_secret"]
    assert secret not in report.raw
    form = {"client_secret": secret, "success": str(proved).lower()}
    localstripe.ask("POST", f"/v1/payment_intents/{number}/_authenticate", **form)
    asked = provider.inquire(payment, provider_reference=number)
    if proved:
        assert asked.standing is Standing.SUCCEEDED
    else:
        assert (asked.standing, asked.reason) == (Standing.FAILED, "payment_intent_authentication_failure")


def test_what_was_reserved_is_captured(localstripe: Localstripe, provider: StripeProvider) -> None:
    payment = a_payment(localstripe.a_token("4242424242424242"), capture_later=True)
    report = provider.start(payment)
    assert report.standing is Standing.AUTHORISED
    number = report.provider_reference
    part = Money.parse("12.00", "EUR")
    assert provider.capture(payment, provider_reference=number, amount=part).standing is Standing.SUCCEEDED
    charge = localstripe.ask("GET", f"/v1/payment_intents/{number}")["latest_charge"]
    assert charge["amount"] - charge["amount_refunded"] == 1200
    again = provider.capture(payment, provider_reference=number, amount=part)
    assert again.standing is Standing.SUCCEEDED


def test_what_was_reserved_is_let_go(localstripe: Localstripe, provider: StripeProvider) -> None:
    payment = a_payment(localstripe.a_token("4242424242424242"), capture_later=True)
    number = provider.start(payment).provider_reference
    for _ in range(2):
        assert provider.void(payment, provider_reference=number).standing is Standing.CANCELLED


def test_a_refund_is_one_though_no_key_is_known_there(
    localstripe: Localstripe, provider: StripeProvider
) -> None:
    payment = a_payment(localstripe.a_token("4242424242424242"))
    report = provider.start(payment)
    refund = RefundRequest(str(new_id()), Money.parse("5.00", "EUR"), payment, report.provider_reference)
    first, again = provider.refund(refund), provider.refund(refund)
    assert (first.standing, first.amount) == (Standing.SUCCEEDED, refund.amount)
    assert first.provider_reference == again.provider_reference
    listed = localstripe.ask("GET", f"/v1/refunds?payment_intent={report.provider_reference}")
    assert [each["amount"] for each in listed["data"]] == [500]


def test_a_forgotten_card_is_gone(localstripe: Localstripe, provider: StripeProvider) -> None:
    token = localstripe.a_token("4242424242424242")
    for _ in range(2):
        assert provider.forget_method(payer="player", token=token).standing is Standing.SUCCEEDED
    method = localstripe.ask("GET", f"/v1/payment_methods/{token.partition(':')[2]}")
    assert method["customer"] is None


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_S_MAX
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"localstripe did not start: {log.read_text()[-1000:]}")


class _in_between:
    """Passes everything on to localstripe, but for the parameters that it does not know."""

    def __init__(self, target: str) -> None:
        client = httpx.Client(base_url=target, timeout=10, trust_env=False)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
                form = [
                    (name, value) for name, value in parse_qsl(body, True) if name not in _NOT_KNOWN_THERE
                ]
                headers = {"authorization": self.headers.get("Authorization", "")}
                if self.command == "POST":
                    headers["content-type"] = "application/x-www-form-urlencoded"
                answer = client.request(
                    self.command, self.path, content=urlencode(form) or None, headers=headers
                )
                self.send_response(answer.status_code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _inbox:
    """Where localstripe sends its events."""

    def __init__(self) -> None:
        self._received: queue.Queue[RawNotice] = queue.Queue()
        received = self._received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.put(RawNotice(headers, body, datetime.now(UTC)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> tuple[str, queue.Queue[RawNotice]]:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/", self._received

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()
