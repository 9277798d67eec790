"""Topping up through PayPal: the API opens an order, the player approves it there, and it is captured once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.charging.contract import Charging
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.return_from_provider import return_from_provider
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import Payment, Payments, RefundState, Status
from warchest.payments.models import Message
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_paypal.testing import RunningPaypal

pytestmark = [pytest.mark.usefixtures("database", "paypal"), pytest.mark.use_case("PLG-06")]

THOUSAND_UNITS = Money.parse("1000", "XCR")


class OurDoor:
    """An address on which Warchest's own API takes what PayPal sends, and nothing else of it."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    status = bring(dict(self.headers.items()), body)
                finally:
                    connections.close_all()
                door.answers.append(status)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> OurDoor:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def door() -> Iterator[OurDoor]:
    with OurDoor() as door:
        yield door


@pytest.fixture
def paypal(door: OurDoor, tmp_path: Path) -> Iterator[RunningPaypal]:
    # One for each test: what is refused is sent again, and would come to the next.
    with RunningPaypal(tmp_path / "paypal") as paypal:
        paypal.webhook_to(door.url)
        with changed_configuration(providers={"paypal": {**paypal.settings, "timeout_s": 2}}):
            yield paypal


def bring(headers: dict[str, str], body: bytes) -> int:
    theirs = {name: value for name, value in headers.items() if name.lower().startswith("paypal-")}
    return call(None, "POST", "/notices/paypal", body, key="", headers=theirs).status_code


def top_up(player: UUID) -> dict[str, Any]:
    body = {
        "amount": {"amount": "10.00", "currency": "EUR"},
        "provider": "paypal",
        "return_url": "https://portal.example.org/back?x=1",
    }
    answer = call(an_api_client(), "POST", f"/players/{player}/top-ups", body)
    assert answer.status_code == 201, answer.content
    opened: dict[str, Any] = answer.json()
    return opened


def approve(paypal: RunningPaypal, address: str, how: str = "balance") -> dict[str, str]:
    """What the player's browser does. Answers the query that it comes back with."""
    token = dict(parse_qsl(urlsplit(address).query))["token"]
    sent = httpx.post(f"{paypal.url}/checkoutnow", data={"token": token, "with": how}, trust_env=False)
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


def come_back(opened: dict[str, Any], query: dict[str, str]) -> Payment:
    return return_from_provider(a_command(at=now()), payment_id=UUID(opened["id"]), query=query).answer


def the_payment(opened: dict[str, Any]) -> Payment:
    return services.get(Payments).payment(payment_id=UUID(opened["id"]))


def units_of(player: UUID) -> Money:
    return services.get(Charging).wallet(player=player).posted


def eventually(holds: Callable[[], bool], within_s: float = 8) -> bool:
    until = time.monotonic() + within_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.05)
    return holds()


def test_the_player_approves_and_is_credited_once_by_return_and_webhooks(
    paypal: RunningPaypal, door: OurDoor
) -> None:
    player = a_player()
    opened = top_up(player.id)
    assert (opened["status"], opened["redirect_url"].startswith(paypal.url)) == ("pending", True)
    brought = approve(paypal, opened["redirect_url"])
    assert units_of(player.id) == Money.units(0)

    shown = come_back(opened, brought)

    assert shown.status is Status.SUCCEEDED
    assert shown.provider_reference == brought["token"]
    assert eventually(lambda: door.answers == [200, 200])
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_an_approval_without_a_return_is_captured_by_asking(paypal: RunningPaypal, door: OurDoor) -> None:
    player = a_player()
    opened = top_up(player.id)
    approve(paypal, opened["redirect_url"])
    assert eventually(lambda: door.answers == [200])
    assert the_payment(opened).status is Status.PENDING
    # Its webhook has made the question due at once: the payer's approval does not last.
    assert settle_open_payments(at=datetime.now(UTC)).asked == 1
    assert the_payment(opened).status is Status.SUCCEEDED
    assert paypal.truth(opened["id"])["taken"] == {"minor": 1000, "currency": "EUR"}
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


@pytest.mark.parametrize(("succeeded", "status"), [(True, Status.SUCCEEDED), (False, Status.FAILED)])
def test_a_capture_that_paypal_holds_ends_by_its_webhook(
    paypal: RunningPaypal, door: OurDoor, succeeded: bool, status: Status
) -> None:
    player = a_player()
    opened = top_up(player.id)
    held = come_back(opened, approve(paypal, opened["redirect_url"], "check"))
    assert (held.status, held.reason) == (Status.PENDING, "ECHECK")
    paypal.decide(opened["id"], succeeded=succeeded)
    assert eventually(lambda: the_payment(opened).status is status)
    assert units_of(player.id) == (THOUSAND_UNITS if succeeded else Money.units(0))
    assert_books_prove()


