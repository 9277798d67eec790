"""PAY-06: a subscription is paid for in one step, and what happens when it can't be had any more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import change_configuration
from tests.builders.house import ARENA, ARENA_MONTH, ARENA_YEAR
from tests.builders.notices import heard
from tests.builders.people import a_command, a_player
from tests.use_cases.test_payments_saved_methods import running, sandbox  # noqa: F401
from warchest.catalogue.contract import Catalogue, UnableToOffer
from warchest.charging.contract import Charging, DebtKind
from warchest.delivery.contract import Delivery
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.buy_directly import buy_directly, direct_offer
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.prolong_subscriptions import UnableToProlong
from warchest.journeys.register_player import Registered
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.settle_payment import settle_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.steps import purposes
from warchest.kernel.errors import TryAgain
from warchest.kernel.money import Money
from warchest.payments.contract import (
    SAVING_WORDING,
    Payment,
    Payments,
    PurposeState,
    Status,
)
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import Report, Standing
from warchest.subscriptions.contract import Subscriptions
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = [pytest.mark.usefixtures("database", "configured"), pytest.mark.use_case("PAY-06")]

NOW = datetime.now(UTC).replace(microsecond=0)
FIVE, FIVE_HUNDRED = Money.parse("5.00", "EUR"), Money.parse("500", "XCR")


@pytest.fixture
def configured(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:  # noqa: F811
    def with_settings(**more: object) -> None:
        change_configuration(providers={"sandbox": {**sandbox.settings, "timeout_s": 2, **more}})

    with_settings()
    yield with_settings
    change_configuration()


def buys(player: Registered, *, at: datetime = NOW, plan: UUID = ARENA_MONTH, **more: object) -> Payment:
    asked = {"amount": FIVE, "charge": FIVE_HUNDRED, "provider": "sandbox", "periods": 1} | more
    return buy_directly(a_command(at=at), player=player.id, plan=plan, **asked).answer


def comes_back(payment: Payment, *, at: datetime = NOW) -> Payment:
    return return_from_provider(a_command(at=at), payment_id=payment.id, query={}).answer


def available(player: Registered) -> Money:
    return services.get(Charging).wallet(player=player.id).available


def has_time(player: Registered, *, at: datetime = NOW) -> bool:
    found = services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=at)
    return found.entitled


def bought(payment: Payment) -> PurposeState:
    purpose = services.get(Payments).purpose(payment_id=payment.id)
    assert purpose is not None
    return purpose.state


def raise_price(*, at: datetime) -> None:
    services.get(Catalogue).add_price(
        plan_id=ARENA_MONTH, amount=Money.parse("600", "XCR"), valid_from=at, at=at
    )


class TestBuying:
    def test_credits_and_buys_when_the_money_comes(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player = a_player()
        payment = buys(player)
        assert (payment.status, bought(payment), has_time(player)) == (
            Status.PENDING,
            PurposeState.WAITING,
            False,
        )
        sandbox.pay(str(payment.id))

        paid = comes_back(payment)

        assert (paid.status, bought(paid), has_time(player)) == (Status.SUCCEEDED, PurposeState.DONE, True)
        assert not available(player)
        assert_books_prove()

    def test_buys_once_though_the_notice_comes_from_eight_threads(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player = a_player()
        payment = buys(player)
        paid = Report(Standing.SUCCEEDED, provider_reference=payment.provider_reference, amount=FIVE)

        def hear(number: int) -> None:
            try:
                settle_payment(a_command(at=NOW), payment_id=payment.id, report=paid)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(hear, range(8)))

        (subscription,) = services.get(Subscriptions).subscriptions(player=player.id)
        assert len(services.get(Subscriptions).grants(subscription_id=subscription.id)) == 1
        assert not available(player)

    def test_meets_purchases_from_the_wallet_at_the_same_moment_without_waiting_for_ever(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player = a_player(with_units="2000", at=NOW)
        payments = [buys(player) for _ in range(4)]
        for payment in payments:
            sandbox.pay(str(payment.id))

        def do(number: int) -> None:
            try:
                if number % 2:
                    comes_back(payments[number // 2])
                else:
                    prolong_subscription(a_command(at=NOW), player=player.id, plan=ARENA_MONTH, periods=1)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(do, range(8)))

        (subscription,) = services.get(Subscriptions).subscriptions(player=player.id)
        assert len(services.get(Subscriptions).grants(subscription_id=subscription.id)) == 8
        assert not available(player)
        assert_books_prove()

    def test_buys_with_one_click_by_a_saved_card(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player = a_player()
        payment = buys(player, consent=SAVING_WORDING)
        sandbox.pay(str(payment.id))
        comes_back(payment)
        (method,) = services.get(Payments).saved_methods(player=player.id)

        again = buys(player, saved_method=method.id, provider="")

        assert (again.status, bought(again)) == (Status.SUCCEEDED, PurposeState.DONE)
        assert_books_prove()

    def test_that_was_declined_buys_nothing(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player = a_player()
        payment = buys(player)
        sandbox.pay(str(payment.id), card="4000000000000002")

        assert comes_back(payment).status is Status.FAILED
        assert (bought(payment), has_time(player)) == (PurposeState.WAITING, False)

    def test_is_asked_about_when_nobody_told_its_end(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        player = a_player()
        sandbox.control(timeout_after_success="close")
        payment = buys(player)
        sandbox.reset()
        sandbox.control(lose_notices=True)
        assert payment.status is Status.UNKNOWN
        sandbox.pay(str(payment.id))

        settle_open_payments(at=NOW + timedelta(hours=1))

        assert bought(payment) is PurposeState.DONE
        assert has_time(player, at=NOW + timedelta(hours=2))


class TestRefusedWhenTheMoneyComes:
    def test_leaves_the_money_in_the_wallet_and_tells_the_player(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player = a_player()
        payment = buys(player)
        sandbox.pay(str(payment.id))
        raise_price(at=NOW + timedelta(minutes=1))

        late = comes_back(payment, at=NOW + timedelta(hours=1))

        purpose = services.get(Payments).purpose(payment_id=payment.id)
        assert late.status is Status.SUCCEEDED
        assert purpose is not None
        assert (purpose.state, purpose.reason) == (PurposeState.REFUSED, "price_changed")
        assert available(player) == FIVE_HUNDRED
        assert not has_time(player)
        delivery = services.get(Delivery)
        delivery.catch_up(at=NOW + timedelta(hours=1))
        assert "purchase_refused" in [mail.kind for mail in delivery.mails(player=player.id)]
        assert_books_prove()

    def test_is_refused_where_a_debt_took_part_of_the_money(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        player = a_player()
        owes(a_command(at=NOW), player=player.id, amount=Money.parse("1.00", "EUR"))
        payment = buys(player)
        sandbox.pay(str(payment.id))

        comes_back(payment)

        purpose = services.get(Payments).purpose(payment_id=payment.id)
        assert purpose is not None
        assert (purpose.state, purpose.reason) == (PurposeState.REFUSED, "insufficient_funds")
        assert available(player) == Money.parse("400", "XCR")

    def test_a_passing_refusal_makes_all_of_it_come_again(
        self,
        sandbox: RunningSandbox,  # noqa: F811
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        player = a_player()
        payment = buys(player)
        sandbox.pay(str(payment.id))

        class Busy:
            def check(self, tx: Transaction, **_: object) -> None: ...

            def prepare(self, tx: Transaction, **_: object) -> None: ...

            def fulfil(self, tx: Transaction, **_: object) -> str:
                raise TryAgain("busy")

        with monkeypatch.context() as patch:
            patch.setitem(purposes._KINDS, "subscription", Busy())
            with pytest.raises(TryAgain):
                comes_back(payment)
        assert services.get(Payments).payment(payment_id=payment.id).credited_at is None

        assert comes_back(payment).status is Status.SUCCEEDED
        assert bought(payment) is PurposeState.DONE


@journey("tests.owe")
def owes(tx: Transaction, *, player: UUID, amount: Money) -> None:
    tx.get(Charging).note_debt(
        player=player, kind=DebtKind.INCURRED, amount=amount, reference="test:debt", at=tx.command.at
    )


class TestBeforePaying:
    def test_offers_the_plans_own_price_where_that_is_enough(self) -> None:
        player = a_player()

        euros = direct_offer(player=player.id, plan=ARENA_MONTH, periods=2, code="EUR", at=NOW)
        dollars = direct_offer(player=player.id, plan=ARENA_MONTH, periods=1, code="USD", at=NOW)

        assert (euros.amount, euros.left) == (Money.parse("10.00", "EUR"), Money.units(0))
        assert (dollars.amount, dollars.left) == (Money.parse("5.50", "USD"), Money.parse("6", "XCR"))

    def test_nothing_is_paid_where_the_price_is_another_than_was_shown(self) -> None:
        player = a_player()
        with pytest.raises(UnableToProlong):
            buys(player, charge=Money.parse("499", "XCR"))
        with pytest.raises(UnableToProlong):
            buys(player, amount=Money.parse("4.99", "EUR"))
        with pytest.raises(UnableToOffer):
            buys(player, plan=ARENA)
        with pytest.raises(UnableToProlong):
            buys(player, plan=ARENA_YEAR)
        assert services.get(Payments).payments_of(player=player.id) == ()


class TestThroughTheApi:
    def test_offers_buys_and_tells_how_it_stands(self, sandbox: RunningSandbox) -> None:  # noqa: F811
        client, player = an_api_client(), a_player()
        offer = call(
            client, "GET", f"/players/{player.id}/purchases/offer?plan={ARENA_MONTH}&currency=EUR"
        ).json()
        assert offer["amount"] == {"amount": "5.00", "currency": "EUR"}
        asked = {
            "plan": str(ARENA_MONTH),
            "periods": 1,
            "amount": offer["amount"],
            "charge": offer["charge"],
            "provider": "sandbox",
            "save_consent": SAVING_WORDING,
        }

        first = call(client, "POST", f"/players/{player.id}/purchases", asked, key="one")
        again = call(client, "POST", f"/players/{player.id}/purchases", asked, key="one")

        assert first.status_code == 201 and again.json()["id"] == first.json()["id"]
        payment = first.json()
        assert payment["purchase"] == {"kind": "subscription", "state": "waiting", "reason": None}
        sandbox.pay(payment["id"])
        found = sandbox._call("GET", f"/v1/payments?reference={payment['id']}")
        notice = json.dumps({"id": "n-1", "type": "payment", "payment": found}).encode()
        assert notify(sandbox, notice) == "succeeded"
        shown = call(client, "GET", f"/payments/{payment['id']}").json()
        assert shown["purchase"]["state"] == "done"

        (method,) = call(client, "GET", f"/players/{player.id}/payment-methods").json()
        assert (method["label"], method["state"]) == ("Visa •••• 1111", "usable")
        top_up = {"amount": {"amount": "10.00", "currency": "EUR"}, "payment_method": method["id"]}
        one_click = call(client, "POST", f"/players/{player.id}/top-ups", top_up).json()
        assert (one_click["status"], one_click["payment_method"]) == ("succeeded", method["id"])

        gone = call(client, "DELETE", f"/players/{player.id}/payment-methods/{method['id']}")
        assert gone.json()["state"] == "forgotten"
        assert call(client, "GET", f"/players/{player.id}/payment-methods").json() == []
        refused = call(client, "POST", f"/players/{player.id}/top-ups", top_up)
        assert (refused.status_code, refused.json()["code"]) == (409, "method_forgotten")
        assert_books_prove()

    @pytest.mark.use_case("PAY-08")
    def test_orders_shows_and_ends_top_ups_by_themselves(
        self,
        sandbox: RunningSandbox,  # noqa: F811
    ) -> None:
        client, player = an_api_client(), a_player()
        payment = start_top_up(
            a_command(at=NOW), player=player.id, amount=FIVE, provider="sandbox", consent=SAVING_WORDING
        ).answer
        sandbox.pay(str(payment.id))
        comes_back(payment)
        (method,) = call(client, "GET", f"/players/{player.id}/payment-methods").json()
        path = f"/players/{player.id}/auto-top-up"
        assert call(client, "GET", path).status_code == 404
        order = {
            "below": {"amount": "100", "currency": "XCR"},
            "amount": {"amount": "10.00", "currency": "EUR"},
            "monthly_cap": {"amount": "30.00", "currency": "EUR"},
            "payment_method": method["id"],
            "consent": "mine-1",
        }

        made = call(client, "PUT", path, order)

        assert made.status_code == 200
        assert (made.json()["enabled"], made.json()["used"]["amount"]) == (True, "0.00")
        subscription = {"plan": str(ARENA_MONTH), "periods": 2, "pay_with": "wallet"}
        bought_now = call(client, "POST", f"/players/{player.id}/subscriptions", subscription)
        assert bought_now.status_code == 201
        (run,) = call(client, "GET", f"{path}/runs").json()
        assert (run["status"], run["occasion"]) == ("succeeded", "prolonging")
        assert call(client, "GET", path).json()["used"]["amount"] == "10.00"
        assert call(client, "DELETE", path).json()["enabled"] is False


def notify(sandbox: RunningSandbox, body: bytes) -> str:  # noqa: F811
    timestamp = str(int(NOW.timestamp()))
    signed = signature(sandbox.settings["notice_secret"], notice_id="n-1", timestamp=timestamp, body=body)
    headers = {"Sandbox-Id": "n-1", "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}
    notice = heard(provider="sandbox", headers=headers, body=body, at=NOW)
    assert notice.payment is not None
    return services.get(Payments).payment(payment_id=notice.payment).status
