"""Batches in the back office as people see them: the order while it is typed, the queue, a change, progress, the hand-over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyrage
import pytest

from tests.browser.conftest import House
from tests.browser.eyes import Eyes

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", params=["light", "dark"])
def people(request: pytest.FixtureRequest, house: House) -> Iterator[tuple[str, Page, Eyes, Page, Eyes]]:
    """One who orders, and an owner."""
    scheme = request.param
    clerk, owner = (house.administrator(name, color_scheme=scheme) for name in ("adrian", "olivia"))
    yield scheme, *clerk, *owner


@pytest.mark.use_case("CRD-01", "CRD-02", "CRD-05", "CRD-17", "CRD-20")
def test_from_the_order_to_the_hand_over(people: tuple[str, Page, Eyes, Page, Eyes]) -> None:
    scheme, clerk, eyes, owner, seen = people
    name = f"press-{scheme}"
    press = pyrage.x25519.Identity.generate()
    clerk.goto("/printers")
    clerk.get_by_label("What it is called").fill(f"Press {scheme}")
    clerk.get_by_label("Its short name here").fill(name)
    clerk.get_by_label("Its public key").fill(str(press.to_public()))
    clerk.get_by_role("button", name="Add", exact=True).click()
    clerk.get_by_role("heading", name=f"Press {scheme}").wait_for()
    eyes.look(clerk, f"batch-01-printers-{scheme}")

    clerk.goto("/batches/order")
    assert clerk.get_by_text("A code has 75 random bits").is_visible()
    clerk.get_by_label("Codes are made of").select_option("digits")
    assert clerk.get_by_text("A code has only 49 random bits").is_visible()
    clerk.get_by_label("Characters of a code").fill("21")
    assert clerk.get_by_text("A code has 66 random bits").is_visible()
    clerk.get_by_label("How many cards").fill("60000")
    clerk.get_by_label("Spares").fill("6000")
    clerk.get_by_label("Amount", exact=True).fill("10.00")
    clerk.get_by_label("Price of a card").fill("10.00")
    clerk.get_by_label("Reseller", exact=True).fill("kiosk-berlin")
    clerk.get_by_label("Reseller's margin, per cent").fill("8")
    clerk.get_by_label("Print house", exact=True).select_option(name)
    sums = clerk.locator("[data-sums]").inner_text().replace(",", "").replace("\u00a0", " ")
    assert "600000.00" in sums and "48000.00" in sums and "66000" in sums, sums
    eyes.look(clerk, f"batch-02-order-{scheme}")
    clerk.get_by_role("button", name="Order", exact=True).click()
    clerk.get_by_text("nobody decides on a request of their own").wait_for()
    place = urlsplit(clerk.url).path

    owner.goto("/batches/approvals")
    seen.look(owner, f"batch-03-queue-{scheme}")
    owner.locator(f"form[action='{place}/approve'] button").click()
    owner.get_by_text("Approved.").wait_for()

    # Changed after the approval: it is void, and the owner sees what is other than before.
    clerk.goto(f"{place}/amend")
    clerk.get_by_label("How many cards").fill("50000")
    clerk.get_by_label("Spares").fill("5000")
    eyes.look(clerk, f"batch-04-amend-{scheme}")
    clerk.get_by_role("button", name="Change the order").click()
    clerk.get_by_text("The owner decides anew.").wait_for()
    owner.goto(place)
    owner.get_by_text("Changed since the version before").wait_for()
    seen.look(owner, f"batch-05-changed-{scheme}")
    owner.get_by_role("button", name="Approve").click()
    owner.get_by_text("Approved.").wait_for()

    clerk.goto(place)
    clerk.get_by_role("button", name="Make them").click()
    clerk.get_by_text(re.compile("The cards are being made|Ask for the hand-over")).first.wait_for()
    eyes.look(clerk, f"batch-06-made-{scheme}")
    # The bar goes on, and the page comes anew by itself once they are made.
    clerk.get_by_role("button", name="Ask for the hand-over").wait_for(timeout=120_000)
    clerk.get_by_role("button", name="Ask for the hand-over").click()
    clerk.get_by_text("another person has to confirm it").wait_for()
    owner.goto(place)
    seen.look(owner, f"batch-07-hand-over-{scheme}")
    owner.get_by_role("button", name="The key is right: hand over").click()
    owner.get_by_text("can be fetched once").wait_for()
    clerk.goto(place)
    eyes.look(clerk, f"batch-08-fetch-{scheme}")
    with clerk.expect_download() as download:
        clerk.get_by_role("button", name="Fetch the encrypted file").click()
    plain = pyrage.decrypt(download.value.path().read_bytes(), [press])
    assert plain.count(b"\n") == 55_001
    clerk.goto(place)
    eyes.look(clerk, f"batch-09-handed-over-{scheme}")


@pytest.mark.use_case("CRD-20")
def test_a_batch_that_is_in_use_shows_its_curve_and_where(people: tuple[str, Page, Eyes, Page, Eyes]) -> None:
    scheme, _clerk, _eyes, owner, seen = people
    owner.goto("/cards/batch/?state=handed_over")
    busy = ""
    for link in owner.locator("#result_list th a").all():
        busy = link.get_attribute("href") or ""
    owner.goto(busy)
    owner.get_by_role("heading", name="Activated by country and day").wait_for()
    seen.look(owner, f"batch-10-in-use-{scheme}")
