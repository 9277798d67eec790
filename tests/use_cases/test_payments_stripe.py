"""Topping up through Stripe: the API opens Checkout, the player pays on its page, and signed events come in at our door."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player
from warchest.charging.contract import Charging
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.return_from_provider import return_from_provider
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.payments.contract import DisputeState, Payment, Payments, RefundState, Status
from warchest.payments.models import Message
from warchest.runtime.services import services
from warchest_stripe.testing import RunningSimulator, query_of

pytestmark = [pytest.mark.usefixtures("database", "stripe"), pytest.mark.use_case("PLG-03")]

THOUSAND_UNITS = Money.parse("1000", "XCR")


class OurDoor:
    """An address on which Warchest's own API takes what Stripe sends, and nothing else of it."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {"Stripe-Signature": self.headers["Stripe-Signature"]}
                try:
                    status = call(None, "POST", "/notices/stripe", body, key="", headers=headers).status_code
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
def stripe(door: OurDoor, tmp_path: Path) -> Iterator[RunningSimulator]:
    # One for each test: what is refused is sent again, and would come to the next.
    with (
        RunningSimulator(tmp_path / "stripe", webhook_url=door.url) as simulator,
        changed_configuration(providers={"stripe": {**simulator.settings, "timeout_s": 2}}),
    ):
        yield simulator


def top_up(player: UUID) -> dict[str, Any]:
    body = {
        "amount": {"amount": "10.00", "currency": "EUR"},
        "provider": "stripe",
        "return_url": "https://portal.example.org/back?x=1",
    }
    answer = call(an_api_client(), "POST", f"/players/{player}/top-ups", body)
    assert answer.status_code == 201, answer.content
    opened: dict[str, Any] = answer.json()
    return opened


def the_payment(opened: dict[str, Any]) -> Payment:
    return services.get(Payments).payment(payment_id=UUID(opened["id"]))


def units_of(player: UUID) -> Money:
    return services.get(Charging).wallet(player=player).posted


def test_the_player_pays_on_stripes_page_and_is_credited_by_its_events(
    stripe: RunningSimulator, door: OurDoor
) -> None:
    player = a_player()
    opened = top_up(player.id)
    assert (opened["status"], opened["redirect_url"].startswith(stripe.url)) == ("pending", True)
    assert units_of(player.id) == Money.units(0)

    back = stripe.pay(opened["redirect_url"])
    assert back == "https://portal.example.org/back?x=1"
    stripe.wait_until_sent(opened["id"])

    paid = the_payment(opened)
    assert paid.status is Status.SUCCEEDED
    assert paid.provider_reference.startswith("pi_")
    assert units_of(player.id) == THOUSAND_UNITS
    assert door.answers == [200, 200, 200]
    assert_books_prove()


def test_events_in_copies_and_in_any_order_credit_once(stripe: RunningSimulator, door: OurDoor) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.control(event_copies=3, reverse_events=True)
    stripe.pay(opened["redirect_url"])
    stripe.wait_until_sent(opened["id"], within_s=8)
    assert door.answers == 9 * [200]
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_lost_events_are_made_up_by_asking(stripe: RunningSimulator) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.control(lose_events=True)
    stripe.pay(opened["redirect_url"])
    assert units_of(player.id) == Money.units(0)
    settle_open_payments(at=datetime.now(UTC) + timedelta(minutes=2))
    assert the_payment(opened).status is Status.SUCCEEDED
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_a_lost_answer_is_found_by_asking_and_can_be_paid(stripe: RunningSimulator) -> None:
    player = a_player()
    stripe.control(lose_answers=True)
    opened = top_up(player.id)
    assert the_payment(opened).status is Status.UNKNOWN
    stripe.control(lose_answers=False)
    settle_open_payments(at=datetime.now(UTC) + timedelta(minutes=2))
    found = the_payment(opened)
    assert (found.status, found.redirect_url.startswith(stripe.url)) == (Status.PENDING, True)
    stripe.pay(found.redirect_url)
    stripe.wait_until_sent(opened["id"])
    assert units_of(player.id) == THOUSAND_UNITS
    assert stripe.truth(opened["id"])["payments"] == 1
    assert_books_prove()


def test_a_declined_player_who_goes_back_has_paid_nothing(stripe: RunningSimulator) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.pay(opened["redirect_url"], "4000000000009995")
    assert the_payment(opened).status is Status.PENDING

    (session,) = [
        each
        for each in stripe.ask("GET", "/v1/checkout/sessions?limit=100")["data"]
        if each["client_reference_id"] == opened["id"]
    ]
    shown = return_from_provider(
        a_command(at=datetime.now(UTC)), payment_id=UUID(opened["id"]), query=query_of(session["cancel_url"])
    ).answer
    assert (shown.status, shown.reason) == (Status.FAILED, "insufficient_funds")
    assert units_of(player.id) == Money.units(0)
    # The page is closed behind them.
    stripe.pay(opened["redirect_url"])
    assert stripe.truth(opened["id"])["taken"] == []
    assert_books_prove()


