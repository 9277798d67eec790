"""Support verifies and replaces a card, an administrator extends one and plans a tournament, and a player uses the new code."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.browser.conftest import House

pytestmark = [pytest.mark.browser]


@pytest.mark.use_case("CRD-09")
@pytest.mark.use_case("CRD-24")
def test_a_card_is_verified_and_replaced_and_the_new_code_activated(house: House) -> None:
    # From the end: the tests of the main job begin with the first.
    listed = next(one for one in reversed(house.file["cards"]) if one["gives"][0]["amount"])
    office, eyes = house.administrator("olivia")
    office.goto("/verify-card")
    office.get_by_label("Code", exact=True).fill(listed["code"].lower())
    office.get_by_label("Why").fill("Ticket 4711")
    eyes.look(office, "backoffice-verify-card")
    office.get_by_role("button", name="Verify").click()
    office.get_by_text("That is right.").wait_for()
    eyes.look(office, "backoffice-verified-card")
    # What was typed does not stay on the page.
    assert office.get_by_label("Code", exact=True).input_value() == ""

    office.get_by_role("link", name=listed["serial"]).click()
    office.get_by_role("heading", name="Replace it").wait_for()
    office.get_by_label("Last four of the code").fill(listed["code"].replace("-", "")[-4:])
    office.locator("#why-replaced").fill("Scratched off")
    eyes.look(office, "backoffice-card")
    office.get_by_role("button", name="Replace", exact=True).click()
    office.get_by_text("nobody can show it again").wait_for()
    eyes.look(office, "backoffice-replaced-card")
    code = office.locator("code strong").inner_text()
    new = office.locator(".wb-facts a.wb-link").inner_text()

    page, seen = house.player("Sable")
    page.goto("/activate")
    page.locator("input[name=code]").fill(code)
    page.get_by_role("button", name="See what it gives").click()
    page.get_by_role("heading", name="This card gives you").wait_for()
    page.get_by_role("button", name="Activate", exact=True).click()
    page.get_by_text(new).wait_for()
    seen.assert_nothing_wrong()


@pytest.mark.use_case("CRD-13")
@pytest.mark.use_case("CRD-07")
def test_what_ends_is_listed_and_a_tournament_planned(house: House) -> None:
    office, eyes = house.administrator("olivia")
    office.goto("/ending-cards")
    office.get_by_role("heading", name="Give cards a later end").wait_for()
    eyes.look(office, "backoffice-ending-cards")

    office.goto("/tournaments")
    begins = date.today() + timedelta(days=20)
    office.get_by_label("Short name").fill("spring-cup")
    office.get_by_label("Name in English").fill("Spring cup")
    office.get_by_label("Begins (UTC)").fill(f"{begins}T10:00")
    office.get_by_label("Ends (UTC)").fill(f"{begins + timedelta(days=2)}T18:00")
    office.get_by_label("Places").fill("64")
    office.get_by_label("Price of a pass").fill("5.00")
    office.get_by_role("button", name="Plan", exact=True).click()
    office.get_by_text("Planned. Cards can give passes for it.").wait_for()
    eyes.look(office, "backoffice-tournaments")
