"""A card is saved, charged with one click, tops a wallet up by itself, pays directly for a subscription, and is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import House
from tests.browser.eyes import Eyes

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

VISA, WANTS_PLAYER, DECLINED = "4111 1111 1111 1111", "4000 0027 6000 3184", "4000 0000 0000 0002"


@pytest.fixture(scope="module")
def sable(house: House) -> tuple[Page, Eyes]:
    return house.player("Sable")


def pay_at_the_provider(page: Page, card: str) -> None:
    page.locator("#number").fill(card)
    page.locator("#expiry").fill("12/30")
    page.locator("#cvc").fill("123")
    page.locator("button[value=pay]").click()


def is_paid(page: Page) -> None:
    page.locator("#payment-state .seal-success").wait_for()


@pytest.mark.use_case("PAY-07")
def test_a_card_is_saved_with_the_payment_that_it_makes(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/payment-methods")
    eyes.look(page, "methods-01-none")
    page.goto("/top-up?amount=1000&currency=EUR")
    page.get_by_label("Save this card").check()
    eyes.look(page, "methods-02-save")
    page.locator("#quote button").click()
    pay_at_the_provider(page, VISA)
    is_paid(page)

    page.goto("/payment-methods")
    page.get_by_role("heading", name="Visa •••• 1111").wait_for()
    eyes.look(page, "methods-03-saved")


@pytest.mark.use_case("PAY-07")
def test_one_click_pays_with_it(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/top-up?amount=1000&currency=EUR")
    assert page.get_by_label("Visa •••• 1111").is_checked()
    eyes.look(page, "methods-04-one-click")

    page.locator("#quote button").click()

    is_paid(page)
    assert "/payments/" in page.url
    eyes.look(page, "methods-05-paid")


@pytest.mark.use_case("PAY-07")
def test_where_the_bank_wants_to_see_the_player_one_click_leads_to_its_page(sable: tuple[Page, Eyes]) -> None:
    page, _ = sable
    page.goto("/top-up?amount=500&currency=EUR&provider=sandbox")
    page.get_by_label("Sandbox").check()
    page.get_by_label("Save this card").check()
    page.locator("#quote button").click()
    pay_at_the_provider(page, WANTS_PLAYER)
    is_paid(page)
    page.goto("/top-up?amount=500&currency=EUR")
    page.get_by_label("Visa •••• 3184").check()
    page.locator("#quote button").click()

    page.wait_for_url(lambda url: "/payments/" not in url and "/top-up" not in url)
    page.get_by_role("button", name="Yes, pay").click()

    is_paid(page)


@pytest.mark.use_case("PAY-08")
def test_the_wallet_is_ordered_to_fill_up_by_itself(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/auto-top-up")
    eyes.look(page, "methods-06-auto-off")
    page.get_by_label("When I have less than").fill("20")
    page.get_by_label("pay this much").fill("10")
    page.get_by_label("at most in a month").fill("30")
    page.get_by_label("Visa •••• 1111").check()
    page.get_by_label("I agree").check()
    page.get_by_role("button", name="Switch it on").click()

    page.get_by_role("heading", name="It is on").wait_for()
    eyes.look(page, "methods-07-auto-on")


@pytest.mark.use_case("PAY-06")
def test_a_subscription_is_paid_for_directly(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/services")
    page.locator("a[href*='/prolong/']").first.click()
    page.get_by_role("link", name="Pay directly").click()
    page.locator("form.panel button").wait_for()
    eyes.look(page, "methods-08-buy")

    page.get_by_label("Visa •••• 1111").check()
    page.locator("form.panel button").click()

    is_paid(page)
    assert page.get_by_role("heading", level=1).inner_text().find("is yours until") > 0
    eyes.look(page, "methods-09-bought")


@pytest.mark.use_case("PAY-06")
def test_that_is_declined_buys_nothing_and_says_so(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/services")
    page.locator("a[href*='/prolong/']").first.click()
    page.get_by_role("link", name="Pay directly").click()
    page.get_by_label("Sandbox").check()
    page.locator("form.panel button").click()
    pay_at_the_provider(page, DECLINED)

    page.get_by_role("heading", name="The payment did not go through").wait_for()
    eyes.look(page, "methods-10-declined")


@pytest.mark.use_case("PAY-07", "PAY-08")
def test_a_removed_card_is_gone_and_pauses_what_it_paid_for(sable: tuple[Page, Eyes]) -> None:
    page, eyes = sable
    page.goto("/payment-methods")
    page.get_by_role("button", name="Remove Visa •••• 1111").click()
    page.get_by_text("Visa •••• 1111 is removed.").wait_for()
    eyes.look(page, "methods-11-removed")

    page.goto("/auto-top-up")
    page.get_by_text("It is paused, since you removed its card.").wait_for()
    eyes.look(page, "methods-12-paused")
