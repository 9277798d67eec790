"""Topping up through Payflow: the API opens a hosted page, the player pays on it, and Warchest finds out by asking."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import httpx
import pytest

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
from warchest_payflow.testing import RunningPayflow

pytestmark = [pytest.mark.usefixtures("database", "payflow"), pytest.mark.use_case("PLG-04")]

THOUSAND_UNITS = Money.parse("1000", "XCR")
CARD = "4111111111111111"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPayflow]:
    folder: Path = tmp_path_factory.mktemp("payflow")
    with RunningPayflow(folder) as payflow:
        yield payflow


@pytest.fixture
def payflow(running: RunningPayflow) -> Iterator[RunningPayflow]:
    running.behave()
    running.control(page_lifetime_s=1800)
    with changed_configuration(providers={"payflow": {**running.settings, "timeout_s": 2}}):
        yield running


def top_up(player: UUID) -> dict[str, Any]:
    body = {
        "amount": {"amount": "10.00", "currency": "EUR"},
        "provider": "payflow",
        "return_url": "https://portal.example.org/back?x=1",
    }
    answer = call(an_api_client(), "POST", f"/players/{player}/top-ups", body)
    assert answer.status_code == 201, answer.content
    opened: dict[str, Any] = answer.json()
    return opened


def pay_on_page(payflow: RunningPayflow, opened: dict[str, Any], card: str = CARD) -> dict[str, str]:
    """What the player's browser does. Answers the query that it comes back with."""
    address = opened["redirect_url"]
    assert "EUR" in httpx.get(address, trust_env=False).text
    form = dict(parse_qsl(urlsplit(address).query)) | {"ACCT": card, "EXPDATE": "1239", "action": "pay"}
    sent = httpx.post(f"{payflow.url}/pay/card", data=form, trust_env=False)
    return dict(parse_qsl(urlsplit(sent.headers.get("location", "")).query))


def the_payment(opened: dict[str, Any]) -> Payment:
    return services.get(Payments).payment(payment_id=UUID(opened["id"]))


def come_back(opened: dict[str, Any], query: dict[str, str]) -> Payment:
    return return_from_provider(a_command(at=now()), payment_id=UUID(opened["id"]), query=query).answer


def units_of(player: UUID) -> Money:
    return services.get(Charging).wallet(player=player).posted


def test_the_player_pays_on_the_hosted_page_and_is_credited_on_return(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    assert (opened["status"], opened["redirect_url"].startswith(payflow.url)) == ("pending", True)

    brought = pay_on_page(payflow, opened)
    assert (brought["x"], brought["RESULT"]) == ("1", "0")
    assert units_of(player.id) == Money.units(0)
    for _ in range(2):
        shown = come_back(opened, brought)

    assert shown.status is Status.SUCCEEDED
    assert shown.provider_reference == brought["PNREF"]
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_a_browser_that_never_returned_is_made_up_for_by_asking(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    pay_on_page(payflow, opened)
    settle_open_payments(at=now() + timedelta(minutes=2))
    assert the_payment(opened).status is Status.SUCCEEDED
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_a_return_as_if_paid_credits_nothing(payflow: RunningPayflow) -> None:
    payer, forger = a_player(), a_player()
    paid, unpaid = top_up(payer.id), top_up(forger.id)
    brought = pay_on_page(payflow, paid)
    forged = brought | {"INVNUM": unpaid["id"], "SECURETOKENID": unpaid["redirect_url"].rpartition("=")[2]}
    assert come_back(unpaid, forged).status is Status.PENDING
    assert units_of(forger.id) == Money.units(0)


def test_what_is_posted_silently_is_turned_away(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    body = f"RESULT=0&RESPMSG=Approved&INVNUM={opened['id']}&AMT=10.00&PNREF=V63F28770576".encode()
    assert call(None, "POST", "/notices/payflow", body, key="").status_code == 401
    assert the_payment(opened).status is Status.PENDING


def test_an_opening_without_an_answer_is_found_by_asking_and_can_be_paid(payflow: RunningPayflow) -> None:
    player = a_player()
    payflow.control(mood="lose_answers")
    opened = top_up(player.id)
    assert the_payment(opened).status is Status.UNKNOWN
    payflow.behave()
    settle_open_payments(at=now() + timedelta(minutes=2))
    found = the_payment(opened)
    assert (found.status, found.redirect_url.startswith(payflow.url)) == (Status.PENDING, True)
    pay_on_page(payflow, {"redirect_url": found.redirect_url})
    assert come_back(opened, {}).status is Status.SUCCEEDED
    assert payflow.truth(opened["id"])["pages"] == 1
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


def test_a_payment_that_a_fraud_filter_holds_is_credited_when_it_is_accepted(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    payflow.pay(opened["id"], result=126)
    held = come_back(opened, {})
    assert (held.status, held.reason) == (Status.PENDING, "payflow_126")
    assert units_of(player.id) == Money.units(0)
    payflow.review(opened["id"], accepted=True)
    settle_open_payments(at=now() + timedelta(hours=1))
    assert units_of(player.id) == THOUSAND_UNITS
    assert_books_prove()


@pytest.mark.parametrize(
    "wrong", [{"charge_less_minor": 1}, {"charge_in": "USD"}, {"amount_told": "negative"}]
)
def test_what_was_not_asked_for_waits_for_a_person(payflow: RunningPayflow, wrong: dict[str, Any]) -> None:
    player = a_player()
    opened = top_up(player.id)
    payflow.control(**wrong)
    pay_on_page(payflow, opened)
    assert come_back(opened, {}).status is Status.REVIEW
    assert units_of(player.id) == Money.units(0)
    assert_books_prove()


def test_a_refund_goes_back_once_and_the_units_with_it(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    pay_on_page(payflow, opened)
    come_back(opened, {})
    clerk = acting_as(an_administrator(Role.OWNER), at=now())
    refund = refund_payment(
        clerk, payment_id=UUID(opened["id"]), amount=Money.parse("4.00", "EUR"), reason="asked for"
    ).answer
    assert refund.state is RefundState.CONFIRMED
    assert payflow.truth(opened["id"])["returned"] == {"minor": 400, "currency": "EUR"}
    assert units_of(player.id) == Money.parse("600", "XCR")
    assert the_payment(opened).status is Status.PARTIALLY_REFUNDED
    assert_books_prove()


def test_no_message_holds_a_card_number_or_the_password(payflow: RunningPayflow) -> None:
    player = a_player()
    opened = top_up(player.id)
    come_back(opened, pay_on_page(payflow, opened))
    kept = "\n".join(Message.objects.values_list("text", flat=True))
    assert opened["id"] in kept
    for hidden in (CARD, payflow.settings["password"]):
        assert hidden not in kept
