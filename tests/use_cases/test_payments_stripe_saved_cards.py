"""PAY-07 through Stripe: a card saved on Checkout, told by an event, charged by a PaymentIntent with and without the player."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.people import a_command, a_player
from tests.use_cases.test_payments_stripe import door, stripe, units_of  # noqa: F401
from warchest.journeys.order_auto_top_up import order_auto_top_up
from warchest.journeys.top_up_by_itself import top_up_by_itself
from warchest.kernel.money import Money
from warchest.payments.contract import AUTO_WORDING, Occasion, Payments, Status
from warchest.payments.models import SavedMethod as MethodRow
from warchest.runtime.afterwards import finish_all
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_stripe.testing import RunningSimulator

pytestmark = [pytest.mark.usefixtures("database", "stripe"), pytest.mark.use_case("PAY-07")]

TEN = {"amount": "10.00", "currency": "EUR"}


def top_up(player: UUID, **more: Any) -> dict[str, Any]:
    body = {"amount": TEN, "return_url": "https://portal.example.org/back", **more}
    answer = call(an_api_client(), "POST", f"/players/{player}/top-ups", body)
    assert answer.status_code == 201, answer.content
    opened: dict[str, Any] = answer.json()
    return opened


def saved_by_event(stripe: RunningSimulator, player: UUID, **more: Any) -> dict[str, Any]:  # noqa: F811
    opened = top_up(player, provider="stripe", save_consent="mine-1")
    stripe.pay(opened["redirect_url"], **more)
    stripe.wait_until_sent(opened["id"])
    finish_all()
    (card,) = call(an_api_client(), "GET", f"/players/{player}/payment-methods").json()
    return card


def test_is_told_by_an_event_and_charged_with_one_click(stripe: RunningSimulator) -> None:  # noqa: F811
    player = a_player()

    card = saved_by_event(stripe, player.id)

    assert card["label"].startswith("Visa ••••")
    assert (card["provider"], card["state"]) == ("stripe", "usable")
    one_click = top_up(player.id, payment_method=card["id"])
    assert (one_click["status"], one_click["redirect_url"]) == ("succeeded", None)
    assert units_of(player.id) == Money.parse("2000", "XCR")
    assert_books_prove()


def test_is_let_go_at_stripe_and_its_token_erased(stripe: RunningSimulator) -> None:  # noqa: F811
    player = a_player()
    card = saved_by_event(stripe, player.id)

    gone = call(an_api_client(), "DELETE", f"/players/{player.id}/payment-methods/{card['id']}").json()

    assert gone["state"] == "forgotten"
    assert MethodRow.objects.get(id=card["id"]).token is None


@pytest.mark.use_case("PAY-08")
def test_tops_up_without_the_player(stripe: RunningSimulator) -> None:  # noqa: F811
    player = a_player()
    card = saved_by_event(stripe, player.id)
    order_auto_top_up(
        a_command(at=now()),
        player=player.id,
        below=Money.parse("1500", "XCR"),
        amount=Money.parse("10.00", "EUR"),
        cap=Money.parse("10.00", "EUR"),
        method_id=UUID(card["id"]),
        wording=AUTO_WORDING,
    )

    payment = top_up_by_itself(a_command(at=now()), player=player.id, occasion=Occasion.BALANCE)

    assert payment is not None and payment.status is Status.SUCCEEDED
    (run,) = services.get(Payments).auto_runs(player=player.id)
    assert run.closed_at is not None
    assert units_of(player.id) == Money.parse("2000", "XCR")
    assert_books_prove()
