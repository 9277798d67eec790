"""Cards through the HTTP API."""

from __future__ import annotations

import json

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch
from tests.builders.house import ARENA, ARENA_MONTH
from tests.builders.people import NOW, a_player, acting_as, an_administrator
from tests.use_cases.test_cards_worth import a_tournament
from warchest.cards.contract import CardSelection, Worth
from warchest.journeys.block_cards import block_cards
from warchest.kernel.ids import new_id
from warchest.runtime.command import now

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("CRD-03")]

WRONG = "AAAA-AAAA-AAAA-AAAA"


def activate(client: str, player: object, code: object, *, key: str | None = None, **more: object):
    return call(client, "POST", "/cards/activations", {"player": str(player), "code": code, **more}, key=key)


class TestActivation:
    def test_answers_what_the_card_gave_and_the_wallet(self):
        client, player, batch = an_api_client(), a_player(), a_batch()
        card = batch.cards[0]
        answer = activate(client, player.id, card.code.lower(), key="one")
        assert answer.status_code == 201
        activated = answer.json()
        thousand, nothing = {"amount": "1000.00", "currency": "XCR"}, {"amount": "0.00", "currency": "XCR"}
        assert activated == {
            "serial": card.serial,
            "gave": [
                {
                    "kind": "money",
                    "amount": {"amount": "10.00", "currency": "EUR"},
                    "plan": None,
                    "periods": None,
                    "tournament": None,
                }
            ],
            "wallet": {"posted": thousand, "held": nothing, "available": thousand},
            "journal_entry": activated["journal_entry"],
        }
        # Whatever happened since, a repeated request answers what the first one answered.
        activate(client, player.id, batch.cards[1].code)
        again = activate(client, player.id, card.code, key="one")
        assert (again.status_code, again.json()) == (201, activated)
        assert again["Idempotent-Replayed"] == "true"
        taken = activate(client, a_player().id, card.code)
        assert (taken.status_code, taken.json()["code"]) == (409, "card_already_activated")
        assert_books_prove()

    def test_may_give_a_period_of_a_service(self):
        client, player = an_api_client(), a_player()
        card = a_batch(gives=(Worth.of_period(plan=ARENA_MONTH, periods=2),)).cards[0]
        gave = activate(client, player.id, card.code).json()["gave"]
        assert gave == [
            {"kind": "period", "amount": None, "plan": str(ARENA_MONTH), "periods": 2, "tournament": None}
        ]
        assert call(client, "GET", f"/entitlements/{player.id}/{ARENA}").json()["entitled"]

    def test_anything_else_than_a_right_code_has_one_answer_and_is_a_guess(self):
        client, player = an_api_client(), a_player()
        codes = ["", WRONG, "x" * 5000, "\0", "ключ"]
        for code in codes:
            answer = activate(client, player.id, code)
            assert (answer.status_code, answer.json()["code"]) == (422, "card_code_unknown")
        locked = activate(client, player.id, WRONG)
        assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
        assert int(locked["Retry-After"]) > 0
        # Nobody else is locked: the client's own address counts for nothing.
        assert activate(client, a_player().id, WRONG).status_code == 422

    def test_guesses_are_counted_by_the_players_address_where_it_is_told(self):
        client = an_api_client()
        for _ in range(5):
            activate(client, a_player().id, WRONG, client_address="192.0.2.7")
        locked = activate(client, a_player().id, WRONG, client_address="192.0.2.7")
        assert (locked.status_code, locked.json()["code"]) == (429, "too_many_attempts")
        assert activate(client, a_player().id, WRONG, client_address="192.0.2.8").status_code == 422

    def test_a_repeated_wrong_code_is_one_guess(self):
        client, player = an_api_client(), a_player()
        for _ in range(9):
            answer = activate(client, player.id, WRONG, key="one")
            assert (answer.status_code, answer.json()["code"]) == (422, "card_code_unknown")

    def test_refuses_by_name(self):
        client, player, batch = an_api_client(), a_player(), a_batch()
        blocked, abroad = batch.cards[0], a_batch(regions=("FR",)).cards[0]
        unsold = a_batch(needs_sale=True).cards[0]
        block_cards(
            acting_as(an_administrator()),
            selection=CardSelection(first_serial=blocked.serial),
            reason="stolen",
        )
        for answer, status, code in (
            (activate(client, player.id, blocked.code), 409, "card_blocked"),
            (activate(client, player.id, unsold.code), 409, "card_not_sold"),
            (activate(client, player.id, abroad.code), 409, "card_not_for_country"),
            (activate(client, new_id(), batch.cards[1].code), 404, "player_unknown"),
            (activate(client, player.id, 7), 422, "request_malformed"),
            (activate(client, player.id, WRONG, client_address="here"), 422, "request_malformed"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)

    def test_an_expired_card_is_told_as_such(self):
        from datetime import timedelta

        card = a_batch(expires_at=NOW + timedelta(days=1)).cards[0]
        answer = activate(an_api_client(), a_player().id, card.code)
        assert (answer.status_code, answer.json()["code"]) == (409, "card_expired")


class TestLookingUp:
    def test_shows_state_and_history_and_never_the_code(self):
        client, player, batch = an_api_client(), a_player(), a_batch()
        card = batch.cards[0]
        before = call(client, "GET", f"/cards/{card.serial}").json()
        assert (before["state"], before["batch"], before["player"]) == ("handed_over", str(batch.id), None)
        activate(client, player.id, card.code)
        after = call(client, "GET", f"/cards/{card.serial}")
        assert (after.json()["state"], after.json()["player"]) == ("activated", str(player.id))
        assert after.json()["history"][-1]["what"] == "activated"
        told = json.dumps(after.json())
        assert card.code not in told and card.code.replace("-", "") not in told

    def test_of_none_is_unknown(self):
        answer = call(an_api_client(), "GET", "/cards/WC0")
        assert (answer.status_code, answer.json()["code"]) == (404, "card_unknown")


@pytest.mark.use_case("CRD-33")
@pytest.mark.use_case("CRD-07")
def test_a_card_for_one_service_gives_a_pass_only_in_that_service():
    cup, client, player = a_tournament(at=now()), an_api_client(), a_player()
    code = a_batch(gives=(cup,), online_service=ARENA).cards[0].code
    refused = activate(client, player.id, code)
    assert (refused.status_code, refused.json()["code"]) == (409, "card_not_for_service")
    given = activate(client, player.id, code, online_service=str(ARENA)).json()
    assert given["gave"][0] == {
        "kind": "pass",
        "amount": None,
        "plan": None,
        "periods": None,
        "tournament": str(cup.tournament),
    }
    (held,) = call(client, "GET", f"/passes/{player.id}").json()["items"]
    assert (held["tournament"], held["online_service"], held["source"]) == (
        str(cup.tournament),
        str(ARENA),
        "card",
    )
