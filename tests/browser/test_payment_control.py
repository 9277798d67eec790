"""Providers, reviews and settlements in the back office, in a real browser: by the keyboard, on a phone and on a desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.conftest import House
from tests.browser.eyes import DESK, PHONE, Eyes
from tests.browser.test_main_job import pay_at_the_provider
from warchest.kernel.ids import new_id
from warchest_payflow.testing import RunningPayflow
from warchest_sandbox.testing import RunningSandbox

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = pytest.mark.browser

LOOK_AT_ALL = "every payment, for this test"


@pytest.fixture(scope="module")
def sandbox(house: House) -> RunningSandbox:
    """The demo's own, to be asked by whoever holds its secret; it is running already."""
    folder = house.demo.folder / "sandbox"
    port = urlsplit((folder / "base-url").read_text().strip()).port
    assert port
    return RunningSandbox(folder, port=port)


@pytest.fixture(scope="module")
def olivia(house: House) -> tuple[Page, Eyes]:
    return house.administrator("olivia")


@pytest.fixture(scope="module")
def amara(house: House) -> tuple[Page, Eyes]:
    return house.administrator("amara")


@pytest.fixture(scope="module")
def payflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPayflow]:
    with RunningPayflow(tmp_path_factory.mktemp("payflow")) as payflow:
        yield payflow


def tab_to(page: Page, target: Locator, *, presses_max: int = 60) -> None:
    """Go there by the keyboard alone; what has the focus always shows it."""
    for _ in range(presses_max):
        page.keyboard.press("Tab")
        marked = page.evaluate(
            """() => {
                // A box may show it for the field inside of it.
                const node = document.activeElement;
                return [node, node.parentElement, node.parentElement?.parentElement].some((at) => {
                    const style = at && getComputedStyle(at);
                    return style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
                });
            }"""
        )
        assert marked, f"no mark on {page.evaluate('document.activeElement.outerHTML')[:200]}"
        if target.evaluate("node => node === document.activeElement"):
            return
    pytest.fail(f"the keyboard does not reach {target}")


@pytest.mark.use_case("PLG-02")
class TestAProvidersSettings:
    def test_are_entered_by_the_keyboard_tested_and_never_shown_again(
        self, olivia: tuple[Page, Eyes], payflow: RunningPayflow
    ) -> None:
        page, eyes = olivia
        page.goto("/providers")
        page.get_by_role("main").get_by_role("link", name="Payflow").click()
        page.wait_for_url("**/providers/payflow")
        eyes.look(page, "backoffice-provider-new")
        secret, its_pages = payflow.settings["password"], page.get_by_label("Page url", exact=True)
        entered = {
            "Base url": payflow.url,
            "Page url": "no address at all",
            "Partner": "PayPal",
            "Vendor": "warchest",
            "Password": secret,
        }
        for label, value in entered.items():
            tab_to(page, page.get_by_label(label, exact=True))
            page.keyboard.type(value)
        assert page.get_by_label("Password", exact=True).get_attribute("type") == "password"
        page.keyboard.press("Enter")

        # Named at its field; the rest need not be typed again, but for what is secret.
        page.locator(".wb-wrong").filter(has=its_pages).get_by_role("alert").wait_for()
        assert page.get_by_label("Base url", exact=True).input_value() == payflow.url
        assert secret not in page.content() and not page.get_by_text("Version 1:").count()
        eyes.look(page, "backoffice-provider-wrong")
        its_pages.fill(payflow.settings["page_url"])
        page.get_by_label("Password", exact=True).fill(secret)
        page.get_by_role("button", name="Keep the settings").click()

        page.get_by_text("The settings are kept, encrypted.").wait_for()
        assert its_pages.input_value() == payflow.settings["page_url"]
        assert page.get_by_label("Password", exact=True).input_value() == ""
        assert secret not in page.content()
        assert page.get_by_text("Version 1:").is_visible()
        eyes.look(page, "backoffice-provider-kept")
        page.get_by_role("button", name="Test the connection").click()
        page.get_by_text("The provider says:").wait_for()
        eyes.assert_nothing_wrong()

    def test_of_the_configuration_file_are_told_and_not_changed_here(self, olivia: tuple[Page, Eyes]) -> None:
        page, eyes = olivia
        page.goto("/providers/sandbox")
        assert page.get_by_text("under [providers.sandbox]").is_visible()
        assert not page.get_by_role("button", name="Keep the settings").count()
        eyes.look(page, "backoffice-provider-of-the-file")


