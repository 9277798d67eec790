"""What holds on every page: nothing fails, nothing is too wide, all has a name and can be read, on a phone and on a desk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import polib
import pytest

import warchest
from tests.browser.conftest import House
from tests.browser.eyes import DESK, PHONE, Eyes

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

OPEN_PAGES = {"sign-in": "/sign-in", "sign-up": "/sign-up"}
PLAYERS_PAGES = {
    "cards": "/cards",
    "home": "/",
    "top-up": "/top-up?amount=2000&currency=EUR",
    "top-up-too-much": "/top-up?own_amount=99999999&currency=EUR",
    "activate": "/activate",
    "services": "/services",
    "subscriptions": "/subscriptions",
    "statement": "/statement",
    "statement-chosen": "/statement?direction=out&from_day=2020-01-01",
    "statement-none": "/statement?to_day=2020-01-01",
    "statement-payments": "/statement?show=payments",
    "statement-cards": "/statement?show=cards",
    "invite": "/invite",
    "send": "/send",
    "documents": "/documents",
    "withdrawals": "/withdraw",
    "payment-methods": "/payment-methods",
    "auto-top-up": "/auto-top-up",
    "invoice-details": "/invoice-details",
    "settings": "/settings",
    "reseller": "/reseller",
    "reseller-ship": "/reseller/ship",
    "reseller-settlement": "/reseller/settlement",
}
SCHEMES = ("dark", "light")


@pytest.fixture(scope="module", params=SCHEMES)
def sable(request: pytest.FixtureRequest, house: House) -> tuple[str, Page, Eyes]:
    """A sponsor who reads English, with the pages dark or light."""
    return request.param, *house.player("Sable", color_scheme=request.param)


@pytest.fixture(scope="module", params=SCHEMES)
def olivia(request: pytest.FixtureRequest, house: House) -> Iterator[tuple[str, Page, Eyes]]:
    yield request.param, *house.administrator("olivia", color_scheme=request.param)


@pytest.fixture(scope="module")
def english() -> set[str]:
    root = Path(warchest.__file__).parent
    entries = [
        entry
        for file in root.rglob("locale/de/LC_MESSAGES/django.po")
        for entry in polib.pofile(str(file))
        if entry.translated() and not entry.obsolete
    ]
    germans = {word for entry in entries for word in (entry.msgstr, *entry.msgstr_plural.values())}
    return {
        entry.msgid
        for entry in entries
        if re.search(r"[a-z]", entry.msgid) and "%" not in entry.msgid and entry.msgid not in germans
    }


class TestPortal:
    @pytest.mark.parametrize("name", OPEN_PAGES)
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_a_page_before_signing_in_has_no_fault(self, house: House, name: str, scheme: str) -> None:
        page, eyes = house.visitor(color_scheme=scheme)
        page.goto(OPEN_PAGES[name])
        eyes.look(page, f"portal-{name}-{scheme}")

    @pytest.mark.parametrize("name", PLAYERS_PAGES)
    def test_a_players_page_has_no_fault(self, sable: tuple[str, Page, Eyes], name: str) -> None:
        scheme, page, eyes = sable
        page.goto(PLAYERS_PAGES[name])
        eyes.look(page, f"portal-{name}-{scheme}")

    def test_a_page_that_is_not_there_says_so_and_leads_on(self, sable: tuple[str, Page, Eyes]) -> None:
        scheme, page, eyes = sable
        with eyes.expecting(404):
            page.goto("/no-such-page")
            eyes.look(page, f"portal-not-found-{scheme}")
        assert page.get_by_role("main").get_by_role("link").count() >= 1

    def test_the_first_page_is_small(self, sable: tuple[str, Page, Eyes]) -> None:
        """Under 100 kB as it comes over the wire, all that it needs included."""
        _, page, _ = sable
        weight = 0

        def weigh(response: object) -> None:
            nonlocal weight
            sizes = response.request.sizes()  # type: ignore[attr-defined]
            weight += sizes["responseBodySize"]

        cold = page.context.new_page()
        client = page.context.new_cdp_session(cold)
        client.send("Network.setCacheDisabled", {"cacheDisabled": True})
        cold.on("requestfinished", lambda request: weigh(request.response()))
        cold.goto("/")
        cold.wait_for_load_state("networkidle")
        cold.close()
        assert 10_000 < weight < 100_000

    def test_stands_from_right_to_left_as_well(self, house: House) -> None:
        page, eyes = house.player("Sable")
        for name in ("home", "statement", "invite", "top-up", "cards"):
            page.goto(PLAYERS_PAGES[name])
            page.evaluate("document.documentElement.dir = 'rtl'")
            eyes.look(page, f"portal-{name}-rtl")


class TestKeyboard:
    def test_reaches_the_main_action_of_the_home_page_and_shows_where_it_is(self, house: House) -> None:
        page, eyes = house.player("Marlow")
        page.set_viewport_size(DESK)
        page.reload()
        reached = []
        for _ in range(25):
            page.keyboard.press("Tab")
            focus = page.evaluate(
                """() => {
                    const node = document.activeElement, style = getComputedStyle(node);
                    return {
                        id: node.id, words: node.innerText?.trim().split("\\n")[0] ?? "",
                        outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
                        ring: style.boxShadow !== "none",
                    };
                }"""
            )
            reached.append(focus["id"] or focus["words"])
            assert focus["outline"] or focus["ring"], f"no mark on {reached[-1]}"
            if focus["words"] == "See what it gives":
                break
        assert reached[0] == "Skip to the page"
        assert reached[-2:] == ["code", "See what it gives"], reached
        page.screenshot(path=eyes.pictures / "portal-home-keyboard-1280.png")
        eyes.assert_nothing_wrong()


class TestGerman:
    """English that has a German translation must not stand on a page for somebody who reads German."""

    @pytest.mark.use_case("USR-18")
    def test_leaves_no_english_on_a_players_pages(self, house: House, english: set[str]) -> None:
        page, eyes = house.player("Kestrel", locale="de-DE")
        assert page.locator("html").get_attribute("lang") == "de"
        for name, path in PLAYERS_PAGES.items():
            page.goto(path)
            assert words(page) & english == set(), path
            eyes.look(page, f"portal-{name}-de", sizes=(PHONE,))

    def test_leaves_no_english_before_signing_in(self, house: House, english: set[str]) -> None:
        page, eyes = house.visitor(locale="de-DE")
        for name, path in OPEN_PAGES.items():
            page.goto(path)
            assert words(page) & english == set(), path
            eyes.look(page, f"portal-{name}-de", sizes=(PHONE,))

    def test_leaves_no_english_in_the_back_office(self, house: House, english: set[str]) -> None:
        page, eyes = house.administrator("olivia", locale="en-GB")
        page.context.add_cookies(
            [{"name": "warchest_backoffice_language", "value": "de", "url": house.backoffice}]
        )
        page.goto("/")
        for path in navigation(page).values():
            page.goto(path)
            assert words(page) & english == set(), path
        eyes.assert_nothing_wrong()


class TestBackOffice:
    def test_no_page_of_the_menu_has_a_fault(self, olivia: tuple[str, Page, Eyes]) -> None:
        scheme, page, eyes = olivia
        # Colours are the same at any width, and these are many pages.
        sizes = (PHONE, DESK) if scheme == "light" else (DESK,)
        page.goto("/")
        faults = []
        for name, path in navigation(page).items():
            page.goto(path)
            try:
                eyes.look(page, f"backoffice-{name}-{scheme}", sizes=sizes)
            except AssertionError as found:
                faults.append(str(found))
        assert not faults, "\n".join(faults)

    def test_the_way_from_a_figure_to_the_document_has_no_fault(self, olivia: tuple[str, Page, Eyes]) -> None:
        """One click each: the trial balance, a book's accounts, an account's entries, an entry."""
        scheme, page, eyes = olivia
        page.goto("/trial-balance")
        main = page.get_by_role("main")
        main.get_by_role("link", name="Units in wallets", exact=True).click()
        page.wait_for_url("**/accounts?*")
        eyes.look(page, f"backoffice-accounts-of-book-{scheme}")
        main.get_by_role("link", name="Units in wallets, XCR").first.click()
        page.wait_for_url("**/account?*")
        eyes.look(page, f"backoffice-account-{scheme}")
        main.locator("table.wb-books tbody a").first.click()
        main.get_by_role("heading", name="Legs").wait_for()
        eyes.look(page, f"backoffice-entry-{scheme}")
        page.evaluate("document.documentElement.dir = 'rtl'")
        eyes.look(page, f"backoffice-entry-rtl-{scheme}", sizes=(PHONE,))

    @pytest.mark.parametrize(
        "path", ["/trial-balance", "/owed-for-wallets", "/journal?owner=sab", "/accounts?book=tax_payable"]
    )
    def test_the_books_stand_from_right_to_left_as_well(
        self, olivia: tuple[str, Page, Eyes], path: str
    ) -> None:
        scheme, page, eyes = olivia
        page.goto(path)
        page.evaluate("document.documentElement.dir = 'rtl'")
        eyes.look(page, f"backoffice-{path.strip('/').partition('?')[0]}-rtl-{scheme}", sizes=(PHONE,))

    def test_a_reversal_is_looked_at_before_it_is_booked(self, olivia: tuple[str, Page, Eyes]) -> None:
        scheme, page, eyes = olivia
        page.goto("/exchange")
        page.get_by_label("Amount that went").fill("5.00")
        page.get_by_label("Amount that came").fill("4.50")
        page.get_by_role("button", name="Look at the entry").click()
        page.get_by_role("button", name="Book the exchange").click()
        # A click does not wait for what it sends: who goes on at once may take that back.
        page.get_by_text("The exchange is booked.").wait_for()
        page.goto("/journal?kind=exchange")
        page.locator("table.wb-books tbody a").first.click()
        page.get_by_role("link", name="Reverse this entry").click()
        page.get_by_role("button", name="Book the reversal").wait_for()
        eyes.look(page, f"backoffice-reverse-entry-{scheme}")
        page.get_by_label("Why").fill("The statement of another month")
        page.get_by_role("button", name="Book the reversal").click()
        page.get_by_text("This is its mirror image.").wait_for()
        eyes.look(page, f"backoffice-reversal-{scheme}")


def words(page: Page) -> set[str]:
    """What is read or heard on the page, text by text; names of languages are always their own."""
    return set(
        page.evaluate(
            """() => {
                const silent = "script, style, [translate=no], [lang]:not(html), .material-symbols-outlined";
                const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
                while (walker.nextNode()) {
                    const node = walker.currentNode.parentElement;
                    if (!node.closest(silent)) found.push(walker.currentNode.data);
                }
                for (const node of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]"))
                    for (const name of ["aria-label", "title", "placeholder", "alt"])
                        if (node.getAttribute(name)) found.push(node.getAttribute(name));
                return [...found.map((text) => text.trim().replace(/\\s+/g, " ")), document.title.split(/ [|·] /)[0]];
            }"""
        )
    ) - {""}


def navigation(page: Page) -> dict[str, str]:
    """All pages that the back office's menu leads to, by a name for their pictures."""
    links = page.locator("nav a[href], aside a[href], #nav-sidebar a[href]").evaluate_all(
        "links => links.map((link) => link.href)"
    )
    paths = dict.fromkeys(urlsplit(link).path for link in links if link.startswith(page.url.split("/", 3)[0]))
    return {
        path.strip("/").replace("/", "-") or "dashboard": path for path in paths if "sign-out" not in path
    }
