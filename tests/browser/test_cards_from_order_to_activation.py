"""One batch's whole way in a real browser: ordered, changed, approved, made, printed, shipped, sold, activated, looked up, owed.

The tests are the chapters, in this order, each by whoever does it in a house; where one fails there is nothing for the next.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pyrage
import pytest

from tests.browser.conftest import House
from tests.browser.eyes import PHONE, Eyes, pages_loaded

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

QUANTITY, SPARES = 30, 3
SHOP = "Comptoir des Joueurs"
GUESSER, ADDRESS = "Kestrel", "203.0.113.9"


@dataclass
class Story:
    clerk: tuple[Page, Eyes]
    owner: tuple[Page, Eyes]
    press: pyrage.x25519.Identity = field(default_factory=pyrage.x25519.Identity.generate)
    batch: str = ""
    cards: list[dict[str, str]] = field(default_factory=list)
    stopped_at: str = ""

    @property
    def card(self) -> dict[str, str]:
        """The one that is sold and activated."""
        return self.cards[4]


@pytest.fixture(scope="module")
def story(house: House) -> Story:
    return Story(house.administrator("adrian"), house.administrator("olivia"))


@pytest.fixture(autouse=True)
def _goes_on(request: pytest.FixtureRequest, story: Story) -> Iterator[None]:
    if story.stopped_at:
        pytest.fail(f"the story stopped at {story.stopped_at}", pytrace=False)
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        story.stopped_at = request.node.name


@pytest.mark.use_case("CRD-01", "CRD-02", "CRD-17")
def test_a_batch_is_ordered_changed_and_approved_by_an_owner_who_sees_what_changed(story: Story) -> None:
    clerk, eyes = story.clerk
    clerk.goto("/printers")
    clerk.get_by_label("What it is called").fill("Northern press")
    clerk.get_by_label("Its short name here").fill("northern-press")
    clerk.get_by_label("Its public key").fill(str(story.press.to_public()))
    clerk.get_by_role("button", name="Add", exact=True).click()
    clerk.get_by_role("heading", name="Northern press").wait_for()

    clerk.goto("/batches/order")
    clerk.get_by_label("How many cards").fill("45")
    clerk.get_by_label("Spares").fill(str(SPARES))
    clerk.get_by_label("Print house", exact=True).select_option("northern-press")
    clerk.get_by_label("Amount", exact=True).fill("10.00")
    clerk.get_by_label("Price of a card").fill("10.00")
    clerk.get_by_label("Our own stock: shipped in parts, sold at tills or online").check()
    clerk.get_by_label("Good only after their sale at a till").check()
    eyes.look(clerk, "cards-01-order")
    clerk.get_by_role("button", name="Order", exact=True).click()
    clerk.get_by_text("nobody decides on a request of their own").wait_for()
    story.batch = urlsplit(clerk.url).path
    clerk.goto(f"{story.batch}/amend")
    clerk.get_by_label("How many cards").fill(str(QUANTITY))
    clerk.get_by_role("button", name="Change the order").click()
    clerk.get_by_text("The owner decides anew.").wait_for()

    owner, seen = story.owner
    owner.goto("/batches/approvals")
    owner.locator(f"a[href='{story.batch}']").first.click()
    owner.get_by_text("Changed since the version before").wait_for()
    assert owner.locator("del").get_by_text("45", exact=True).first.is_visible()
    seen.look(owner, "cards-02-decision")
    owner.get_by_role("button", name="Approve").click()
    owner.get_by_text("Approved.").wait_for()


@pytest.mark.use_case("CRD-05", "CRD-18")
def test_it_is_made_and_the_codes_leave_encrypted_by_two_people(story: Story) -> None:
    clerk, eyes = story.clerk
    clerk.goto(story.batch)
    clerk.get_by_role("button", name="Make them").click()
    # The page comes anew by itself as they are made.
    clerk.get_by_role("button", name="Ask for the hand-over").wait_for(timeout=60_000)
    clerk.get_by_role("button", name="Ask for the hand-over").click()
    clerk.get_by_text("another person has to confirm it").wait_for()
    assert not clerk.get_by_role("button", name="The key is right: hand over").count()
    owner, _ = story.owner
    owner.goto(story.batch)
    owner.get_by_role("button", name="The key is right: hand over").click()
    owner.get_by_text("can be fetched once").wait_for()
    clerk.goto(story.batch)
    with clerk.expect_download() as download:
        clerk.get_by_role("button", name="Fetch the encrypted file").click()
    sealed = download.value.path().read_bytes()
    plain = pyrage.decrypt(sealed, [story.press]).decode()
    story.cards = list(csv.DictReader(io.StringIO(plain)))
    assert len(story.cards) == QUANTITY + SPARES
    assert story.card["Pin"].encode() not in sealed
    clerk.goto(story.batch)
    assert story.card["Pin"] not in clerk.content()
    eyes.look(clerk, "cards-03-handed-over")


@pytest.mark.use_case("CRD-04", "CRD-30")
def test_it_is_shipped_and_the_reseller_says_that_it_arrived(house: House, story: Story) -> None:
    clerk, eyes = story.clerk
    clerk.goto("/resellers")
    clerk.get_by_role("link", name=SHOP).click()
    clerk.get_by_label("First serial").fill(story.cards[0]["Serial"])
    clerk.get_by_label("Last serial").fill(story.cards[QUANTITY - 1]["Serial"])
    clerk.get_by_label("Number of the delivery note").fill("DN-2001")
    clerk.get_by_role("button", name="Book it").click()
    clerk.get_by_text(f"{QUANTITY} cards are on their way.").wait_for()
    eyes.look(clerk, "cards-04-shipped")

    dealer, seen = house.player("Juniper")
    dealer.goto("/reseller")
    line = dealer.locator("div.stack-small", has_text="DN-2001")
    assert f"{QUANTITY} cards" in line.inner_text()
    seen.look(dealer, "cards-05-coming")
    line.get_by_role("button", name="All of them arrived").click()
    dealer.get_by_text(f"{QUANTITY} cards are in stock now.").wait_for()
    series = re.match(r"[A-Z]+\d{4}", story.cards[0]["Serial"])
    assert series
    stock = dealer.locator("li", has_text=f"Series {series.group()}")
    assert stock.locator(".amount").inner_text() == str(QUANTITY)
    seen.look(dealer, "cards-06-stock")


@pytest.mark.use_case("CRD-03", "CRD-15", "CRD-26")
def test_a_till_sells_a_card_and_a_player_activates_it_by_its_picture(house: House, story: Story) -> None:
    clerk, _ = story.clerk
    clerk.get_by_label("Name of the till").fill("Window")
    clerk.get_by_role("button", name="Issue a key").click()
    key = clerk.locator(".wb-secret").inner_text().strip()

    page, eyes = house.player("Sable", viewport=PHONE)
    page.goto("about:blank")
    with eyes.expecting(404, 409, 410, 422):
        page.goto(f"{house.portal}/activate#{story.card['Pin']}")
        page.get_by_text("has not been sold").first.wait_for()

    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    with httpx.Client(base_url=house.portal, trust_env=False, timeout=20) as till:
        sold = till.post(
            f"/api/v1/cards/{story.card['Serial']}/sale",
            json={"request_id": "W-1", "reseller": "comptoir", "sold_at": moment},
            headers={"authorization": f"Bearer {key}"},
        )
    assert (sold.status_code, sold.json()["state"]) == (201, "sold"), sold.text

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.headers.get("referer") or "")))
    page.goto("about:blank")
    # What it gives is looked up at once: two steps for the player.
    with pages_loaded(page, at_most=3):
        page.goto(f"{house.portal}/activate#{story.card['Pin']}")
        page.get_by_role("heading", name="This card gives you").wait_for()
        assert page.get_by_text("1,000 credits").first.is_visible()
        eyes.look(page, "cards-07-gives", sizes=(PHONE,))
        page.get_by_role("button", name="Activate", exact=True).click()
        page.get_by_role("heading", name="Your card is active").wait_for()
    bare = story.card["Pin"].replace("-", "")
    assert not [url for url in asked if bare in url.replace("-", "").split("#")[0]]
    eyes.look(page, "cards-08-active", sizes=(PHONE,))


@pytest.mark.use_case("CRD-23", "ACC-20")
def test_support_sees_its_life_and_the_accountant_what_is_owed(house: House, story: Story) -> None:
    support, eyes = house.administrator("silas")
    support.goto("/card")
    support.get_by_label("Serial", exact=True).fill(story.card["Serial"].lower())
    support.get_by_role("button", name="Look up").click()
    support.get_by_role("heading", name="Its life").wait_for()
    life = support.locator("table").inner_text()
    for moment in ("made", "handed over", "shipped", "sold", "activated"):
        assert re.search(moment, life, re.IGNORECASE), (moment, life)
    assert story.card["Pin"] not in support.content()
    eyes.look(support, "cards-09-life")

    accountant, seen = house.administrator("amara")
    accountant.goto("/card-liability")
    row = accountant.locator("tr", has=accountant.locator(f"a[href='{story.batch}']"))
    cells = [text.strip().replace("\u00a0", " ") for text in row.locator("td").all_inner_texts()]
    left = QUANTITY - 1
    assert cells[1:6] == ["our stock", str(left), f"{left}0.00 EUR", f"{left}0.00 EUR", "1"], cells
    assert cells[-1] == "agrees"
    seen.look(accountant, "cards-10-owed")


@pytest.mark.use_case("CRD-06")
def test_who_guessed_codes_is_locked_out_until_the_lock_is_lifted(house: House, story: Story) -> None:
    player = next(one["id"] for one in house.file["players"] if one["nickname"] == GUESSER)

    def guess(number: int) -> int:
        body = {"player": player, "code": f"WRONG-{number}", "client_address": ADDRESS}
        with house.demo.api() as api:
            answer = api.post(
                "/api/v1/cards/activations", json=body, headers={"idempotency-key": f"guess-{number}"}
            )
        return answer.status_code

    assert [guess(number) for number in range(6)] == [422] * 5 + [429]
    clerk, eyes = story.clerk
    clerk.goto("/guessed-codes")
    clerk.get_by_role("heading", name="Locked out now").wait_for()
    eyes.look(clerk, "cards-11-locked")
    for who in (GUESSER, ADDRESS):
        row = clerk.locator("tr", has_text=who).filter(has=clerk.get_by_role("button", name="Lift"))
        row.get_by_label("Why").fill("They typed the serial, as they told us.")
        row.get_by_role("button", name="Lift").click()
        clerk.get_by_text("The lock is lifted").wait_for()
    assert guess(7) == 422
    assert house.demo.run("prove").returncode == 0
