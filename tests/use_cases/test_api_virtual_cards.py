"""Virtual cards through the HTTP API: the code only for who may ask for codes."""

from __future__ import annotations

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.cards import an_approved_batch
from tests.builders.people import a_player
from warchest.cards.contract import Batch
from warchest.kernel.ids import new_id
from warchest.members.contract import Scope

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("PAY-05", "CRD-11")]


def a_stock() -> Batch:
    return an_approved_batch(
        quantity=10, virtual=True, stock=True, reseller="", margin_bps=0, product="gift-10"
    )


class TestBuying:
    def test_answers_the_card_without_its_code_and_tells_that_apart(self):
        batch, player, shop = a_stock(), a_player(with_units="3000"), an_api_client()
        (offer,) = call(shop, "GET", "/virtual-cards").json()
        assert (offer["offer"], offer["price"]) == (str(batch.id), {"amount": "1000.00", "currency": "XCR"})
        cards = f"/players/{player.id}/virtual-cards"
        answer = call(shop, "POST", cards, {"offer": offer["offer"]}, key="one")
        assert answer.status_code == 201
        card = answer.json()
        assert (card["state"], card["paid"]) == ("sold", {"amount": "10.00", "currency": "EUR"})
        again = call(shop, "POST", cards, {"offer": offer["offer"]}, key="one")
        assert (again.json(), again["Idempotent-Replayed"]) == (card, "true")

        told = call(shop, "POST", f"{cards}/{card['id']}/code")
        code = told.json()["code"]
        assert told.status_code == 201
        for page in (answer, call(shop, "GET", cards), call(shop, "GET", f"{cards}/{card['id']}")):
            assert code not in page.content.decode()
        assert call(shop, "GET", f"{cards}/{card['id']}").json()["code_shown"] == 1

        used = call(shop, "POST", "/cards/activations", {"player": str(a_player().id), "code": code})
        assert used.status_code == 201
        late = call(shop, "POST", f"{cards}/{card['id']}/cancellation")
        assert (late.status_code, late.json()["code"]) == (409, "card_already_activated")
        assert_books_prove()

    def test_is_undone_while_nobody_has_used_it(self):
        batch, player, shop = a_stock(), a_player(with_units="1000"), an_api_client()
        cards = f"/players/{player.id}/virtual-cards"
        card = call(shop, "POST", cards, {"offer": str(batch.id)}).json()
        poor = call(shop, "POST", cards, {"offer": str(batch.id)})
        assert (poor.status_code, poor.json()["code"]) == (402, "insufficient_funds")
        back = call(shop, "POST", f"{cards}/{card['id']}/cancellation")
        assert (back.status_code, back.json()["state"]) == (201, "void")
        assert call(shop, "GET", f"/players/{player.id}/wallet").json()["available"]["amount"] == "1000.00"
        assert_books_prove()

    def test_of_a_gift_tells_how_it_stands_and_nothing_that_is_personal(self):
        batch, player, shop = a_stock(), a_player(with_units="1000"), an_api_client()
        cards = f"/players/{player.id}/virtual-cards"
        gift = {"recipient": "lisa@elsewhere.example", "name": "Lisa", "message": "Hi", "language": "de"}
        answer = call(shop, "POST", cards, {"offer": str(batch.id), "gift": gift})
        assert answer.json()["gift"]["state"] == "waiting"
        assert "elsewhere" not in answer.content.decode()
        told = call(shop, "POST", f"{cards}/{answer.json()['id']}/code")
        assert (told.status_code, told.json()["code"]) == (409, "code_is_gift")
        moved = call(
            shop, "POST", f"{cards}/{answer.json()['id']}/recipient", {"recipient": "b@elsewhere.example"}
        )
        assert (moved.status_code, moved.json()["gift"]["sends"]) == (201, 1)
        wrong = call(shop, "POST", cards, {"offer": str(batch.id), "gift": gift | {"recipient": "lisa"}})
        assert wrong.json()["code"] == "gift_address_malformed"


class TestScopes:
    def test_keep_codes_to_who_may_ask_for_them(self):
        batch, player = a_stock(), a_player(with_units="1000")
        cards = f"/players/{player.id}/virtual-cards"
        buyer, reader = an_api_client(Scope.CARDS_BUY), an_api_client(Scope.CARDS_READ)
        card = call(buyer, "POST", cards, {"offer": str(batch.id)}).json()["id"]
        for key in (buyer, reader):
            refused = call(key, "POST", f"{cards}/{card}/code")
            assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
        assert call(reader, "POST", cards, {"offer": str(batch.id)}).status_code == 403
        assert call(an_api_client(Scope.CARDS_CODES), "POST", f"{cards}/{card}/code").status_code == 201

    def test_show_nobody_anothers_card(self):
        batch, player, shop = a_stock(), a_player(with_units="1000"), an_api_client()
        card = call(shop, "POST", f"/players/{player.id}/virtual-cards", {"offer": str(batch.id)}).json()[
            "id"
        ]
        for other in (a_player().id, new_id()):
            answer = call(shop, "GET", f"/players/{other}/virtual-cards/{card}")
            assert answer.status_code == 404
