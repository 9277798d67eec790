"""The portal speaks the reader's language: from the first visit, and on every page to the last word."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.builders.cards import a_batch
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from tests.builders.portal import a_browser, says
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.clock import FixedClock
from warchest.runtime.command import clock_in_force

pytestmark = pytest.mark.usefixtures("database")

OPEN_PAGES = ("/sign-in", "/sign-up", "/no-such-page")
PLAYERS_PAGES = (
    "/",
    "/top-up?amount=2000&currency=EUR",
    "/activate",
    "/services",
    f"/prolong/{ARENA_MONTH}",
    "/subscriptions",
    "/statement",
    "/statement?show=payments",
    "/statement?show=cards",
    "/invite",
    "/settings",
)
# Names, codes and what is written alike in both languages.
ALIKE = re.compile(
    r"Warchest.*|Nickname|Credits|Arena.*|arena-.*|player\d+"
    r"|Sandbox|Visa, Mastercard|Name|Status|PDF|CSV|EUR|XCR|English|Deutsch"
    r"|UTC|[0-9A-Z]{4}(-[0-9A-Z]{4})+|WC\d+|[0-9a-f]{8}-[0-9a-f-]{27}|https?://.*|[\d.,+−%\s]+(EUR)?"
)


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def language_of(page) -> str:
    return re.search(r'<html lang="([^"]+)"', page.content.decode()).group(1)


def texts(page) -> set[str]:
    """What a reader sees or hears on a page, except lists to choose from, which are made by Babel."""
    content = re.sub(r"<(script|style|option).*?</\1>", "", page.content.decode(), flags=re.DOTALL)
    heard = re.findall(r'(?:aria-label|alt|title|data-wrong|data-done)="([^"]+)"', content)
    shown = re.sub(r"<[^>]+>", "\n", content).split("\n")
    return {
        text for text in (unescape(line).strip() for line in (*shown, *heard)) if re.search(r"[^\W\d]", text)
    }


@pytest.mark.use_case("LOC-04")
class TestTheFirstVisit:
    @pytest.mark.parametrize(
        ("wished", "spoken"),
        [
            ("de", "de"),
            ("de-AT,de;q=0.9,en;q=0.8", "de"),
            ("en-GB", "en"),
            ("tlh,de;q=0.5", "de"),
            ("tlh", "en"),
        ],
    )
    def test_speaks_the_first_language_of_the_browser_that_it_knows(self, wished: str, spoken: str):
        assert language_of(a_browser(**{"Accept-Language": wished}).get("/sign-in")) == spoken

    def test_speaks_what_was_chosen_from_then_on(self):
        browser = a_browser(**{"Accept-Language": "de"})
        browser.post("/i18n/setlang/", {"language": "en", "next": "/sign-in"})
        assert language_of(browser.get("/sign-in")) == "en"


@pytest.mark.parametrize("page", OPEN_PAGES)
def test_a_page_before_signing_in_leaves_nothing_in_english(page: str):
    english, german = (a_browser(**{"Accept-Language": code}).get(page) for code in ("en", "de"))
    assert {text for text in texts(english) & texts(german) if not ALIKE.fullmatch(text)} == set()


@pytest.mark.parametrize("page", PLAYERS_PAGES)
def test_a_players_page_leaves_nothing_in_english(page: str):
    player = a_player(with_units="1000")
    prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
    english, german = (a_browser(player, **{"Accept-Language": code}).get(page) for code in ("en", "de"))
    assert english.status_code == german.status_code == 200
    assert {text for text in texts(english) & texts(german) if not ALIKE.fullmatch(text)} == set()


def test_a_card_is_looked_at_in_german():
    browser = a_browser(a_player(), **{"Accept-Language": "de"})
    page = browser.post("/activate", {"step": "look", "code": a_batch().cards[0].code})
    assert says(page, "Diese Karte bringt dir", "1.000 Credits", "10,00 EUR")


def test_a_refusal_is_told_in_german():
    browser = a_browser(a_player(), **{"Accept-Language": "de"})
    page = browser.post("/activate", {"step": "look", "code": "0000-0000-0000-0000"})
    assert says(page, "Das ist kein Code von uns.")