@pytest.mark.use_case("PAY-23")
class TestReviewing:
    @pytest.fixture
    def waiting(self, house: House, olivia: tuple[Page, Eyes]) -> tuple[Page, str]:
        """A payment of Marlow's that the rules want a person to look at: their page, and where the decision is made."""
        office, _ = olivia
        office.goto("/payment-rules/fraud")
        office.get_by_label("Name", exact=True).fill(LOOK_AT_ALL)
        office.get_by_label("Limit").fill("0")
        office.get_by_role("button", name="Set the rule").click()
        office.get_by_text("The rule is set.").wait_for()
        player, _ = house.player("Marlow")
        player.goto("/top-up?amount=2000&currency=EUR")
        player.get_by_role("button", name="Pay 20.00 EUR").click()
        player.locator("#number").wait_for()
        office.get_by_role("button", name=f"End “{LOOK_AT_ALL}”").click()
        office.get_by_text("The rule has ended.").wait_for()
        pay_at_the_provider(player)
        player.wait_for_url(f"{house.portal}/**")
        player.get_by_text("look").first.wait_for()

        office.goto("/reviews")
        row = office.get_by_role("row").filter(has_text="Marlow").filter(has_text="Fraud rules").last
        place = row.get_by_role("link").get_attribute("href")
        assert place
        return player, place

    def test_is_done_by_the_keyboard_and_brings_the_units(
        self, olivia: tuple[Page, Eyes], waiting: tuple[Page, str]
    ) -> None:
        page, eyes = olivia
        player, place = waiting
        player.goto("/")
        before = player.locator("#wallet .number").inner_text()
        eyes.look(page, "backoffice-reviews")
        page.goto(place)
        assert page.get_by_text(LOOK_AT_ALL).is_visible()
        eyes.look(page, "backoffice-review")
        tab_to(page, page.get_by_label("Note for the record"))
        page.keyboard.type("a regular")
        tab_to(page, page.get_by_role("button", name="Approve"), presses_max=1)
        page.keyboard.press("Enter")
        page.get_by_text("Decided.").wait_for()
        eyes.look(page, "backoffice-review-decided")
        player.goto("/")
        wallet = player.locator("#wallet .number").inner_text()
        assert _count(wallet) == _count(before) + 2000
        page.goto("/reviews")
        assert not page.locator(f"a[href='{place}']").count()

    def test_is_refused_on_a_phone_and_brings_nothing(
        self, olivia: tuple[Page, Eyes], waiting: tuple[Page, str]
    ) -> None:
        page, eyes = olivia
        player, place = waiting
        player.goto("/")
        before = player.locator("#wallet .number").inner_text()
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.goto(place)
        page.get_by_role("button", name="Refuse").click()
        page.get_by_text("Decided. The payment is now: cancelled.").wait_for()
        eyes.look(page, "backoffice-review-refused", sizes=(PHONE,))
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
        player.goto("/")
        assert player.locator("#wallet .number").inner_text() == before


@pytest.mark.use_case("PAY-03")
def test_a_settlement_is_asked_for_compared_and_its_difference_resolved(
    house: House, amara: tuple[Page, Eyes], sandbox: RunningSandbox
) -> None:
    player, _ = house.player("Marlow")
    player.goto("/top-up?amount=2000&currency=EUR")
    player.get_by_role("button", name="Pay 20.00 EUR").click()
    pay_at_the_provider(player)
    player.get_by_role("heading", name="2,000 credits are yours").wait_for()
    stranger = pay_past_warchest(sandbox)
    (settled,) = [one for one in sandbox.settle() if one["currency"] == "EUR"]

    page, eyes = amara
    page.goto("/settlements")
    page.get_by_label("Day (UTC)").fill(settled["settled_on"])
    page.get_by_role("button", name="Ask the provider").click()
    page.get_by_text("1 line is open").wait_for()
    eyes.look(page, "backoffice-settlements-told")
    page.get_by_role("link", name=settled["id"]).click()
    page.get_by_role("heading", name="not in our books").wait_for()
    assert page.locator("code", has_text=stranger).first.is_visible()
    eyes.look(page, "backoffice-settlement-open")

    tab_to(page, page.get_by_label("Reason"), presses_max=80)
    page.keyboard.type("a sale at the counter")
    page.keyboard.press("Enter")
    page.get_by_text("It is booked, and the line resolved.").wait_for()
    assert not page.get_by_role("button", name="Book the difference").count()
    eyes.look(page, "backoffice-settlement-agrees")
    page.get_by_role("link", name="resolved by an entry").click()
    page.get_by_role("heading", name="Legs").wait_for()
    assert page.get_by_text("a sale at the counter").first.is_visible()


def pay_past_warchest(sandbox: RunningSandbox) -> str:
    """A payment on our account at the provider that Warchest knows nothing of; answers its reference."""
    reference = str(new_id())
    opened = httpx.post(
        f"{sandbox.url}/v1/payments",
        json={
            "reference": reference,
            "amount": "5.00",
            "currency": "EUR",
            "return_url": "http://127.0.0.1:9/",
            "notice_url": "http://127.0.0.1:9/",
        },
        headers={"authorization": f"Bearer {sandbox.settings['api_secret']}"},
        trust_env=False,
    )
    assert opened.status_code in (200, 201), opened.text
    sandbox.pay(reference)
    return reference


def _count(shown: str) -> int:
    return int(shown.replace(",", ""))
