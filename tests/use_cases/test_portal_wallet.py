"""What players do with their wallets on the portal's pages: see, activate, prolong, read back, invite."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from django.db import connections
from django.test import Client

from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.databases import captured_queries
from tests.builders.house import ARENA_MONTH, ARENA_YEAR
from tests.builders.lots import a_promotion
from tests.builders.people import NOW, a_command, a_player
from tests.builders.portal import a_browser, hidden, says
from warchest.cards.contract import Worth
from warchest.charging.contract import Charging
from warchest.jobs import housekeeping
from warchest.journeys.hold_units import reserve_units
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.clock import FixedClock
from warchest.kernel.money import Money
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions

pytestmark = pytest.mark.usefixtures("database")

PAGES = ("/", "/top-up", "/activate", "/services", "/subscriptions", "/statement", "/invite", "/settings")


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def prolonged(player, plan=ARENA_MONTH) -> None:
    prolong_subscription(a_command(), player=player.id, plan=plan, periods=1)


def available(player) -> Money:
    return services.get(Charging).wallet(player=player.id).available


class TestHome:
    @pytest.mark.use_case("CHG-10")
    def test_shows_what_is_available_what_is_held_and_what_there_is_in_all(self):
        player = a_player(with_units="100")
        reserve_units(
            a_command(), player=player.id, amount=Money.parse("30", "XCR"), purpose="match", expires_in_s=600
        )
        home = a_browser(player).get("/")
        assert says(home, ">70</span>", "30 credits held · 100 credits in all")
        assert says(home, "match", "until Sun, Mar 15, 2026, 12:10")
        assert says(a_browser(a_player(with_units="5")).get("/"), ">5</span>", "Nothing of it is held.")

    def test_lists_the_holds_that_end_first(self):
        player, other = a_player(with_units="100"), a_player(with_units="100")
        for number in range(8):
            for whose in (player, other):
                reserve_units(
                    a_command(),
                    player=whose.id,
                    amount=Money.parse("1", "XCR"),
                    purpose=f"{whose.nickname} match {number}",
                    expires_in_s=600 - number * 60,
                )
        home = a_browser(player).get("/")
        shown = [f"match {number}<" in home.content.decode() for number in range(8)]
        assert shown == [False] * 3 + [True] * 5
        assert says(home, "… and more") and f"{other.nickname} match" not in home.content.decode()

    def test_counts_on_nothing_whose_term_is_over(self):
        player = a_player(with_units="100")
        a_promotion(player.id, "20", expires_at=NOW)
        assert says(a_browser(player).get("/"), ">100</span>")
        housekeeping.expire_lots(at=NOW)
        assert says(a_browser(player).get("/"), ">100</span>", "Expired", "-20")

    @pytest.mark.use_case("SUB-14")
    def test_shows_subscriptions_with_their_end_and_the_price_on_the_button(self):
        player = a_player(with_units="1000")
        prolonged(player)
        home = a_browser(player).get("/")
        assert says(
            home, "Arena", "Until Wed, Apr 15, 2026", "Prolong for 500 credits", "until Fri, May 15, 2026"
        )
        assert says(a_browser(player).get("/subscriptions"), "Arena", "Until Wed, Apr 15, 2026")

    def test_offers_to_top_up_where_the_wallet_has_too_little(self):
        player = a_player(with_units="700")
        prolonged(player)
        assert says(a_browser(player).get("/"), "Top up to prolong", "you need 300 more")

    def test_is_quick(self):
        player = a_player(with_units="10000")
        for plan in (ARENA_MONTH, ARENA_MONTH, ARENA_YEAR):
            prolonged(player, plan)
        browser = a_browser(player)
        browser.get("/")
        with captured_queries() as queries:
            assert browser.get("/").status_code == 200
        assert len(queries) <= 15, "\n".join(query[:120] for query in queries)

    def test_needs_a_player_who_is_signed_in(self):
        for page in PAGES:
            answer = a_browser().get(page)
            assert answer.status_code == 302 and answer["Location"].startswith("/sign-in?next=")

    def test_every_page_is_kept_by_no_cache_and_brings_nothing_from_elsewhere(self):
        browser = a_browser(a_player(with_units="10"))
        for page in PAGES:
            answer = browser.get(page)
            assert answer.status_code == 200, page
            assert answer["Cache-Control"] == "no-store"
            assert "default-src 'self'" in answer["Content-Security-Policy"]
            assert b"style=" not in answer.content and b"https://" not in answer.content, page


class TestActivatingACard:
    @pytest.mark.use_case("CRD-26")
    @pytest.mark.use_case("CRD-03")
    def test_shows_what_the_card_gives_and_gives_it_on_a_yes(self):
        player, card = a_player(), a_batch(quantity=1).cards[0]
        browser = a_browser(player)
        seen = browser.post("/activate", {"step": "look", "code": card.code.lower()})
        assert says(seen, "This card gives you", "1,000 credits", "A card of 10.00 EUR")
        assert not available(player)
        form = {"step": "confirm", "code": hidden(seen, "code"), "key": hidden(seen, "key")}
        done = browser.post("/activate", form)
        assert says(done, "Your card is active", "You now have 1,000 credits", card.serial)
        again = browser.post("/activate", form)
        assert says(again, "Your card is active", "You now have 1,000 credits")
        assert_books_prove()

    @pytest.mark.use_case("CRD-03")
    def test_gives_time_of_a_service(self):
        player = a_player()
        gives = (Worth.of_period(plan=ARENA_MONTH, periods=2),)
        card = a_batch(quantity=1, gives=gives).cards[0]
        browser = a_browser(player)
        seen = browser.post("/activate", {"step": "look", "code": card.code})
        assert says(seen, "Arena: 2 × arena-month", "Runs until Fri, May 15, 2026")
        done = browser.post("/activate", {"step": "confirm", "code": card.code, "key": hidden(seen, "key")})
        assert says(done, "Your card is active", "Runs until Fri, May 15, 2026")
        assert_books_prove()

    @pytest.mark.use_case("CRD-03")
    def test_says_why_a_card_was_refused(self):
        card = a_batch(quantity=1).cards[0]
        first, second = a_browser(a_player()), a_browser(a_player())
        seen = first.post("/activate", {"step": "look", "code": card.code})
        first.post("/activate", {"step": "confirm", "code": card.code, "key": hidden(seen, "key")})
        refused = second.post("/activate", {"step": "look", "code": card.code})
        assert refused.status_code == 409 and b"note-error" in refused.content
        unknown = second.post("/activate", {"step": "look", "code": "0000-0000-0000-0000"})
        assert unknown.status_code == 422 and says(unknown, 'value="0000-0000-0000-0000"')

    @pytest.mark.use_case("CRD-03")
    def test_wrong_codes_lock_and_say_until_when(self):
        browser = a_browser(a_player())
        answers = [
            browser.post("/activate", {"step": "look", "code": f"WRONG{number}"}) for number in range(6)
        ]
        assert [answer.status_code for answer in answers] == [422] * 5 + [429]
        assert answers[-1]["Retry-After"] == "900" and says(answers[-1], "Too many tries. It works again at")

    @pytest.mark.use_case("CRD-03")
    def test_a_code_never_stands_in_an_address(self):
        page = a_browser(a_player()).get("/activate?code=7K3M9XQ24TBN8HWC")
        assert b"7K3M9XQ24TBN8HWC" not in page.content.replace(b"/activate?code=7K3M9XQ24TBN8HWC", b"")

    @pytest.mark.use_case("CRD-25")
    def test_is_listed_among_the_players_cards(self):
        player, card = a_player(), a_batch(quantity=1).cards[0]
        browser = a_browser(player)
        seen = browser.post("/activate", {"step": "look", "code": card.code})
        browser.post("/activate", {"step": "confirm", "code": card.code, "key": hidden(seen, "key")})
        assert says(browser.get("/statement?show=cards"), card.serial, "Card: 1,000 credits")


class TestProlonging:
    @pytest.mark.use_case("SUB-01")
    def test_takes_one_step_from_the_home_page(self):
        player = a_player(with_units="1500")
        prolonged(player)
        browser = a_browser(player)
        home = browser.get("/")
        form = {name: hidden(home, name) for name in ("key", "subscription", "price_minor")}
        after = browser.post(f"/prolong/{ARENA_MONTH}", form, follow=True)
        assert after.redirect_chain == [("/", 302)]
        assert says(after, "Arena is yours until Fri, May 15, 2026. You paid 500 credits.")
        assert available(player) == Money.parse("500", "XCR")
        assert_books_prove()

    @pytest.mark.use_case("SUB-01")
    def test_pressed_twice_at_the_same_moment_is_charged_once_and_told_once(self):
        player = a_player(with_units="1500")
        page = a_browser(player).get(f"/prolong/{ARENA_MONTH}")
        assert says(page, "Begins", "Runs until", "Get it for 500 credits")
        form = {name: hidden(page, name) for name in ("key", "price_minor")}

        def press(browser: Client) -> int:
            try:
                with clock_in_force(FixedClock(NOW)):
                    return browser.post(f"/prolong/{ARENA_MONTH}", form).status_code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as presses:
            answers = list(presses.map(press, [a_browser(player) for _ in range(4)]))
        assert answers == [302] * 4
        assert available(player) == Money.parse("1000", "XCR")
        browser = a_browser(player)
        for _ in range(2):
            browser.post(f"/prolong/{ARENA_MONTH}", form)
        assert browser.get("/").content.count(b"Arena is yours until") == 1

    @pytest.mark.use_case("SUB-01")
    def test_says_what_is_missing_and_leads_to_it(self):
        player = a_player(with_units="100")
        browser = a_browser(player)
        page = browser.get(f"/prolong/{ARENA_MONTH}")
        assert says(page, "You need 400 credits more", "amount=500", "next=%2Fprolong")
        refused = browser.post(f"/prolong/{ARENA_MONTH}", {"key": "k1", "price_minor": "50000"})
        assert refused.status_code == 402 and says(refused, "You need 400 credits more")

    @pytest.mark.use_case("SUB-01")
    def test_charges_no_other_price_than_the_one_on_the_button(self):
        player = a_player(with_units="1000")
        answer = a_browser(player).post(f"/prolong/{ARENA_MONTH}", {"key": "k1", "price_minor": "49900"})
        assert answer.status_code == 409 and says(answer, "The price has just changed")
        assert not services.get(Subscriptions).subscriptions(player=player.id)

    def test_without_a_key_or_with_one_used_before_is_refused_in_words(self):
        browser = a_browser(a_player(with_units="2000"))
        assert browser.post(f"/prolong/{ARENA_MONTH}", {"price_minor": "50000"}).status_code == 400
        browser.post(f"/prolong/{ARENA_MONTH}", {"key": "k1", "price_minor": "50000"})
        reused = browser.post(f"/prolong/{ARENA_YEAR}", {"key": "k1", "price_minor": "500000"})
        assert reused.status_code == 409


class TestServices:
    @pytest.mark.use_case("SVC-07")
    @pytest.mark.use_case("CHG-14")
    def test_are_listed_in_own_language_with_prices_in_credits_and_own_currency(self):
        browser = a_browser(a_player(country="JP", with_units="600"))
        assert says(browser.get("/services"), "Ranked matches.", "500 credits", "820 JPY")
        browser.post("/i18n/setlang/", {"language": "de", "next": "/"})
        assert says(browser.get("/services"), "Gewertete Spiele.")

    @pytest.mark.use_case("SVC-08")
    def test_one_is_shown_alone_with_its_plans(self):
        browser = a_browser(a_player())
        assert says(browser.get("/services/arena"), "Arena", "arena-month", "arena-year", "50.00 EUR")
        assert browser.get("/services/nothing").status_code == 404


class TestStatement:
    @pytest.mark.use_case("CHG-11")
    def test_groups_lines_by_the_players_own_day_and_says_why(self):
        player = a_player(with_units="1000", at=NOW - timedelta(days=1))
        prolonged(player)
        page = a_browser(player).get("/statement")
        assert says(page, "Sun, Mar 15, 2026", "Sat, Mar 14, 2026", "Arena", "−500", "+1,000", "You then had")

    @pytest.mark.use_case("CHG-11")
    def test_goes_on_page_by_page(self):
        player = a_player(with_units="20000")
        for _ in range(34):
            prolonged(player)
        browser = a_browser(player)
        first = browser.get("/statement")
        assert first.content.count(b'<li>\n  <details id="line-') == 30
        next_url = first.content.decode().split('rel="next" hx-get="')[1].split('"')[0].replace("&amp;", "&")
        second = browser.get(next_url, headers={"HX-Request": "true"})
        assert second.content.count(b'<details id="line-') == 5 and b"<html" not in second.content
        assert browser.get("/statement?before=nonsense").status_code == 200

    @pytest.mark.use_case("CHG-11")
    def test_shows_the_lines_that_are_chosen_with_the_balance_after_each(self):
        player = a_player(with_units="1000", at=NOW - timedelta(days=1))
        prolonged(player)
        browser = a_browser(player)
        for chosen, amounts in (
            ("", ["−500= 500", "+1,000= 1,000"]),
            ("kind=subscription", ["−500= 500"]),
            ("kind=charge", []),
            ("direction=in", ["+1,000= 1,000"]),
            ("direction=out", ["−500= 500"]),
            ("from_day=2026-03-15", ["−500= 500"]),
            ("to_day=2026-03-14", ["+1,000= 1,000"]),
            ("direction=in&from_day=2026-03-15", []),
        ):
            page = BeautifulSoup(browser.get(f"/statement?{chosen}").content, "html.parser")
            for unseen in page.select("summary .unseen"):
                unseen.decompose()
            shown = ["".join(one.get_text().split()) for one in page.select("summary .amount")]
            assert shown == [f"{one.replace(' ', '')}credits" for one in amounts], chosen
            assert bool(page.select_one("details.chosen[open]")) == bool(chosen)
            assert bool(page.find("a", string="Show all lines")) == bool(chosen)

    def test_a_day_is_one_on_the_players_clock(self):
        player = a_player(country="JP", with_units="10", at=NOW.replace(hour=15, minute=30))
        browser = a_browser(player)
        browser.post("/settings", {"language": "en", "display_currency": "JPY", "time_zone": "Asia/Tokyo"})
        assert says(browser.get("/statement?from_day=2026-03-16&to_day=2026-03-16"), "Mon, Mar 16", "+10")
        assert says(browser.get("/statement?to_day=2026-03-15"), "No line is like this.")

    def test_keeps_what_was_chosen_from_page_to_page(self):
        player = a_player(with_units="20000")
        for _ in range(33):
            prolonged(player)
        browser = a_browser(player)
        page = BeautifulSoup(browser.get("/statement?direction=out").content, "html.parser")
        following = browser.get(page.select_one("a[rel=next]")["href"])
        assert following.content.count(b'<details id="line-') == 3 and b"+20,000" not in following.content

    def test_says_what_is_wrong_with_what_was_chosen(self):
        browser = a_browser(a_player(with_units="10"))
        for chosen in ("kind=%00", "direction=up", "from_day=soon", "to_day=9999-12-31"):
            page = browser.get(f"/statement?{chosen}")
            assert page.status_code == 200 and b"errorlist" in page.content, chosen

    def test_is_quick_however_long_it_is(self):
        player = a_player(with_units="20000")
        for _ in range(12):
            prolonged(player)
        browser = a_browser(player)
        browser.get("/statement")
        with captured_queries() as queries:
            assert browser.get("/statement?direction=out").status_code == 200
        assert len(queries) <= 12, "\n".join(query[:120] for query in queries)


class TestInviting:
    @pytest.mark.use_case("MLM-14")
    def test_shows_link_code_and_picture(self):
        player = a_player()
        page = a_browser(player).get("/invite")
        code = player.sponsor_code
        assert says(page, f"/join/{code}", f"{code[:4]}-{code[4:8]}", "<svg", 'role="img"')

    def test_shows_what_was_earned_this_month_and_why(self):
        sponsor = a_player(nickname="Sponsor")
        friend = a_player(nickname="Friend", sponsor=sponsor, with_units="1000")
        prolonged(friend)
        page = a_browser(sponsor).get("/invite")
        assert says(page, "Earned in March 2026", "Friend: Arena", "of 4.20 EUR", "level 1", "1 player")
        with clock_in_force(FixedClock(NOW + timedelta(days=31))):
            assert says(a_browser(sponsor).get("/invite"), "Earned in April 2026", ">0.00</span>")


class TestMistakes:
    def test_have_a_page_that_says_what_to_do_next(self):
        answer = a_browser(a_player(nickname="Ana")).get("/nowhere")
        assert answer.status_code == 404 and says(answer, "There is nothing here", "To your wallet", "Ana")
        assert a_browser().get("/nowhere").status_code == 404

    def test_a_form_without_its_proof_is_refused_in_the_portals_look(self):
        browser = Client(enforce_csrf_checks=True)
        answer = browser.post("/sign-in", {"login": "a", "password": "b"})
        assert answer.status_code == 403 and says(answer, "This page is too old")

    def test_a_fault_of_ours_shows_a_number_and_nothing_of_the_inside(self, monkeypatch):
        def broken(**_: object) -> None:
            raise RuntimeError("inside")

        monkeypatch.setattr("warchest.web.portal.views.home.wallet_page", broken)
        browser = a_browser(a_player())
        browser.raise_request_exception = False
        answer = browser.get("/")
        assert answer.status_code == 500 and says(answer, "It is on our side", answer["X-Request-Id"])
        assert b"inside" not in answer.content and b"Traceback" not in answer.content
