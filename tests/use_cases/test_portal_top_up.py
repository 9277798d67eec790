"""A player tops up on the portal's pages, with a real provider's process behind them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.core.cache import cache

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_player
from tests.builders.portal import a_browser, hidden, says
from warchest.accounting.contract import Accounting
from warchest.charging.contract import Charging
from warchest.kernel.money import Money
from warchest.payments.contract import Payments, Status
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.usefixtures("database", "sandbox")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> Iterator[RunningSandbox]:
    # No notice ever comes: what the pages show they must have asked for themselves.
    running.control(lose_notices=True)
    table = {**running.settings, "amounts": {"JPY": ["500", "3000"]}}
    with changed_configuration(providers={"sandbox": table}):
        yield running
    running.reset()


def the_payment(player):
    return services.get(Payments).payments_of(player=player.id)[0]


def form_of(page, **changed: str) -> dict[str, str]:
    form = {name: hidden(page, name) for name in ("key", "quote")}
    return form | {"currency": "EUR", "amount": "1000", "own_amount": "", "provider": "sandbox"} | changed


class TestTheForm:
    @pytest.mark.use_case("PAY-25")
    @pytest.mark.use_case("CHG-03")
    def test_shows_rate_and_units_before_paying(self):
        page = a_browser(a_player()).get("/top-up?amount=2000&currency=EUR")
        assert says(page, ">2,000</span>", "1 EUR is 100 credits", "Pay 20.00 EUR", "Sandbox")

    @pytest.mark.use_case("PAY-25")
    def test_starts_with_the_players_own_currency(self):
        page = a_browser(a_player(country="JP")).get("/top-up")
        assert says(page, "1 JPY is 0.61 credits", "Pay 1,000 JPY")

    @pytest.mark.use_case("PAY-25")
    def test_quotes_an_own_amount_as_a_part_and_without_a_script(self):
        browser = a_browser(a_player())
        fields = {"currency": "EUR", "own_amount": "12,50", "provider": "sandbox"}
        part = browser.get("/top-up", fields, headers={"HX-Request": "true", "HX-Target": "quote"})
        assert says(part, "1,250", "Pay 12.50 EUR") and b"<html" not in part.content
        whole = browser.post("/top-up", {**fields, "look": "1"})
        assert says(whole, "1,250", "Pay 12.50 EUR", 'value="12,50"', "<html")

    @pytest.mark.use_case("PAY-25")
    @pytest.mark.parametrize("typed", ["abc", "0", "-5", "0.001", "5000", "99999999999", "1e5", "٥٫x"])
    def test_says_what_is_wrong_with_an_amount(self, typed: str):
        page = a_browser(a_player()).get("/top-up", {"currency": "EUR", "own_amount": typed})
        assert page.status_code == 200 and says(page, "note-warning") and not says(page, 'name="quote"')

    @pytest.mark.parametrize("digits", [30, 5000])
    def test_takes_no_quote_that_it_never_made(self, digits: int):
        player = a_player()
        browser = a_browser(player)
        form = form_of(browser.get("/top-up?amount=1000&currency=EUR"), quote="9" * digits)
        assert browser.post("/top-up", form).status_code == 422
        assert not services.get(Payments).payments_of(player=player.id)

    def test_another_currency_never_takes_over_the_number_of_the_first(self):
        page = a_browser(a_player()).get("/top-up", {"currency": "JPY", "amount": "2000"})
        assert says(page, "Pay 2,000 JPY")
        assert not says(page, 'value="5000"')
        page = a_browser(a_player()).get("/top-up", {"currency": "JPY", "amount": "5001"})
        assert says(page, "Pay 1,000 JPY")


class TestPaying:
    @pytest.mark.use_case("PAY-01")
    def test_leads_to_the_provider_and_back_where_the_result_shows_by_itself(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        answer = browser.post("/top-up", form_of(browser.get("/top-up")))
        assert answer.status_code == 302 and answer["Location"].startswith(sandbox.url)
        payment = the_payment(player)
        assert says(
            browser.get(f"/payments/{payment.id}"), "Your payment is on its way", 'hx-trigger="every 2s"'
        )
        sandbox.pay(str(payment.id))
        back = browser.get(f"/payments/{payment.id}/return?status=whatever", follow=True)
        assert back.redirect_chain == [(f"/payments/{payment.id}", 302)]
        assert says(back, "1,000 credits are yours", "You now have 1,000 credits") and not says(
            back, "hx-trigger"
        )
        assert_books_prove()

    @pytest.mark.use_case("PAY-01")
    def test_shows_while_looking_again_though_notice_and_return_were_lost(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        browser.post("/top-up", form_of(browser.get("/top-up")))
        payment = the_payment(player)
        sandbox.pay(str(payment.id))
        part = browser.get(f"/payments/{payment.id}", headers={"HX-Request": "true"})
        assert says(part, "1,000 credits are yours") and b"<html" not in part.content

    @pytest.mark.use_case("PAY-01")
    def test_asks_the_provider_only_every_few_seconds(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        browser.post("/top-up", form_of(browser.get("/top-up")))
        payment = the_payment(player)
        for _ in range(4):
            browser.get(f"/payments/{payment.id}")
        assert len(services.get(Payments).messages(payment_id=payment.id)) == 4  # asked and answered, twice
        cache.clear()
        browser.get(f"/payments/{payment.id}")
        assert len(services.get(Payments).messages(payment_id=payment.id)) == 6

    @pytest.mark.use_case("PAY-01")
    def test_sent_twice_opens_one_payment(self):
        player = a_player()
        browser = a_browser(player)
        form = form_of(browser.get("/top-up"))
        assert browser.post("/top-up", form)["Location"] == browser.post("/top-up", form)["Location"]
        assert len(services.get(Payments).payments_of(player=player.id)) == 1

    @pytest.mark.use_case("PAY-01")
    def test_a_declined_card_is_told_with_the_next_step(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        browser.post("/top-up", form_of(browser.get("/top-up")))
        payment = the_payment(player)
        sandbox.pay(str(payment.id), card="4000000000000002")
        page = browser.get(f"/payments/{payment.id}/return", follow=True)
        assert says(page, "The payment did not go through", "You were not charged", "Try another way to pay")

    @pytest.mark.use_case("CHG-03")
    def test_opens_nothing_where_the_rate_has_changed_since_it_was_shown(self):
        player = a_player()
        browser = a_browser(player)
        form = form_of(browser.get("/top-up"))
        at = now()
        services.get(Accounting).set_rate(currency="EUR", units_per_major=Decimal(90), valid_from=at, at=at)
        answer = browser.post("/top-up", form)
        assert answer.status_code == 409 and says(answer, "The rate has just changed", "1 EUR is 90 credits")
        assert not services.get(Payments).payments_of(player=player.id)

    @pytest.mark.parametrize(
        "changed",
        [
            {"currency": "XXX"},
            {"provider": "nobody"},
            {"amount": "1001"},
            {"amount": ""},
            {"own_amount": "0.01"},
        ],
    )
    def test_takes_no_other_money_than_what_was_asked(self, changed: dict[str, str]):
        player = a_player()
        browser = a_browser(player)
        assert browser.post("/top-up", form_of(browser.get("/top-up"), **changed)).status_code in (409, 422)
        assert not services.get(Payments).payments_of(player=player.id)

    def test_goes_on_where_the_player_was(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        page = browser.get("/top-up?next=/services")
        browser.post("/top-up", form_of(page))
        payment = the_payment(player)
        sandbox.pay(str(payment.id))
        assert says(browser.get(f"/payments/{payment.id}"), 'href="/services">Go on where you were')

    def test_of_somebody_else_is_not_there(self):
        player = a_player()
        browser = a_browser(player)
        browser.post("/top-up", form_of(browser.get("/top-up")))
        stranger = a_browser(a_player())
        for end in ("", "/return"):
            assert stranger.get(f"/payments/{the_payment(player).id}{end}").status_code == 404

    @pytest.mark.use_case("PAY-15")
    def test_is_listed_with_its_state(self, sandbox: RunningSandbox):
        player = a_player()
        browser = a_browser(player)
        browser.post("/top-up", form_of(browser.get("/top-up")))
        page = browser.get("/statement?show=payments")
        assert says(page, "Sandbox: on its way", ">10.00 <span", str(the_payment(player).id))
        sandbox.pay(str(the_payment(player).id))
        browser.get(f"/payments/{the_payment(player).id}/return")
        assert the_payment(player).status is Status.SUCCEEDED
        assert says(browser.get("/statement?show=payments"), "Sandbox: paid")
        assert says(browser.get("/statement"), "You paid 10.00 EUR and got 1,000 credits.")
        assert services.get(Charging).wallet(player=player.id).available == Money.parse("1000", "XCR")
