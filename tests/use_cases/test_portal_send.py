"""Sending credits on the portal's pages: say whom, look, say yes, read the receipt on both sides."""

from __future__ import annotations

import html

import pytest
from django.utils.translation import override

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW, a_player
from tests.builders.portal import a_browser, hidden, says
from warchest.charging.contract import Charging
from warchest.charging.models import Transfer as TransferRow
from warchest.kernel.clock import FixedClock
from warchest.kernel.ids import new_id
from warchest.runtime.command import clock_in_force
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def available(player) -> str:
    return services.get(Charging).wallet(player=player.id).available.major


def looked_at(browser, to: str, amount: str, message: str = "", **headers: str):
    fields = {"step": "look", "to": to, "amount": amount, "message": message}
    return browser.post("/send", fields, headers=headers)


def confirmed(browser, page):
    names = ("key", "to", "recipient", "cluster", "amount", "amount_minor", "message")
    return browser.post(
        "/send", {"step": "confirm"} | {name: html.unescape(hidden(page, name)) for name in names}
    )


class TestSending:
    def test_shows_whom_and_what_is_kept_then_sends_and_gives_a_receipt_to_both(self):
        anna, ben = a_player(with_units="1500"), a_player(nickname="Ben")
        browser = a_browser(anna)
        assert says(browser.get("/send"), "You have 1,500 credits.")
        look = looked_at(browser, "ben", "1,200", "for the finals <3")
        assert says(
            look, "Nothing has happened yet", ">Ben</dd>", "1,200 credits", "300 credits", "finals &lt;3"
        )
        assert available(anna) == "1500.00"
        sent = confirmed(browser, look)
        receipt = browser.get(sent["Location"])
        assert says(receipt, "Ben has got 1,200 credits", "You now have 300 credits.", "finals &lt;3")
        assert confirmed(browser, look)["Location"] == sent["Location"]
        assert (available(anna), available(ben)) == ("300.00", "1200.00")
        his = a_browser(ben)
        assert says(his.get(sent["Location"]), f"{anna.nickname} sent you 1,200 credits", "finals &lt;3")
        assert says(his.get("/statement"), f"From {anna.nickname}", "finals &lt;3", sent["Location"])
        assert says(browser.get("/statement?kind=transfer"), "To Ben", "\u2212" + "1,200")
        assert_books_prove()

    def test_reads_amounts_as_the_reader_writes_them(self):
        anna = a_player(with_units="1500", language="de")
        a_player(nickname="Ben")
        look = looked_at(a_browser(anna), "Ben", "1.200,50", **{"accept-language": "de"})
        assert hidden(look, "amount_minor") == "120050"

    def test_is_nobody_elses_to_see(self):
        anna = a_player(with_units="100")
        a_player(nickname="Ben")
        browser = a_browser(anna)
        page = confirmed(browser, looked_at(browser, "Ben", "10"))["Location"]
        assert a_browser(a_player()).get(page).status_code == 404
        assert browser.get(f"/transfers/{new_id()}").status_code == 404
        assert a_browser().get(page).status_code == 302

    @pytest.mark.parametrize(
        ("to", "amount", "status", "text"),
        [
            ("nobody", "10", 404, "There is no player of this name."),
            ("Anna", "10", 422, "Choose another wallet"),
            ("Ben", "100.01", 402, "There is not enough in the wallet."),
            ("Ben", "0", 422, "more than zero"),
            ("Ben", "0.001", 422, "the amount has more"),
            ("Ben", "much", 422, "This is not an amount."),
            ("Ben@west", "10", 404, "There is no cluster west"),
            ("", "10", 422, "This field is required."),
        ],
    )
    def test_tells_what_is_wrong_and_keeps_what_was_typed(self, to, amount, status, text):
        anna, ben = a_player(nickname="Anna", with_units="100"), a_player(nickname="Ben")
        page = looked_at(a_browser(anna), to, amount, "hello there")
        assert page.status_code == status and says(page, text, 'value="hello there"', f'value="{amount}"')
        assert (available(anna), available(ben)) == ("100.00", "0.00")

    def test_does_not_tell_whose_an_address_is(self):
        anna, ben = a_player(with_units="100"), a_player(nickname="Ben")
        assert looked_at(a_browser(anna), str(ben.id), "10").status_code == 404
        assert looked_at(a_browser(anna), "Ben@example.org", "10").status_code == 404

    def test_refuses_at_the_end_what_changed_since_it_was_looked_at(self):
        anna = a_player(with_units="100")
        a_player(nickname="Ben")
        browser = a_browser(anna)
        first, second = looked_at(browser, "Ben", "60"), looked_at(browser, "Ben", "60")
        assert confirmed(browser, first).status_code == 302
        late = confirmed(browser, second)
        assert late.status_code == 402 and says(late, "There is not enough in the wallet.")
        assert TransferRow.objects.count() == 1

    def test_speaks_german(self):
        anna = a_player(with_units="100", language="de")
        with override("de"):
            page = a_browser(anna).get("/send", headers={"accept-language": "de"})
        assert says(page, "Credits schicken", "Wie viele") and not says(page, "Send credits")
