"""The portal's pages of saved cards, of top-ups by themselves, and of paying directly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import a_player, fund
from tests.builders.portal import a_browser, hidden, says
from tests.use_cases.test_payments_saved_methods import running  # noqa: F401
from warchest.catalogue.contract import Catalogue
from warchest.charging.contract import Charging
from warchest.journeys.register_player import Registered
from warchest.kernel.money import Money
from warchest.payments.contract import AUTO_WORDING, SAVING_WORDING, Payments, Status
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest_sandbox.testing import RunningSandbox

pytestmark = [pytest.mark.usefixtures("database", "sandbox")]


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:  # noqa: F811
    running.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": {**running.settings, "timeout_s": 2}}):
        yield running
    running.reset()


def send(browser: Any, path: str, **changes: str) -> Any:
    """Send the form of a page as it stands there, with some fields changed."""
    page = browser.get(path)
    content = page.content.decode()
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', content))
    fields |= dict(re.findall(r'<input type="radio" name="([^"]+)" value="([^"]*)" checked', content))
    chosen = r'<select[^>]* name="([^"]+)"[^>]*>.*?<option value="([^"]*)"[^>]* selected'
    fields = dict(re.findall(chosen, content, re.DOTALL)) | fields
    fields["csrfmiddlewaretoken"] = hidden(page, "csrfmiddlewaretoken")
    return browser.post(path, fields | changes)


def latest(player: Registered) -> Any:
    return services.get(Payments).payments_of(player=player.id)[0]


def saved_card(sandbox: RunningSandbox, browser: Any, player: Registered) -> Any:
    answer = send(browser, "/top-up", save="yes")
    assert answer.url.startswith(sandbox.url)
    sandbox.pay(str(latest(player).id))
    browser.get(f"/payments/{latest(player).id}/return", follow=True)
    (method,) = services.get(Payments).saved_methods(player=player.id)
    return method


@pytest.mark.use_case("PAY-07")
class TestSavedCards:
    def test_is_saved_with_a_tick_paid_with_one_click_and_removed(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        browser = a_browser(player)
        method = saved_card(sandbox, browser, player)
        assert (method.wording, method.label) == (SAVING_WORDING, "Visa •••• 1111")
        before = services.get(Charging).wallet(player=player.id).posted

        assert says(browser.get("/top-up"), "Visa •••• 1111", "one click")
        answer = send(browser, "/top-up")

        assert answer.url == f"/payments/{latest(player).id}"
        assert latest(player).status is Status.SUCCEEDED
        assert services.get(Charging).wallet(player=player.id).posted > before
        page = browser.get("/payment-methods")
        assert says(page, "Visa •••• 1111", "Sandbox")
        browser.post(
            f"/payment-methods/{method.id}/forget",
            {"key": hidden(page, "key"), "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken")},
        )
        assert says(browser.get("/payment-methods"), "Visa •••• 1111 is removed.", "Nothing saved yet.")
        assert not says(browser.get("/top-up"), "1111")
        assert_books_prove()

    def test_is_not_saved_without_the_tick(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        browser = a_browser(player)
        send(browser, "/top-up")
        sandbox.pay(str(latest(player).id))

        browser.get(f"/payments/{latest(player).id}/return", follow=True)

        assert latest(player).status is Status.SUCCEEDED
        assert services.get(Payments).saved_methods(player=player.id) == ()

    def test_of_another_player_is_neither_shown_nor_paid_with_nor_removed(
        self, sandbox: RunningSandbox
    ) -> None:
        owner, other = a_player(), a_player()
        method = saved_card(sandbox, a_browser(owner), owner)
        browser = a_browser(other)
        page = browser.get("/payment-methods")
        assert not says(page, "1111")
        send(browser, "/top-up", provider=f"saved:{method.id}")
        assert services.get(Payments).payments_of(player=other.id) == ()
        top_up = browser.get("/top-up")

        browser.post(
            f"/payment-methods/{method.id}/forget",
            {"key": "mine", "csrfmiddlewaretoken": hidden(top_up, "csrfmiddlewaretoken")},
        )

        assert services.get(Payments).saved_methods(player=owner.id) == (method,)


@pytest.mark.use_case("PAY-08")
class TestAutoTopUp:
    def test_is_switched_on_and_off_and_shows_what_it_did(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        browser = a_browser(player)
        assert says(browser.get("/auto-top-up"), "It needs a saved card.")
        saved_card(sandbox, browser, player)

        refused = send(browser, "/auto-top-up", below="600", amount="10", cap="20")
        assert says(refused, "Tick that you agree")
        answer = send(browser, "/auto-top-up", below="600", amount="10", cap="20", agreed="yes")

        assert answer.status_code == 302
        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None
        assert (order.is_on(), order.wording, order.amount.major) == (True, AUTO_WORDING, "10.00")
        assert says(browser.get("/auto-top-up"), "It is on", "0.00 EUR of 20.00 EUR")

        left = services.get(Charging).wallet(player=player.id).available
        assert left < Money.parse("2000", "XCR")
        page = send(browser, f"/prolong/{ARENA_MONTH}")
        assert page.status_code == 302
        send(browser, "/auto-top-up", off="1")
        assert says(browser.get("/auto-top-up"), "Your wallet is not topped up by itself any more.")
        order = services.get(Payments).auto_top_up(player=player.id)
        assert order is not None and not order.is_on()

    def test_pays_for_what_is_lacking_when_a_subscription_is_prolonged(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        browser = a_browser(player)
        saved_card(sandbox, browser, player)
        left = services.get(Charging).wallet(player=player.id).available
        send(browser, "/auto-top-up", below="1", amount="10", cap="20", agreed="yes")
        while left >= Money.parse("500", "XCR"):
            send(browser, f"/prolong/{ARENA_MONTH}")
            left = services.get(Charging).wallet(player=player.id).available
        assert says(browser.get(f"/prolong/{ARENA_MONTH}"), "Your automatic top-up pays 10.00 EUR first.")

        assert send(browser, f"/prolong/{ARENA_MONTH}").status_code == 302

        assert services.get(Charging).wallet(player=player.id).available == left + Money.parse("500", "XCR")
        assert says(browser.get("/auto-top-up"), "10.00 EUR of 20.00 EUR", "to prolong a subscription")
        assert_books_prove()


@pytest.mark.use_case("PAY-06")
class TestBuyingDirectly:
    def test_is_paid_and_had_in_one_step(self, sandbox: RunningSandbox) -> None:
        player = a_player()
        browser = a_browser(player)
        assert says(browser.get(f"/prolong/{ARENA_MONTH}"), "Pay directly, without the wallet")

        answer = send(browser, f"/buy/{ARENA_MONTH}", save="yes")
        assert answer.url.startswith(sandbox.url)
        sandbox.pay(str(latest(player).id))
        shown = browser.get(f"/payments/{latest(player).id}/return", follow=True)

        assert says(shown, "Arena is yours until")
        assert not services.get(Charging).wallet(player=player.id).available
        again = send(browser, f"/buy/{ARENA_MONTH}")
        assert says(browser.get(again.url), "Arena is yours until")
        (subscription,) = services.get(Subscriptions).subscriptions(player=player.id)
        assert len(services.get(Subscriptions).grants(subscription_id=subscription.id)) == 2
        assert_books_prove()

    def test_whose_price_has_changed_leaves_the_money_in_the_wallet_and_says_so(
        self, sandbox: RunningSandbox
    ) -> None:
        player = a_player()
        browser = a_browser(player)
        send(browser, f"/buy/{ARENA_MONTH}")
        sandbox.pay(str(latest(player).id))
        at = now()
        services.get(Catalogue).add_price(
            plan_id=ARENA_MONTH, amount=Money.parse("600", "XCR"), valid_from=at, at=at
        )

        shown = browser.get(f"/payments/{latest(player).id}/return", follow=True)

        assert says(shown, "Paid, but not bought", "500 credits are in your wallet")
        found = services.get(Subscriptions).entitlement(player=player.id, online_service=ARENA, at=now())
        assert not found.entitled

    def test_of_a_plan_that_there_is_not_is_no_page(self) -> None:
        player = a_player()
        fund(player.id, units=Money.units(100), paid=Money.parse("0.01", "EUR"))
        assert a_browser(player).get(f"/buy/{ARENA}").status_code == 404
