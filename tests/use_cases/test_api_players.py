"""Players and their tree through the HTTP API."""

from __future__ import annotations

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_player
from warchest.kernel.ids import new_id
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

ADA = {"nickname": "Ada", "email": "ada@example.org", "country": "DE", "language": "en"}


class TestRegistering:
    @pytest.mark.use_case("INT-06")
    def test_answers_the_player_as_looked_up_afterwards(self):
        client, sponsor = an_api_client(), a_player()
        body = {**ADA, "sponsor_code": sponsor.sponsor_code, "external_id": "forum-7"}
        answer = call(client, "POST", "/players", body)
        assert answer.status_code == 201
        player = answer.json()
        assert player == {
            "id": player["id"],
            "nickname": "Ada",
            "sponsor": str(sponsor.id),
            "sponsor_code": player["sponsor_code"],
            "state": "active",
            "country": "DE",
            "language": "en",
            "external_id": "forum-7",
            "registered_at": player["registered_at"],
        }
        assert player["registered_at"].endswith("Z")
        shown = call(client, "GET", f"/players/{player['id']}")
        assert (shown.status_code, shown.json()) == (200, player)
        # Before any address is confirmed the player may act.
        wallet = call(client, "GET", f"/players/{player['id']}/wallet").json()
        assert wallet["available"] == {"amount": "0.00", "currency": "XCR"}

    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"nickname": "ADA"}, 409, "nickname_taken"),
            ({"email": "ADA@example.org"}, 409, "email_taken"),
            ({"external_id": "forum-7"}, 409, "external_id_taken"),
            ({"nickname": "x"}, 422, "nickname_malformed"),
            ({"email": "nobody"}, 422, "email_malformed"),
            ({"country": "XX"}, 422, "country_unknown"),
            ({"language": "tlh"}, 422, "language_unknown"),
            ({"sponsor_code": "NOBODY"}, 422, "sponsor_code_unknown"),
            ({"nickname": None}, 422, "request_malformed"),
        ],
    )
    def test_refuses_by_name(self, changes, status, code):
        client = an_api_client()
        call(client, "POST", "/players", {**ADA, "external_id": "forum-7"})
        body = {**ADA, "nickname": "Bob", "email": "bob@example.org", **changes}
        answer = call(client, "POST", "/players", body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestTree:
    @pytest.mark.use_case("INT-06")
    def test_pages_through_the_downline_level_by_level(self):
        client, top = an_api_client(), a_player()
        children = [a_player(sponsor=top) for _ in range(3)]
        grandchild = a_player(sponsor=children[0])
        path = f"/players/{top.id}/downline?depth=2&limit=2"
        first = call(client, "GET", path).json()
        second = call(client, "GET", f"{path}&cursor={first['next_cursor']}").json()
        assert second["next_cursor"] is None
        found = first["items"] + second["items"]
        assert [member["level"] for member in found] == [1, 1, 1, 2]
        assert {member["player"] for member in found[:3]} == {str(child.id) for child in children}
        assert found[3]["player"] == str(grandchild.id)
        assert found[3]["nickname"] == grandchild.nickname
        assert found[3]["sponsor"] == str(children[0].id)

    def test_lists_what_was_earned_and_why(self):
        client, sponsor = an_api_client(), a_player()
        buyer = a_player(sponsor=sponsor, with_units="1000")
        body = {"plan": str(ARENA_MONTH), "periods": 1, "pay_with": "wallet"}
        bought = call(client, "POST", f"/players/{buyer.id}/subscriptions", body).json()
        (earned,) = call(client, "GET", f"/players/{sponsor.id}/commissions").json()["items"]
        assert (earned["sale"], earned["journal_entry"]) == (bought["id"], bought["journal_entry"])
        assert (earned["level"], earned["state"], earned["buyer"]) == (1, "on_hold", str(buyer.id))
        # 500 units for 5.00 EUR, 19 per cent of tax within.
        assert earned["base"] == {"amount": "4.20", "currency": "EUR"}
        assert earned["base"]["amount"] in earned["explanation"]
        assert earned["amount"]["amount"] in earned["explanation"]

    def test_refuses_by_name(self):
        client, player = an_api_client(), a_player()
        for path, status, code in (
            (f"/players/{new_id()}/downline", 404, "player_not_in_tree"),
            (f"/players/{new_id()}/commissions", 404, "player_unknown"),
            (f"/players/{player.id}/downline?depth=0", 422, "request_malformed"),
            (f"/players/{player.id}/downline?limit=201", 422, "request_malformed"),
            (f"/players/{player.id}/downline?cursor=x", 422, "cursor_malformed"),
            (f"/players/{player.id}/commissions?cursor=x", 422, "cursor_malformed"),
        ):
            answer = call(client, "GET", path)
            assert (answer.status_code, answer.json()["code"]) == (status, code), path


@pytest.mark.use_case("INT-06")
def test_what_a_player_is_called_is_not_kept_with_the_keys_answer():
    client, body = an_api_client(), {**ADA, "nickname": "Zephyrine", "email": "zephyrine@example.org"}
    first, again = (call(client, "POST", "/players", body, key="once") for _ in range(2))
    assert (again.json(), again["Idempotent-Replayed"]) == (first.json(), "true")
    assert first.json()["nickname"] == "Zephyrine"
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE answer LIKE '%Zephyrine%') FROM runtime_idempotencykey"
        )
        kept, with_name = cursor.fetchone()
    assert kept > 0
    assert with_name == 0