def test_webhooks_in_copies_backwards_and_again_credit_once(paypal: RunningPaypal) -> None:
    player = a_player()
    paypal.control(lose_notices=True)
    opened = top_up(player.id)
    come_back(opened, approve(paypal, opened["redirect_url"], "check"))
    paypal.decide(opened["id"], succeeded=True)
    for headers, body in [*reversed(paypal.notices(opened["id"])), *paypal.notices(opened["id"])]:
        assert bring(headers, body) == 200
    assert the_payment(opened).status is Status.SUCCEEDED
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_a_webhook_that_paypal_cannot_vouch_for_now_comes_again_and_a_forged_one_does_not_help(
    paypal: RunningPaypal,
) -> None:
    player = a_player()
    paypal.control(lose_notices=True)
    opened = top_up(player.id)
    come_back(opened, approve(paypal, opened["redirect_url"], "check"))
    paypal.decide(opened["id"], succeeded=True)
    headers, body = paypal.notices(opened["id"])[-1]

    assert bring(headers, body.replace(b"COMPLETED", b"DECLINED")) == 401
    paypal.control(verify_answer="error")
    assert bring(headers, body) == 503
    assert the_payment(opened).status is Status.PENDING
    paypal.control(verify_answer="")
    assert bring(headers, body) == 200

    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_an_opening_without_an_answer_is_found_by_asking_and_can_be_paid(paypal: RunningPaypal) -> None:
    player = a_player()
    paypal.control(mood="lose_answers")
    opened = top_up(player.id)
    assert the_payment(opened).status is Status.UNKNOWN
    paypal.behave()
    settle_open_payments(at=now() + timedelta(minutes=2))
    found = the_payment(opened)
    assert (found.status, found.redirect_url.startswith(paypal.url)) == (Status.PENDING, True)
    assert come_back(opened, approve(paypal, found.redirect_url)).status is Status.SUCCEEDED
    assert paypal.truth(opened["id"])["payments"] == 1
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


@pytest.mark.parametrize("wrong", [{"take_less_minor": 1}, {"take_in": "USD"}, {"amount_told": "zero"}])
def test_what_was_not_asked_for_waits_for_a_person(paypal: RunningPaypal, wrong: dict[str, Any]) -> None:
    player = a_player()
    opened = top_up(player.id)
    paypal.control(**wrong)
    assert come_back(opened, approve(paypal, opened["redirect_url"])).status is Status.REVIEW
    assert units_of(player.id) == Money.units(0)
    assert_books_prove()


def test_a_refund_that_takes_its_time_is_confirmed_by_webhook(paypal: RunningPaypal) -> None:
    player = a_player()
    opened = top_up(player.id)
    come_back(opened, approve(paypal, opened["redirect_url"]))
    paypal.control(delay_refunds=True)
    clerk = acting_as(an_administrator(Role.OWNER), at=now())
    refund = refund_payment(
        clerk, payment_id=UUID(opened["id"]), amount=Money.parse("4.00", "EUR"), reason="asked for"
    ).answer
    assert refund.state is RefundState.INSTRUCTED
    assert the_payment(opened).status is Status.SUCCEEDED
    paypal.finish_refunds(opened["id"], confirmed=True)
    assert eventually(lambda: the_payment(opened).status is Status.PARTIALLY_REFUNDED)
    assert services.get(Payments).refund(refund_id=refund.id).state is RefundState.CONFIRMED
    assert units_of(player.id) == Money.parse("600", "XCR")
    assert_books_prove()


def test_a_dispute_is_heard_and_its_end(paypal: RunningPaypal) -> None:
    player = a_player()
    opened = top_up(player.id)
    come_back(opened, approve(paypal, opened["redirect_url"]))
    paypal.dispute(opened["id"])
    assert eventually(lambda: the_payment(opened).status is Status.DISPUTED)
    assert_books_prove()
    paypal.end_dispute(opened["id"], "RESOLVED_SELLER_FAVOUR")
    assert eventually(lambda: the_payment(opened).status is Status.SUCCEEDED)
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_no_message_holds_a_secret(paypal: RunningPaypal) -> None:
    player = a_player()
    opened = top_up(player.id)
    come_back(opened, approve(paypal, opened["redirect_url"]))
    kept = "\n".join(Message.objects.values_list("text", flat=True))
    assert opened["id"] in kept and json.dumps(opened["id"]) in kept
    for hidden in (paypal.settings["client_secret"], "A21AA", "Bearer"):
        assert hidden not in kept
