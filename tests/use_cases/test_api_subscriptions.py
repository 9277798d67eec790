"""The catalogue, subscriptions and entitlements through the HTTP API."""

from __future__ import annotations

import jwt
import pytest
from django.test import Client

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.databases import captured_queries
from tests.builders.house import ARENA, ARENA_MONTH, ARENA_YEAR
from tests.builders.people import a_player
from warchest.kernel.ids import new_id
from warchest.members.models import Player as PlayerRow

pytestmark = pytest.mark.usefixtures("database")

MONTH = {"plan": str(ARENA_MONTH), "periods": 1, "pay_with": "wallet"}


def buy(client: str, player: object, **changes: object):
    return call(client, "POST", f"/players/{player}/subscriptions", {**MONTH, **changes})


@pytest.mark.use_case("INT-06")
class TestCatalogue:
    def test_lists_services_plans_and_prices(self):
        path = "/catalogue?country=DE&currency=JPY&language=de"
        (arena,) = call(an_api_client(), "GET", path).json()["items"]
        assert (arena["id"], arena["name"], arena["text"]) == (str(ARENA), "Arena", "Gewertete Spiele.")
        month = next(plan for plan in arena["plans"] if plan["id"] == str(ARENA_MONTH))
        assert month["price"] == {"amount": "820", "currency": "JPY"}
        assert month["price_units"] == {"amount": "500.00", "currency": "XCR"}
        assert month["term"] == {"count": 1, "unit": "month"}

    def test_refuses_by_name(self):
        for query, code in (("currency=ZZZ", "currency_unknown"), ("country=Germany", "request_malformed")):
            answer = call(an_api_client(), "GET", f"/catalogue?{query}")
            assert (answer.status_code, answer.json()["code"]) == (422, code)


class TestBuying:
    @pytest.mark.use_case("SUB-01")
    def test_answers_what_was_bought_now(self):
        client, player = an_api_client(), a_player(with_units="5500", sponsor=a_player())
        first = buy(client, player.id)
        assert first.status_code == 201
        bought = first.json()
        assert set(bought) == {
            "id", "online_service", "plan", "starts_at", "ends_at", "charged", "journal_entry"
        }  # fmt: skip
        assert (bought["online_service"], bought["plan"]) == (str(ARENA), str(ARENA_MONTH))
        assert bought["charged"] == {"amount": "500.00", "currency": "XCR"}
        with captured_queries() as queries:
            second = buy(client, player.id, plan=str(ARENA_YEAR)).json()
        assert (second["id"], second["starts_at"]) == (bought["id"], bought["ends_at"])
        assert second["charged"] == {"amount": "5000.00", "currency": "XCR"}
        assert len(queries) <= PURCHASE_QUERIES_MAX
        (listed,) = call(client, "GET", f"/players/{player.id}/subscriptions").json()["items"]
        assert (listed["id"], listed["ends_at"], listed["running"]) == (bought["id"], second["ends_at"], True)
        assert_books_prove()

    def test_a_repeated_purchase_is_one_purchase(self):
        client, player = an_api_client(), a_player(with_units="1000")
        path = f"/players/{player.id}/subscriptions"
        first, again = (call(client, "POST", path, MONTH, key="one") for _ in range(2))
        assert first.json() == again.json()
        assert again["Idempotent-Replayed"] == "true"
        assert call(client, "GET", f"/players/{player.id}/wallet").json()["posted"]["amount"] == "500.00"
        other = call(client, "POST", path, {**MONTH, "periods": 2}, key="one")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")

    def test_refuses_by_name(self):
        client, player = an_api_client(), a_player(with_units="499.99")
        frozen = a_player(with_units="1000")
        PlayerRow.objects.filter(id=frozen.id).update(state="frozen")
        for answer, status, code in (
            (buy(client, player.id), 402, "insufficient_funds"),
            (buy(client, new_id()), 404, "player_unknown"),
            (buy(client, player.id, plan=str(new_id())), 404, "plan_unknown"),
            (buy(client, player.id, plan="arena"), 404, "plan_unknown"),
            (buy(client, player.id, periods=0), 422, "request_malformed"),
            (buy(client, player.id, periods=37), 422, "request_malformed"),
            (buy(client, player.id, periods="1"), 422, "request_malformed"),
            (buy(client, player.id, pay_with="cash"), 422, "request_malformed"),
            (buy(client, frozen.id), 403, "player_frozen"),
            (call(client, "GET", f"/players/{new_id()}/subscriptions"), 404, "player_unknown"),
            (call(client, "GET", f"/players/{player.id}/subscriptions?cursor=x"), 422, "cursor_malformed"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)


PURCHASE_QUERIES_MAX = 29
"""A whole purchase: its API key, its Idempotency-Key, BEGIN and COMMIT included."""


class TestEntitlements:
    @pytest.mark.use_case("SVC-04")
    def test_are_proved_by_a_token_that_the_published_keys_check(self):
        client, player = an_api_client(), a_player(with_units="1000")
        bought = buy(client, player.id).json()
        with captured_queries() as queries:
            right = call(client, "GET", f"/entitlements/{player.id}/{ARENA}").json()
        assert len(queries) <= 3
        assert (right["entitled"], right["until"]) == (True, bought["ends_at"])
        keys = jwt.PyJWKSet.from_dict(Client().get("/.well-known/jwks.json").json())
        key = keys[jwt.get_unverified_header(right["token"])["kid"]]
        claims = jwt.decode(right["token"], key, algorithms=["EdDSA"])
        assert (claims["sub"], claims["service"]) == (str(player.id), str(ARENA))

    def test_there_is_none_without_a_subscription(self):
        client, player = an_api_client(), a_player()
        for path in (f"{player.id}/{ARENA}", f"{new_id()}/{ARENA}", f"{player.id}/{new_id()}", "a/b"):
            answer = call(client, "GET", f"/entitlements/{path}")
            assert answer.json() == {"entitled": False, "until": None, "token": None}

    @pytest.mark.use_case("SVC-15")
    def test_changes_are_followed_by_cursor(self):
        client, player = an_api_client(), a_player(with_units="2000")
        for _ in range(3):
            buy(client, player.id)
        first = call(client, "GET", "/entitlement-changes?limit=2").json()
        assert len(first["items"]) == 2
        second = call(client, "GET", f"/entitlement-changes?after={first['next_cursor']}").json()
        assert len(second["items"]) == 1
        untils = [change["until"] for change in first["items"] + second["items"]]
        assert untils == sorted(untils)
        rest = call(client, "GET", f"/entitlement-changes?after={second['next_cursor']}").json()
        assert rest == {"items": [], "next_cursor": second["next_cursor"]}
        malformed = call(client, "GET", "/entitlement-changes?after=x")
        assert (malformed.status_code, malformed.json()["code"]) == (422, "cursor_malformed")
