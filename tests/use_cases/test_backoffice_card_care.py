"""Support verifies and replaces cards in the back office, and an administrator gives them a later end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.cards import a_batch
from tests.builders.people import a_command, a_player
from warchest.cards.contract import Cards, CardState
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
