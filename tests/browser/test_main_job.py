"""The main job, as people do it: join, top up, cards from the order to the wallet, a month prolonged, commission, proved books.

One story in the order of the tests. ``Story`` carries what the next page of it needs.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyrage
import pytest

from tests.browser.conftest import House
from tests.browser.eyes import Eyes, pages_loaded

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

NICKNAME = "Wren"
TEST_CARD = "4111 1111 1111 1111"
QUANTITY = 40


@dataclass
class Story:
    newcomer: tuple[Page, Eyes]
    sponsor: tuple[Page, Eyes]
    clerk: tuple[Page, Eyes]
    owner: tuple[Page, Eyes]
    batch: str = ""
    serial: str = ""
    code: str = ""
    scanned_code: str = ""
    subscribed_until: str = ""
    stopped_at: str = ""


@pytest.fixture(scope="module")
def story(house: House) -> Iterator[Story]:
    yield Story(
        house.visitor(), house.player("Sable"), house.administrator("adrian"), house.administrator("olivia")
    )


@pytest.fixture(autouse=True)
def _goes_on(request: pytest.FixtureRequest, story: Story) -> Iterator[None]:
    """Where one test fails there is nothing for the next ones to see."""
    if story.stopped_at:
        pytest.fail(f"the story stopped at {story.stopped_at}", pytrace=False)
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        story.stopped_at = request.node.name


def pay_at_the_provider(page: Page) -> None:
    page.locator("#number").fill(TEST_CARD)
    page.locator("#expiry").fill("12/30")
    page.locator("#cvc").fill("123")
    page.locator("button[value=pay]").click()


@pytest.mark.use_case("MLM-04", "MLM-14")
def test_a_sponsor_has_the_link_to_send_on_one_page(house: House, story: Story) -> None:
    page, eyes = story.sponsor
    with pages_loaded(page, at_most=1):
        page.get_by_role("navigation").get_by_role("link", name="Invite").click()
        assert page.locator("#invite-link").input_value().startswith(f"{house.portal}/join/")
    assert page.get_by_role("button", name="Copy").is_visible()
    assert page.get_by_role("img", name="Your link as a picture to scan").is_visible()
    eyes.look(page, "story-01-invite")


@pytest.mark.use_case("MLM-04", "CHG-10")
def test_a_newcomer_joins_by_the_link_and_sees_an_empty_wallet(house: House, story: Story) -> None:
    link = story.sponsor[0].locator("#invite-link").input_value()
    page, eyes = story.newcomer
    page.goto(link)
    assert page.get_by_text("Sable invited you.").is_visible()
    eyes.look(page, "story-02-join")
    page.get_by_label("Nickname").fill(NICKNAME)
    page.get_by_label("E-mail").fill("wren@example.org")
    page.get_by_label("Password").fill("seven quiet brown ponies")
    page.get_by_label("Country").select_option("DE")
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(house.portal + "/")
    assert page.locator("#wallet .number").inner_text() == "0"
    assert page.get_by_text("Nothing running yet.").is_visible()
    eyes.look(page, "story-03-empty-home")


@pytest.mark.use_case("PAY-01", "PAY-25")
def test_tops_up_within_two_pages_and_sees_the_credits_without_asking(house: House, story: Story) -> None:
    page, eyes = story.newcomer
    # The form, and the provider's own page.
    with pages_loaded(page, at_most=2):
        page.get_by_role("link", name="20 EUR").click()
        assert page.locator("#quote .number").inner_text() == "2,000"
        eyes.look(page, "story-04-top-up")
        page.get_by_role("button", name="Pay 20.00 EUR").click()
        page.locator("#number").wait_for()
    assert urlsplit(page.url).netloc != urlsplit(house.portal).netloc
    eyes.look(page, "story-05-provider")
    with pages_loaded(
        page, at_most=2
    ):  # the provider's answer and, where it has one, its page that leads back
        pay_at_the_provider(page)
        page.get_by_role("heading", name="2,000 credits are yours").wait_for()
    eyes.look(page, "story-06-paid")
    page.get_by_role("link", name="To your wallet").click()
    assert page.locator("#wallet .number").inner_text() == "2,000"
    eyes.look(page, "story-07-home")


def test_an_administrator_orders_cards_and_cannot_approve_them(story: Story) -> None:
    page, eyes = story.clerk
    page.goto("/batches/order")
    page.get_by_label("How many cards").fill(str(QUANTITY))
    page.get_by_label("Amount", exact=True).fill("10.00")
    page.get_by_label("Price of a card").fill("10.00")
    page.get_by_label("Reseller", exact=True).fill("kiosk-berlin")
    page.get_by_label("Reseller's margin, per cent").fill("8")
    eyes.look(page, "story-08-order")
    page.get_by_role("button", name="Order", exact=True).click()
    page.get_by_text("nobody decides on a request of their own").wait_for()
    assert not page.get_by_role("button", name="Approve").count()
    story.batch = urlsplit(page.url).path
    eyes.look(page, "story-09-ordered")


@pytest.mark.use_case("CRD-17", "CRD-18")
def test_the_owner_finds_all_that_matters_on_one_page_and_approves(story: Story) -> None:
    page, eyes = story.owner
    page.goto("/")
    eyes.look(page, "story-10-dashboard")
    with pages_loaded(page, at_most=1):
        page.locator(f"a[href='{story.batch}']").click()
        page.get_by_role("heading", name="Your decision").wait_for()
    eyes.look(page, "story-11-decision")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved.").wait_for()


@pytest.mark.use_case("CRD-23")
def test_the_cards_are_made_handed_over_once_and_looked_up_without_their_codes(story: Story) -> None:
    page, eyes = story.clerk
    page.goto(story.batch)
    page.get_by_role("button", name="Make them").click()
    # The worker makes them, and the page comes anew by itself.
    page.get_by_role("button", name="Ask for the hand-over").wait_for()
    press = pyrage.x25519.Identity.generate()
    page.goto("/printers")
    page.get_by_label("What it is called").fill("Print house South")
    page.get_by_label("Its short name here").fill("south")
    page.get_by_label("Its public key").fill(str(press.to_public()))
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("Compare the fingerprint").first.wait_for()
    page.goto(story.batch)
    page.get_by_label("Print house", exact=True).select_option("south")
    page.get_by_role("button", name="Ask for the hand-over").click()
    page.get_by_text("another person has to confirm it").wait_for()

    owner, seen = story.owner
    owner.goto(story.batch)
    seen.look(owner, "story-12-hand-over")
    owner.get_by_role("button", name="The key is right: hand over").click()
    owner.get_by_text("can be fetched once").wait_for()

    page.goto(story.batch)
    with page.expect_download() as download:
        page.get_by_role("button", name="Fetch the encrypted file").click()
    plain = pyrage.decrypt(download.value.path().read_bytes(), [press])
    cards = list(csv.DictReader(io.StringIO(plain.decode())))
    assert len(cards) == QUANTITY
    page.goto(story.batch)
    page.get_by_text("Fetched", exact=True).wait_for()
    assert not page.get_by_role("button", name="Fetch the encrypted file").count()
    eyes.look(page, "story-12-handed-over")

    # One that has characters which people mix up, to be typed wrongly, and one for the picture to scan.
    card = next(card for card in cards if re.search("[01]", card["Pin"]))
    story.serial, story.code = card["Serial"], card["Pin"]
    story.scanned_code = next(other["Pin"] for other in cards if other is not card)
    page.goto("/card")
    page.get_by_label("Serial", exact=True).fill(story.serial.lower())
    page.get_by_role("button", name="Look up").click()
    page.get_by_text("It can be activated.").wait_for()
    assert story.code.replace("-", "") not in page.content().replace("-", "")
    eyes.look(page, "story-13-card")


@pytest.mark.use_case("CRD-03", "CRD-26")
def test_the_player_types_a_code_as_people_do_and_has_the_money_in_two_steps(story: Story) -> None:
    page, eyes = story.newcomer
    page.goto("/")
    typed = story.code.replace("-", "").lower().replace("0", "o").replace("1", "l")
    with pages_loaded(page, at_most=2):
        field = page.get_by_label("Code on your card")
        field.press_sequentially(typed)
        assert field.input_value().replace("-", "") == typed.upper()
        assert re.fullmatch(r"(\w{4}-){3}\w{4}", field.input_value())
        eyes.look(page, "story-14-typed")
        page.get_by_role("button", name="See what it gives").click()
        page.get_by_role("heading", name="This card gives you").wait_for()
        assert page.get_by_text("1,000 credits").is_visible()
        eyes.look(page, "story-15-gives")
        page.get_by_role("button", name="Activate", exact=True).click()
        page.get_by_role("heading", name="Your card is active").wait_for()
    assert page.get_by_text("You now have 3,000 credits.").is_visible()
    eyes.look(page, "story-16-active")


@pytest.mark.use_case("CRD-03")
def test_a_used_card_says_so_and_what_cannot_be_a_code_is_marked_before_sending(story: Story) -> None:
    page, eyes = story.newcomer
    page.get_by_role("link", name="Activate another card").click()
    field = page.get_by_label("Code on your card")
    field.press_sequentially("7k3u")
    page.get_by_text("Look again: no card has U in its code.").wait_for()
    eyes.look(page, "story-17-marked")
    field.fill(story.code)
    with eyes.expecting(404, 409, 410, 422):
        page.get_by_role("button", name="See what it gives").click()
        page.get_by_text("This card has been activated before.").wait_for()
        eyes.look(page, "story-18-used")


@pytest.mark.use_case("CRD-03")
def test_a_scanned_card_is_active_after_two_pages_and_its_code_stands_in_no_address(
    house: House, story: Story
) -> None:
    page, eyes = story.newcomer
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.headers.get("referer") or "")))
    page.goto("about:blank")
    # The page opens, what the card gives is looked up at once, and the third is the answer to the confirmation:
    # two steps for the player, who has nothing to do on the first.
    with pages_loaded(page, at_most=3):
        page.goto(f"{house.portal}/activate#{story.scanned_code}")
        page.get_by_role("heading", name="This card gives you").wait_for()
        page.get_by_role("button", name="Activate", exact=True).click()
        page.get_by_role("heading", name="Your card is active").wait_for()
    bare = story.scanned_code.replace("-", "")
    assert not [url for url in asked if bare in url.replace("-", "").split("#")[0]]
    eyes.assert_nothing_wrong()


@pytest.mark.use_case("SUB-01", "SVC-04")
def test_buys_a_month_and_prolongs_it_in_one_step_from_the_home_page(house: House, story: Story) -> None:
    page, eyes = story.newcomer
    page.goto("/services")
    page.get_by_role("link", name="Get Ironhold Arena, One month").click()
    eyes.look(page, "story-19-buy")
    page.get_by_role("button", name="Get it for 500 credits").click()
    page.wait_for_url(house.portal + "/")
    first = page.locator(".subscription time, .subscription").first.inner_text()
    with pages_loaded(page, at_most=1):
        # Price and new end stand on the button.
        button = page.get_by_role("button", name=re.compile(r"Prolong for 500 credits\s*until \w+"))
        promised = button.inner_text().split("until ")[1].strip()
        button.click()
        page.get_by_text("You paid 500 credits.").wait_for()
    assert f"Until {promised}" in page.locator(".subscription").first.inner_text() != first
    assert page.locator("#wallet .number").inner_text() == "3,000"
    eyes.look(page, "story-20-prolonged")

    right = entitlement(house, story)
    assert right["entitled"] is True and right["token"]
    # Two months of the game, whatever their lengths.
    story.subscribed_until = right["until"]
    assert datetime.fromisoformat(right["until"]) - datetime.now(UTC) > timedelta(days=58)


@pytest.mark.use_case("CHG-11")
def test_the_statement_tells_each_line_and_explains_it_by_one_tap(story: Story) -> None:
    page, eyes = story.newcomer
    page.get_by_role("link", name="Whole statement").click()
    lines = page.locator("summary.line")
    amounts = [re.split(r"\s", text)[0] for text in page.locator("summary .amount").all_inner_texts()]
    assert amounts == ["−500", "−500", "+1,000", "+1,000", "+2,000"]
    with pages_loaded(page, at_most=0):
        lines.first.click()
        assert page.get_by_text("You then had").first.is_visible()
        assert page.get_by_text("3,000 credits").first.is_visible()
    eyes.look(page, "story-21-statement")


def test_the_sponsor_sees_what_came_of_it_and_why(story: Story) -> None:
    page, eyes = story.sponsor
    with pages_loaded(page, at_most=1):
        page.goto("/invite")
    line = page.locator(".line", has_text=f"{NICKNAME}: Ironhold Arena").first
    assert "level 1" in line.inner_text() and "10% of" in line.inner_text()
    eyes.look(page, "story-22-commission")


def test_the_books_are_proved_afterwards(house: House, story: Story) -> None:
    assert story.subscribed_until, "the story did not get so far"
    proved = house.demo.run("prove")
    assert proved.returncode == 0, proved.stdout


def entitlement(house: House, story: Story) -> dict[str, Any]:
    """What a game server is told of the newcomer, whom it finds below the sponsor."""
    sponsor = next(player["id"] for player in house.file["players"] if player["nickname"] == "Sable")
    with house.demo.api() as api:
        below = api.get(f"/api/v1/players/{sponsor}/downline").json()["items"]
        player = next(member["player"] for member in below if member["nickname"] == NICKNAME)
        sold = api.get("/api/v1/catalogue", params={"country": "DE", "currency": "EUR"}).json()["items"]
        arena = next(service["id"] for service in sold if "Ironhold Arena" in str(service))
        answer = api.get(f"/api/v1/entitlements/{player}/{arena}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found
