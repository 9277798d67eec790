"""Players join, sign in and out, and choose their language, through the portal's pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client, override_settings

from tests.builders.people import NOW, a_player, an_administrator
from tests.builders.portal import a_browser, hidden, says
from warchest.kernel.clock import FixedClock
from warchest.members.contract import Members
from warchest.referrals.contract import Referrals
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services
from warchest.web.portal.locks import lock_after

pytestmark = pytest.mark.usefixtures("database")
PASSWORD = "four words in a row"


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def _join(browser: Client, **changed: str):
    form = {
        "key": hidden(browser.get("/sign-up"), "key"),
        "nickname": "Ana",
        "email": "ana@example.org",
        "password": PASSWORD,
        "country": "DE",
        "language": "en",
        "sponsor_code": "",
        "time_zone": "Europe/Berlin",
    }
    return browser.post("/sign-up", form | changed)


def _sign_in(browser: Client, login: str, password: str, **fields: str):
    return browser.post("/sign-in", {"login": login, "password": password, **fields})


class TestJoining:
    def test_makes_an_account_signs_in_at_once_and_leads_home(self):
        browser = a_browser()
        answer = _join(browser)
        assert answer.status_code == 302 and answer["Location"] == "/"
        home = browser.get("/")
        assert home.status_code == 200 and says(home, "Ana", "You have")
        (player,) = services.get(Members).find_players(text="Ana")
        assert (player.country, player.language, player.time_zone) == ("DE", "en", "Europe/Berlin")

    def test_tells_that_a_nickname_is_taken(self):
        a_player(nickname="Ana")
        answer = _join(a_browser(), nickname="ana")
        assert answer.status_code == 409 and says(answer, "This nickname is taken")

    def test_does_not_tell_that_an_address_is_known(self):
        a_player(nickname="anabel")
        with override_settings(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"):
            answer = _join(a_browser(), email="ANABEL@example.org")
            assert says(answer, "Look into your mail", "We have written to ANABEL@example.org")
            assert [letter.to for letter in mail.outbox] == [["ANABEL@example.org"]]
        assert not services.get(Members).find_players(text="Ana")[1:]

    @pytest.mark.parametrize("email", ["anabel@example.org", "nobody@example.org"])
    def test_answers_a_request_without_consequences_alike_for_known_and_unknown_addresses(self, email: str):
        a_player(nickname="anabel")
        taken = _join(a_browser(), nickname="anabel", email=email)
        assert taken.status_code == 409 and says(taken, "This nickname is taken")
        wrong_code = _join(a_browser(), email=email, sponsor_code="NOBODYS1")
        assert wrong_code.status_code == 422 and says(wrong_code, "Nobody has this invitation code")

    def test_limits_how_many_known_addresses_can_be_tried(self):
        for number in range(6):
            a_player(nickname=f"known{number}")
        answers = [_join(a_browser(), email=f"known{number}@example.org").status_code for number in range(6)]
        assert answers == [200] * 5 + [429]

    def test_sent_twice_makes_one_account(self):
        browser = a_browser()
        key = hidden(browser.get("/sign-up"), "key")
        assert _join(browser, key=key).status_code == 302
        second_press = a_browser()
        assert _join(second_press, key=key)["Location"] == "/"
        assert says(second_press.get("/"), "Ana")
        assert _join(a_browser(), key=key, password="another one entirely").status_code == 409
        assert len(services.get(Members).find_players(text="Ana")) == 1

    def test_says_beside_the_field_what_is_wrong(self):
        answer = _join(a_browser(), password="short")
        assert answer.status_code == 422 and says(answer, "Choose a longer password")

    @pytest.mark.use_case("MLM-04")
    def test_by_a_friends_link_ties_the_player_to_the_friend(self):
        friend = a_player(nickname="Friend")
        browser = a_browser()
        assert browser.get(f"/join/{friend.sponsor_code}", follow=True).redirect_chain[-1][0] == "/sign-up"
        page = browser.get("/sign-up")
        assert says(page, "Friend invited you", f'value="{friend.sponsor_code}"')
        _join(browser, sponsor_code=friend.sponsor_code)
        (player,) = services.get(Members).find_players(text="Ana")
        node = services.get(Referrals).node(player=player.id)
        assert node is not None and node.sponsor == friend.id

    @pytest.mark.use_case("LOC-03")
    def test_names_countries_in_the_readers_language(self):
        assert says(a_browser(**{"accept-language": "de-AT"}).get("/sign-up"), "Österreich", "Deutschland")

    def test_chooses_the_country_of_the_browsers_language(self):
        assert says(a_browser(**{"accept-language": "de-AT"}).get("/sign-up"), '<option value="AT" selected')


class TestSigningIn:
    @pytest.mark.use_case("USR-13")
    def test_works_whatever_the_case_of_the_address_and_out_again(self):
        a_player(nickname="Ben", password=PASSWORD)
        browser = a_browser()
        assert _sign_in(browser, " BEN@Example.org ", PASSWORD)["Location"] == "/"
        assert browser.get("/").status_code == 200
        assert browser.get("/sign-out").status_code == 405
        assert browser.post("/sign-out")["Location"] == "/sign-in"
        assert browser.get("/")["Location"] == "/sign-in?next=/"

    @pytest.mark.use_case("USR-13")
    def test_says_the_same_for_whom_it_does_not_know(self):
        a_player(nickname="Ben", password=PASSWORD)
        administrator = an_administrator()
        answers = [
            _sign_in(a_browser(), *pair)
            for pair in (
                ("ben@example.org", "wrong"),
                ("nobody@example.org", "wrong"),
                (administrator.username, "correct horse battery"),
            )
        ]
        assert {answer.status_code for answer in answers} == {422}
        assert all(says(answer, "E-mail and password don't belong together") for answer in answers)

    @pytest.mark.use_case("USR-13")
    def test_five_failures_lock_for_a_growing_time(self):
        a_player(nickname="Ben", password=PASSWORD)
        for _ in range(5):
            assert _sign_in(a_browser(), "ben@example.org", "wrong").status_code == 422
        locked = _sign_in(a_browser(), "BEN@example.org", PASSWORD)
        assert locked.status_code == 429 and locked["Retry-After"] == "60" and says(locked, "Too many tries")
        with clock_in_force(FixedClock(NOW + timedelta(seconds=61))):
            assert _sign_in(a_browser(), "ben@example.org", "wrong").status_code == 422
            assert _sign_in(a_browser(), "ben@example.org", PASSWORD)["Retry-After"] == "120"
        with clock_in_force(FixedClock(NOW + timedelta(minutes=4))):
            assert _sign_in(a_browser(), "ben@example.org", PASSWORD).status_code == 302

    @pytest.mark.use_case("USR-13")
    def test_an_unknown_account_locks_like_a_known_one(self):
        for _ in range(5):
            _sign_in(a_browser(), "nobody@example.org", "wrong")
        assert _sign_in(a_browser(), "nobody@example.org", "wrong").status_code == 429

    @pytest.mark.use_case("USR-13")
    def test_a_right_password_forgets_the_failures(self):
        a_player(nickname="Ben", password=PASSWORD)
        for _ in range(3):
            for _ in range(4):
                _sign_in(a_browser(), "ben@example.org", "wrong")
            assert _sign_in(a_browser(), "ben@example.org", PASSWORD).status_code == 302

    @pytest.mark.use_case("USR-13")
    def test_gives_the_session_a_new_name(self):
        a_player(nickname="Ben", password=PASSWORD)
        browser = a_browser()
        browser.get("/join/ABCD")
        before = browser.cookies["warchest_portal_session"].value
        _sign_in(browser, "ben@example.org", PASSWORD)
        assert browser.cookies["warchest_portal_session"].value != before

    def test_leads_to_pages_of_ours_only(self):
        a_player(nickname="Ben", password=PASSWORD)
        for wanted, led_to in (
            ("/statement", "/statement"),
            ("https://elsewhere.example/", "/"),
            ("//x.example", "/"),
        ):
            assert _sign_in(a_browser(), "ben@example.org", PASSWORD, next=wanted)["Location"] == led_to

    @pytest.mark.parametrize(
        ("failures", "minutes"), [(1, 0), (4, 0), (5, 1), (6, 2), (7, 4), (10, 32), (11, 60), (500, 60)]
    )
    def test_the_lock_grows_to_its_longest(self, failures: int, minutes: int):
        assert lock_after(failures, allowed=5, longest=timedelta(hours=1)) == timedelta(minutes=minutes)


class TestLanguage:
    @pytest.mark.use_case("LOC-04")
    def test_is_taken_from_the_browser_at_the_first_visit(self):
        assert says(a_browser(**{"accept-language": "de"}).get("/sign-in"), '<html lang="de"')
        assert says(a_browser(**{"accept-language": "xx"}).get("/sign-in"), '<html lang="en"')

    @pytest.mark.use_case("USR-18")
    def test_can_be_chosen_on_any_page_and_stays(self):
        browser = a_browser()
        browser.post("/i18n/setlang/", {"language": "de", "next": "/sign-in"})
        assert says(browser.get("/sign-in"), '<html lang="de"')

    @pytest.mark.use_case("USR-18")
    @pytest.mark.use_case("USR-19")
    @pytest.mark.use_case("USR-20")
    def test_currency_and_time_zone_are_kept_in_the_settings(self):
        player = a_player(nickname="Ben", password=PASSWORD, with_units="10")
        browser = a_browser(player)
        form = {"language": "de", "display_currency": "JPY", "time_zone": "Asia/Tokyo", "theme": "light"}
        assert browser.post("/settings", form)["Location"] == "/settings"
        page = browser.get("/settings")
        assert says(page, '<html lang="de"', 'data-theme="light"', '<option value="Asia/Tokyo" selected')
        kept = services.get(Members).player(player_id=player.id)
        assert (kept.language, kept.display_currency, kept.time_zone) == ("de", "JPY", "Asia/Tokyo")
        assert says(browser.get("/statement"), "21:00")
        fresh = a_browser()
        _sign_in(fresh, "ben@example.org", PASSWORD)
        assert says(fresh.get("/"), '<html lang="de"')
