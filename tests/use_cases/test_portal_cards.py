"""PAY-05 and CRD-11: the portal's pages for virtual cards."""

from __future__ import annotations

import re

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.people import a_player, fund
from tests.builders.portal import a_browser, hidden, says
from warchest.cards.contract import Batch
from warchest.charging.contract import Source
from warchest.kernel.money import Money

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("PAY-05", "CRD-11")]

CODE = re.compile(r"\b(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}\b")


def a_stock() -> Batch:
    return an_approved_batch(
        quantity=10, virtual=True, stock=True, reseller="", margin_bps=0, product="gift-10"
    )


def test_a_card_is_bought_its_code_shown_on_demand_and_given_back() -> None:
    batch, player = a_stock(), a_player(with_units="1000")
    browser = a_browser(player)
    place = f"/cards/buy/{batch.id}"
    assert says(browser.get("/cards"), "Buy for 1,000 credits")
    page = browser.get(place)
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "key", "price_minor")}
    bought = browser.post(place, fields)
    assert bought.status_code == 302
    card = bought.headers["Location"]
    # Sent twice, it is bought once.
    assert browser.post(place, fields).headers["Location"] == card

    page = browser.get(card)
    assert not CODE.search(page.content.decode())
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "key")}
    shown = browser.post(f"{card}/code", fields)
    assert CODE.search(shown.content.decode())
    assert "no-store" in shown.headers["Cache-Control"]
    assert browser.get(f"{card}/code").status_code == 405

    page = browser.get(card)
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "key")}
    assert browser.post(f"{card}/give-back", fields).status_code == 302
    assert says(browser.get(card), "given back")
    assert says(browser.get("/statement"), "Card bought", "Card given back")
    assert_books_prove()


def test_a_gift_asks_for_an_address_and_says_how_it_stands() -> None:
    batch, player = a_stock(), a_player(with_units="1000")
    browser = a_browser(player)
    place = f"/cards/buy/{batch.id}"
    page = browser.get(f"{place}?gift=yes")
    names = ("csrfmiddlewaretoken", "key", "price_minor", "gift")
    fields = {name: hidden(page, name) for name in names} | {"language": "de", "message": "<b>Hi</b>"}
    wrong = browser.post(place, fields | {"recipient": "lisa"})
    assert wrong.status_code == 422
    given = browser.post(place, fields | {"recipient": "lisa@elsewhere.example"})
    page = browser.get(given.headers["Location"])
    assert says(page, "lisa@elsewhere.example", "&lt;b&gt;Hi&lt;/b&gt;", "on its way")
    assert not says(page, "Show the code")
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "key")}
    changed = browser.post(
        f"{given.headers['Location']}/recipient", fields | {"recipient": "b@elsewhere.example"}
    )
    assert changed.status_code == 302
    assert says(browser.get(given.headers["Location"]), "b@elsewhere.example")


def test_what_was_given_buys_no_card_and_the_page_says_what_is_missing() -> None:
    batch, player = a_stock(), a_player(with_units="300")
    fund(player.id, units=Money.units(90000), paid=Money.parse("0", "EUR"), source=Source.PROMOTION)
    page = a_browser(player).get(f"/cards/buy/{batch.id}")
    assert says(page, "You need 700 credits more", "can't be used for cards")
    link = re.search(r'href="(/top-up\?[^"]+)"', page.content.decode())
    assert link
    assert "cards%2Fbuy" in link.group(1)


def test_a_card_is_its_buyers_alone() -> None:
    batch, player = a_stock(), a_player(with_units="1000")
    browser = a_browser(player)
    page = browser.get(f"/cards/buy/{batch.id}")
    fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "key", "price_minor")}
    card = browser.post(f"/cards/buy/{batch.id}", fields).headers["Location"]
    other = a_browser(a_player())
    assert other.get(card).status_code == 404
    assert other.post(f"{card}/code", {"key": "x"}).status_code in (403, 404)
