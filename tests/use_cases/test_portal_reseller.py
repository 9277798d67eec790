"""A reseller's pages in the portal, and the house's own of resellers."""

from __future__ import annotations

import csv
import io

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.builders.portal import a_browser, hidden, says
from tests.builders.resellers import (
    a_draft,
    a_reseller,
    a_stock_batch,
    arrived,
    by_person,
    linked,
    sent,
    shipped,
)
from tests.use_cases.test_cards_distribution import Kiosk, stock_of
from warchest.journeys.ship_cards import ship_cards
from warchest.kernel.clock import FixedClock
from warchest.runtime.command import clock_in_force

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-30")]


@pytest.fixture(autouse=True)
def _at_noon():
    with clock_in_force(FixedClock(NOW)):
        yield


def at_home(kiosk: Kiosk):  # type: ignore[no-untyped-def]
    return a_browser(kiosk.player)


def test_shows_stock_by_series_and_what_is_owed():
    batch, kiosk = a_stock_batch(), Kiosk()
    shipped(batch, kiosk.reseller, kiosk.person, last=6)
    page = at_home(kiosk).get("/reseller")
    assert says(page, "6 cards in stock", batch.cards[0].serial, batch.cards[5].serial, "54.00")


def test_books_what_arrived_with_one_button():
    batch, kiosk = a_stock_batch(), Kiosk()
    shipment = sent(a_draft(batch, receiver=kiosk.reseller))
    browser = at_home(kiosk)
    key = hidden(browser.get("/reseller"), "key")
    for _ in range(2):  # pressed twice
        answer = browser.post(f"/reseller/shipments/{shipment.id}", {"key": key}, follow=True)
        assert says(answer, "10 cards are in stock now.")
    assert (stock_of(kiosk), kiosk.owes) == ((10, 0, 0), "90.00")
    assert_books_prove()


def test_books_a_range_and_says_what_is_wrong_with_another():
    batch, kiosk = a_stock_batch(), Kiosk()
    shipment = sent(a_draft(batch, last=6, receiver=kiosk.reseller))
    browser, place = at_home(kiosk), f"/reseller/shipments/{shipment.id}"
    wrong = browser.post(
        place, {"key": "a", "first_serial": batch.cards[4].serial, "last_serial": batch.cards[8].serial}
    )
    assert wrong.status_code == 409 and says(wrong, "This range is not on its way, or not all of it.")
    right = browser.post(place, {"key": "b", "first_serial": batch.cards[4].serial.lower()}, follow=True)
    assert says(right, "1 card is in stock now.") and kiosk.owes == "9.00"


def test_nobody_sees_the_shipment_of_another():
    batch, kiosk, other = a_stock_batch(), Kiosk(), Kiosk()
    shipment = sent(a_draft(batch, receiver=kiosk.reseller))
    assert at_home(other).get(f"/reseller/shipments/{shipment.id}").status_code == 404
    below = a_reseller(parent=kiosk.reseller, margin_bps=0)
    assert at_home(other).get(f"/reseller/settlement?of={below.id}").status_code == 404
    assert at_home(kiosk).get(f"/reseller/settlement?of={below.id}").status_code == 200


def test_passes_cards_on_and_sends_them_back():
    batch, top = a_stock_batch(), Kiosk(margin_bps=1500)
    below = Kiosk(parent=top.reseller, margin_bps=1000)
    shipped(batch, top.reseller, top.person)
    browser = at_home(top)
    said = {"receiver": str(below.reseller.id), "first_serial": batch.cards[0].serial}
    answer = browser.post(
        "/reseller/ship", {**said, "last_serial": batch.cards[2].serial, "key": "a"}, follow=True
    )
    assert says(answer, "3 cards are on their way.") and stock_of(below) == (0, 0, 3)
    back = browser.post(
        "/reseller/ship", {"receiver": "back", "first_serial": batch.cards[5].serial, "key": "b"}, follow=True
    )
    assert says(back, "1 card is on its way.") and stock_of(top) == (6, 0, 0)
    sold_out = browser.post("/reseller/ship", {**said, "key": "c"})
    assert sold_out.status_code == 409 and batch.cards[0].serial in sold_out.content.decode()