@pytest.mark.parametrize(
    "wrong", [{"wrong_amount": True}, {"wrong_currency": "USD"}, {"negative_amount": True}]
)
def test_what_was_not_asked_for_waits_for_a_person(stripe: RunningSimulator, wrong: dict[str, Any]) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.control(**wrong)
    stripe.pay(opened["redirect_url"])
    stripe.wait_until_sent(opened["id"])
    assert the_payment(opened).status is Status.REVIEW
    assert units_of(player.id) == Money.units(0)
    assert_books_prove()


def test_events_signed_by_nobody_are_turned_away(stripe: RunningSimulator, door: OurDoor) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.control(wrong_signature=True)
    stripe.pay(opened["redirect_url"])
    stripe.wait_until_sent(opened["id"], within_s=1)
    assert door.answers and set(door.answers) <= {400, 401, 403}
    assert units_of(player.id) == Money.units(0)


def test_no_message_holds_a_card_number_a_secret_or_a_name(stripe: RunningSimulator) -> None:
    player = a_player()
    opened = top_up(player.id)
    stripe.pay(opened["redirect_url"])
    stripe.wait_until_sent(opened["id"])
    settle_open_payments(at=datetime.now(UTC) + timedelta(minutes=2))
    kept = "\n".join(Message.objects.values_list("text", flat=True))
    assert opened["id"] in kept
    for hidden in ("4242424242424242", "_secret_", "player@example.com", *map(str, _secrets(stripe))):
        assert hidden not in kept


def _secrets(stripe: RunningSimulator) -> list[Any]:
    return [stripe.settings["api_key"], stripe.settings["webhook_secret"]]


def paid_through(stripe: RunningSimulator, player: UUID, card: str = "4242424242424242") -> dict[str, Any]:
    opened = top_up(player)
    stripe.pay(opened["redirect_url"], card)
    stripe.wait_until_sent(opened["id"])
    assert units_of(player) == THOUSAND_UNITS
    return opened


def booked(book: str) -> str:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", "stripe")).posted.major


@pytest.mark.use_case("PAY-02")
@pytest.mark.parametrize(
    ("succeeded", "state", "left"),
    [(True, RefundState.CONFIRMED, "600.00"), (False, RefundState.REFUSED, "1000.00")],
)
def test_a_refund_that_takes_its_time_ends_by_its_event(
    stripe: RunningSimulator, succeeded: bool, state: RefundState, left: str
) -> None:
    player = a_player()
    opened = paid_through(stripe, player.id)
    stripe.control(delay_refunds=True)
    asked = refund_payment(
        a_command(), payment_id=UUID(opened["id"]), amount=Money.parse("4.00", "EUR"), reason="changed mind"
    ).answer
    assert asked.state is RefundState.INSTRUCTED

    (told,) = stripe.ask("GET", "/v1/refunds")["data"]
    assert (told["metadata"]["refund_reference"], told["amount"]) == (str(asked.id), 400)
    stripe.finish_refund(told["id"], succeeded=succeeded)
    stripe.wait_until_sent(str(asked.id))

    assert services.get(Payments).refund(refund_id=asked.id).state is state
    assert units_of(player.id).major == left
    assert_books_prove()


@pytest.mark.use_case("PAY-04")
@pytest.mark.parametrize(
    ("decided", "state", "left"),
    [("won", DisputeState.WON, "1000.00"), ("lost", DisputeState.LOST, "0.00")],
)
def test_a_dispute_is_heard_by_the_payments_number_and_decided(
    stripe: RunningSimulator, decided: str, state: DisputeState, left: str
) -> None:
    player = a_player()
    opened = paid_through(stripe, player.id)
    number = the_payment(opened).provider_reference
    stripe.dispute(opened["id"], "needs_response")
    stripe.wait_until_sent(number)
    assert the_payment(opened).status is Status.DISPUTED
    assert services.get(Charging).wallet(player=player.id).available == Money.units(0)
    assert booked("disputed_funds") == "10.00"

    stripe.dispute(opened["id"], decided)
    stripe.wait_until_sent(number)
    (dispute,) = services.get(Payments).disputes(payment_id=UUID(opened["id"]))
    assert dispute.state is state
    assert units_of(player.id).major == left
    assert booked("disputed_funds") == "0.00"
    assert_books_prove()
