"""Support verifies and replaces cards in the back office, and an administrator gives them a later end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.cards import a_batch
from tests.builders.house import ARENA
from tests.builders.people import a_command, a_player
from warchest.cards.contract import Cards, CardState
from warchest.catalogue.contract import Catalogue
from warchest.journeys.activate_card import activate_card
from warchest.members.contract import Role
from warchest.runtime.command import now
from warchest.runtime.services import services


@pytest.mark.use_case("CRD-24")
def test_a_code_is_verified_without_being_sent_back_and_the_look_is_in_the_cards_life(
    office: BackOffice,
) -> None:
    card, support = a_batch().cards[0], office.signed_in(Role.SUPPORT)
    seen = support.submit("/verify-card", code=card.code, reason="Ticket 4711")
    assert "That is right." in seen.text and card.serial in seen.text
    assert card.code not in seen.text and card.code[-4:] not in seen.text.replace(card.serial, "")
    wrong = support.submit("/verify-card", serial=card.serial, last_four="0000", reason="Ticket 4711")
    assert "ends otherwise" in wrong.text
    life = support.page(f"/card/{card.serial}").get_text(" ", strip=True)
    assert "looked at: the code was right" in life and "looked at: the code was wrong" in life
    assert support.administrator.username in life and "Ticket 4711" in life
    # Who looks a card up does not see how its code ends: the player has to say it.
    assert card.code[-4:] not in life.replace(card.serial, "")


@pytest.mark.use_case("CRD-09")
def test_a_damaged_card_is_replaced_and_the_new_code_shown_once(office: BackOffice) -> None:
    card, support = a_batch().cards[0], office.signed_in(Role.SUPPORT)
    path, action = f"/card/{card.serial}", f"/card/{card.serial}/replace"
    refused = support.submit(path, action=action, last_four="????", reason="Scratched off")
    assert "ends otherwise" in refused.text
    answer = support.submit(path, action=action, last_four=card.code[-4:], reason="Scratched off")
    assert "no-store" in answer.headers["Cache-Control"]
    new = services.get(Cards).card(serial=card.serial, at=now()).history[-1].reason.split()[-1]
    code = _code_in(answer.text)
    assert code not in support.get(f"/card/{new}").text
    assert activate_card(a_command(at=now()), player=a_player().id, code=code).answer.serial == new
    assert services.get(Cards).card(serial=card.serial, at=now()).state is CardState.VOID


def _code_in(text: str) -> str:
    return text.split("<code><strong>")[1].split("</strong>")[0]


@pytest.mark.use_case("CRD-13")
def test_cards_that_end_soon_are_listed_and_extended(office: BackOffice) -> None:
    end = now() + timedelta(days=30)
    card = a_batch(expires_at=end).cards[1]
    clerk, support = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.SUPPORT)
    listed = clerk.page("/ending-cards").get_text(" ", strip=True)
    assert card.serial[:6] in listed and "30.00" in listed
    assert not support.page("/ending-cards").select('form[action="/extend-cards"]')
    later = (end + timedelta(days=60)).date()
    done = clerk.submit(
        "/ending-cards",
        action="/extend-cards",
        first_serial=card.serial,
        ends_on=later.isoformat(),
        reason="A strike",
    )
    assert "1 card is good until" in done.text
    assert services.get(Cards).card(serial=card.serial, at=now()).expires_at.date() == later


@pytest.mark.use_case("CRD-07")
def test_a_tournament_is_planned_with_the_price_of_its_pass(office: BackOffice) -> None:
    clerk, support = office.signed_in(Role.ADMINISTRATOR), office.signed_in(Role.SUPPORT)
    begins = (now() + timedelta(days=20)).replace(second=0, microsecond=0, tzinfo=None)
    done = clerk.submit(
        "/tournaments",
        online_service=str(ARENA),
        code="spring-cup",
        name_en="Spring cup",
        begins_at=begins.isoformat(),
        ends_at=(begins + timedelta(days=2)).isoformat(),
        capacity="64",
        price="5.00",
        price_currency="EUR",
    )
    assert "Planned." in done.text
    (planned,) = services.get(Catalogue).tournaments(at=now())
    assert (planned.code, planned.capacity, str(planned.prices[0].amount)) == ("spring-cup", 64, "5.00 EUR")
    page = support.page("/tournaments")
    assert "Spring cup" in page.get_text(" ", strip=True) and not page.select("form.wb-form")
    refused = clerk.submit(
        "/tournaments",
        online_service=str(ARENA),
        code="autumn-cup",
        name_en="Autumn cup",
        begins_at=begins.isoformat(),
        ends_at=begins.isoformat(),
    )
    assert "must end after it begins" in refused.text