@pytest.mark.use_case("CRD-31")
def test_shows_sales_and_what_was_kept_of_them():
    top = Kiosk(margin_bps=1500)
    below = Kiosk(parent=top.reseller, margin_bps=1000)
    batch = a_stock_batch(needs_sale=True)
    shipped(batch, top.reseller, top.person)
    draft = a_draft(batch, last=5, sender=top.reseller, receiver=below.reseller)
    arrived(ship_cards(by_person(top.person), draft=draft).answer, person=below.person)
    client = an_api_client()
    for number, seller in ((0, below), (1, below), (7, top)):
        body = {"request_id": f"s{number}", "reseller": seller.reseller.name, "sold_at": NOW.isoformat()}
        assert call(client, "POST", f"/cards/{batch.cards[number].serial}/sale", body).status_code == 201
    # Of each card of ten: 1.50 to the top where it sold itself, 0.50 where one below did, which keeps 1.00.
    assert says(at_home(top).get("/reseller"), "you sold 3 cards for 30.00 EUR and kept 2.50 EUR of it.")
    assert says(at_home(below).get("/reseller"), "you sold 2 cards for 20.00 EUR and kept 2.00 EUR of it.")
    call(
        client,
        "POST",
        f"/cards/{batch.cards[0].serial}/sale/reversal",
        {"request_id": "r", "original_request_id": "s0"},
    )
    assert says(at_home(top).get("/reseller"), "you sold 2 cards for 20.00 EUR and kept 2.00 EUR of it.")


@pytest.mark.use_case("CRD-04")
def test_a_settlement_goes_from_opening_to_closing():
    top = Kiosk(margin_bps=1500)
    below = Kiosk(parent=top.reseller, margin_bps=1000)
    batch = a_stock_batch()
    shipped(batch, top.reseller, top.person)
    draft = a_draft(batch, last=5, sender=top.reseller, receiver=below.reseller)
    arrived(ship_cards(by_person(top.person), draft=draft).answer, person=below.person)
    browser = at_home(top)
    place = f"/reseller/{below.reseller.id}/payments"
    for _ in range(2):
        browser.post(place, {"amount": "20.00", "reference": "K-1", "key": "same"})
    page = browser.get(f"/reseller/settlement?of={below.reseller.id}")
    assert says(page, "45.00 EUR", "20.00 EUR", "25.00 EUR", "5.00 EUR")
    assert says(at_home(below).get("/reseller/settlement?month=2026-03"), "25.00 EUR")
    assert says(at_home(below).get("/reseller/settlement?month=2026-04"), "25.00 EUR")
    file = browser.get("/reseller/settlement?month=2026-03&as=csv").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(file)))
    assert [(row["kind"], row["cards"], row["face"], row["margin"], row["net"]) for row in rows] == [
        ("opening", "", "", "", "0.00"),
        ("delivery", "10", "100.00", "15.00", "85.00"),
        ("closing", "", "", "", "85.00"),
    ]


def test_others_find_no_such_page():
    from tests.builders.people import a_player

    assert a_browser(a_player()).get("/reseller").status_code == 404
    assert a_browser().get("/reseller").status_code == 302


def test_the_link_shows_to_who_acts_for_a_reseller():
    kiosk = Kiosk()
    assert 'href="/reseller"' in at_home(kiosk).get("/").content.decode()
    from tests.builders.people import a_player

    player = a_player()
    browser = a_browser(player)
    assert 'href="/reseller"' not in browser.get("/").content.decode()
    linked(kiosk.reseller, player.nickname)
    browser.get("/reseller")
    assert 'href="/reseller"' in browser.get("/").content.decode()
