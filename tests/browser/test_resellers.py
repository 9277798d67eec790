"""A reseller books what arrives, passes cards on and sees what it sold and owes; the house ships, settles and counts."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser, pytest.mark.use_case("CRD-04")]


@pytest.mark.use_case("CRD-30")
@pytest.mark.use_case("CRD-31")
def test_a_reseller_on_a_phone(house: House) -> None:
    page, eyes = house.player("Sable")
    page.locator(".menu summary").click()
    page.get_by_role("link", name="Stock and sales").click()
    page.wait_for_url("**/reseller")
    # What is owed, what is in stock and what was sold are seen at once.
    page.get_by_role("heading", name="What you owe").wait_for()
    assert "cards for" in page.locator(".bars figcaption").inner_text()
    page.locator(".bars summary").click()
    eyes.look(page, "portal-reseller")
    before = _count(page.locator("#stock-title").inner_text())

    page.get_by_role("button", name="All of them arrived").click()
    page.get_by_text("40 cards are in stock now.").wait_for()
    assert _count(page.locator("#stock-title").inner_text()) == before + 40
    page.get_by_text("Nothing is on its way.").wait_for()

    first = page.locator(".lines .code").first.inner_text().split(" – ")[0]
    page.get_by_role("link", name="Pass on or return").click()
    page.get_by_label("To").select_option(label="Corner Kiosk")
    page.get_by_label("First serial").fill(first.lower())
    eyes.look(page, "portal-reseller-ship")
    page.get_by_role("button", name="They are on their way").click()
    page.get_by_text("1 card is on its way.").wait_for()
    eyes.look(page, "portal-reseller-shipment")
    page.get_by_role("button", name="Call it back").click()
    page.get_by_text("The cards are yours again.").wait_for()

    page.get_by_role("link", name="Settlement of this month").click()
    page.get_by_text("Closing balance").wait_for()
    eyes.look(page, "portal-reseller-settlement")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV").click()
    assert re.fullmatch(r"harbour-games-\d{4}-\d\d\.csv", downloading.value.suggested_filename)

    page.goto("/reseller")
    page.get_by_role("link", name="Corner Kiosk").click()
    page.get_by_label("Amount").fill("50.00")
    page.get_by_label("Reference").fill("K-1")
    eyes.look(page, "portal-reseller-below")
    page.get_by_role("button", name="They have paid this").click()
    page.get_by_text("The payment is noted.").wait_for()
    assert "-50.00" in page.locator(".facts").inner_text().replace("−", "-")


def test_who_acts_for_no_reseller_finds_no_such_page(house: House) -> None:
    page, eyes = house.player("Marlow")
    page.locator(".menu summary").click()
    assert not page.get_by_role("link", name="Stock and sales").is_visible()
    with eyes.expecting(404):
        answer = page.goto("/reseller")
    assert answer is not None and answer.status == 404


@pytest.mark.use_case("CRD-35")
@pytest.mark.use_case("ACC-20")
def test_the_house_ships_settles_and_counts(house: House) -> None:
    office, eyes = house.administrator("olivia")
    office.goto("/resellers")
    eyes.look(office, "backoffice-resellers")
    office.get_by_label("Short name").fill("station-shop")
    office.get_by_label("What it is called").fill("Station Shop")
    office.get_by_label("Margin in per cent").fill("7.5")
    office.get_by_label("Credit limit").fill("500.00")
    office.get_by_role("button", name="Take on").click()
    office.get_by_text("Station Shop is taken on.").wait_for()
    office.get_by_label("Name of the till").fill("Counter")
    office.get_by_role("button", name="Issue a key").click()
    office.get_by_text("The key of Counter, shown once").wait_for()

    office.goto("/resellers")
    office.get_by_role("link", name="Harbour Games").click()
    office.get_by_role("heading", name="Stock by series").wait_for()
    eyes.look(office, "backoffice-reseller")
    office.get_by_role("link", name="Settlement of this month").click()
    office.get_by_text("Closing balance").wait_for()
    eyes.look(office, "backoffice-reseller-settlement")
    office.goto("/card-liability")
    office.get_by_text("Owed by the books").wait_for()
    assert not office.get_by_text("differs").count()
    eyes.look(office, "backoffice-card-liability")


def _count(text: str) -> int:
    return int(text.split()[0].replace(",", ""))
