"""What must work where scripts do not: topping up, activating a card, prolonging, looking back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import House
from tests.browser.eyes import Eyes
from tests.browser.test_main_job import pay_at_the_provider

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def juniper(house: House) -> tuple[Page, Eyes]:
    return house.player("Juniper", java_script_enabled=False)


def credits(page: Page) -> int:
    page.goto("/")
    # In whatever language the visitor chose last.
    return int(re.sub(r"[.,\s]", "", page.locator("#wallet .number").inner_text()))


@pytest.mark.use_case("PAY-01")
def test_tops_up_by_an_own_amount(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    before = credits(page)
    page.get_by_role("link", name="Another amount").click()
    page.get_by_label("Or your own amount").fill("7.50")
    page.get_by_role("button", name="See what you get").click()
    page.locator("#quote .number").get_by_text("750", exact=True).wait_for()
    eyes.look(page, "without-script-top-up")
    page.get_by_role("button", name="Pay 7.50 EUR").click()
    pay_at_the_provider(page)
    # The provider's page has a link where a script would have gone on by itself.
    page.get_by_role("heading", name="750 credits are yours").wait_for()
    assert credits(page) == before + 750


@pytest.mark.use_case("CRD-03", "CRD-26")
def test_activates_a_card(juniper: tuple[Page, Eyes], house: House) -> None:
    page, eyes = juniper
    card = next(card for card in house.file["cards"] if card["gives"][0]["kind"] == "money")
    before = credits(page)
    page.get_by_label("Code on your card").fill(card["code"].lower())
    page.get_by_role("button", name="See what it gives").click()
    page.get_by_role("heading", name="This card gives you").wait_for()
    eyes.look(page, "without-script-card")
    page.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_role("heading", name="Your card is active").wait_for()
    assert credits(page) == before + 1000


@pytest.mark.use_case("SUB-01")
def test_buys_and_prolongs(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    before = credits(page)
    page.goto("/services")
    page.get_by_role("link", name="Get War Council, One month").click()
    page.get_by_role("button", name="Get it for 300 credits").click()
    page.get_by_role("button", name=re.compile("Prolong for 300 credits")).click()
    page.get_by_text("You paid 300 credits.").wait_for()
    eyes.look(page, "without-script-home")
    assert credits(page) == before - 600


@pytest.mark.use_case("PAY-27")
def test_withdraws_from_what_was_bought_and_from_the_top_up(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    before = credits(page)
    page.goto("/subscriptions")
    page.locator("main").get_by_role("link", name="Withdraw from a contract").click()
    eyes.look(page, "without-script-withdrawals")
    # The newest first: time that was bought a moment ago, without asking that it begins at once.
    page.get_by_role("link", name="Withdraw from this").first.click()
    page.get_by_role("heading", name="Withdraw: War Council").wait_for()
    eyes.look(page, "without-script-withdraw")
    page.get_by_role("button", name="Confirm the withdrawal").click()
    page.get_by_text("You have withdrawn. 300 credits are yours again.").wait_for()
    assert credits(page) == before + 300
    page.goto("/withdraw")
    page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Top-up")).first.get_by_role(
        "link", name="Withdraw from this"
    ).click()
    eyes.look(page, "without-script-withdraw-top-up")
    page.get_by_role("button", name="Confirm the withdrawal").click()
    page.get_by_text("go back to you").wait_for()
    eyes.look(page, "without-script-withdrawn")
    assert credits(page) < before + 300


@pytest.mark.use_case("CHG-11")
def test_chooses_lines_of_the_statement(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    page.goto("/statement")
    page.get_by_text("Choose lines").click()
    page.get_by_label("In or out").select_option("What went out")
    page.get_by_label("From").fill("2020-01-01")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url(lambda url: "direction=out" in url and "from_day=2020-01-01" in url)
    assert page.get_by_label("In or out").input_value() == "out"
    signs = {amount[0] for amount in page.locator("summary .amount").all_inner_texts()}
    assert signs == {"\N{MINUS SIGN}"}
    eyes.look(page, "without-script-statement")
    page.get_by_role("link", name="Show all lines").click()
    page.get_by_text("+").first.wait_for()


def test_sends_credits_and_reads_the_receipt(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    before = credits(page)
    page.goto("/send")
    page.get_by_label("To", exact=True).fill("nobody-at-all")
    page.get_by_label("How many").fill("12")
    page.get_by_label("A few words, if you like").fill("Well played")
    with eyes.expecting(404):
        page.get_by_role("button", name="Look at it").click()
        page.get_by_role("alert").get_by_text("There is no player of this name.").wait_for()
        eyes.look(page, "without-script-send-refused")
    page.get_by_label("To", exact=True).fill("sable")
    page.get_by_role("button", name="Look at it").click()
    page.get_by_role("button", name="Send 12 credits to Sable").wait_for()
    eyes.look(page, "without-script-send-look")
    page.get_by_role("button", name="Send 12 credits to Sable").click()
    page.get_by_role("heading", name="Sable has got 12 credits").wait_for()
    page.get_by_text("Well played").wait_for()
    eyes.look(page, "without-script-send-receipt")
    assert credits(page) == before - 12


@pytest.mark.use_case("USR-18")
def test_changes_the_language(juniper: tuple[Page, Eyes]) -> None:
    page, eyes = juniper
    page.goto("/statement")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Change").click()
    page.locator("html[lang=de]").wait_for()
    eyes.assert_nothing_wrong()
