"""Transfers from player to player through the HTTP API."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.feed import a_game_server
from tests.builders.lots import a_lot, a_promotion, left_in
from tests.builders.people import a_player
from warchest.charging.models import Wallet as WalletRow
from warchest.delivery.contract import Delivery
from warchest.kernel.ids import new_id
from warchest.members.contract import Scope
from warchest.members.models import Player as PlayerRow
from warchest.runtime.models import Operation, OutboxEvent
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


def units(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "XCR"}


def send(client: str, sender: object, recipient: object, amount: str = "40.00", **more: object):
    key = more.pop("key", None)
    body = {"from": str(sender), "to": str(recipient), "amount": units(amount), **more}
    return call(client, "POST", "/transfers", body, key=key)


def available(client: str, player: object) -> str:
    return call(client, "GET", f"/players/{player}/wallet").json()["available"]["amount"]


class TestSending:
    def test_moves_units_and_tells_both_statements(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        answer = send(client, anna.id, ben.id, message="for the tournament")
        transfer = answer.json()
        assert answer.status_code == 201
        assert (transfer["from"], transfer["to"]) == (str(anna.id), str(ben.id))
        assert (transfer["amount"], transfer["state"]) == (units("40.00"), "done")
        assert (transfer["message"], transfer["cluster"], transfer["waits_for"]) == (
            "for the tournament",
            None,
            None,
        )
        assert call(client, "GET", f"/transfers/{transfer['id']}").json() == transfer
        assert (available(client, anna.id), available(client, ben.id)) == ("60.00", "40.00")
        for player, amount, after, words in (
            (anna, "-40.00", "60.00", "Sent to another player"),
            (ben, "40.00", "40.00", "Received from another player"),
        ):
            (line,) = call(client, "GET", f"/players/{player.id}/statement?kind=transfer").json()["items"]
            assert (line["amount"], line["balance_after"]) == (units(amount), units(after))
            assert (line["reference"], line["description"]) == (transfer["id"], words)
            assert line["journal_entry"] == transfer["journal_entry"]
        assert_books_prove()

    def test_moves_lots_with_their_terms_and_what_was_paid(self):
        client, anna, ben = an_api_client(), a_player(), a_player()
        a_lot(anna.id, "30", paid="0.30 EUR", transferable=True)
        a_lot(anna.id, "30", paid="45 JPY", transferable=True)
        send(client, anna.id, ben.id, "45.00")
        assert left_in(anna.id) == [("card_payment", "15.00", "0.00", "23 JPY")]
        assert left_in(ben.id) == [
            ("card_payment", "30.00", "0.00", "0.30 EUR"),
            ("card_payment", "15.00", "0.00", "22 JPY"),
        ]
        lots = call(client, "GET", f"/players/{ben.id}/wallet").json()["lots"]
        assert {(lot["payable_out"], lot["refundable"], lot["transferable"]) for lot in lots} == {
            (False, True, True)
        }
        assert_books_prove()

    def test_is_announced_to_both_and_recorded_without_its_words(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        transfer = send(client, anna.id, ben.id, message="a secret").json()
        events = {event.topic: event for event in OutboxEvent.objects.filter(topic__startswith="transfers.")}
        assert {topic: event.key for topic, event in events.items()} == {
            "transfers.sent": str(anna.id),
            "transfers.received": str(ben.id),
        }
        assert all(event.payload["transfer"] == transfer["id"] for event in events.values())
        operation = Operation.objects.get(name="transfers.make")
        assert (operation.subject_kind, operation.subject_id) == ("transfer", transfer["id"])
        assert operation.details == {
            "sender": str(anna.id),
            "recipient": str(ben.id),
            "cluster": "",
            "units_minor": 4000,
        }
        told = str([event.payload for event in events.values()]) + str(operation.details)
        assert "secret" not in told

    def test_is_told_to_game_servers_for_both_players(self):
        with a_game_server() as server, changed_configuration(webhooks=[{"url": server.url}]):
            client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
            transfer = send(client, anna.id, ben.id, message="a secret").json()
            delivery, at = services.get(Delivery), datetime.now(UTC)
            while delivery.catch_up(at=at):
                pass
            delivery.deliver_due(at=at)
        told = {}
        for heard in server.heard:
            body = json.loads(heard.body)
            if body["type"].startswith("transfers."):
                told[body["type"]] = body["data"]
        common = {
            "transfer": transfer["id"],
            "cluster": "",
            "units": units("40.00"),
            "journal_entry": transfer["journal_entry"],
        }
        assert told == {
            "transfers.sent": {"player": str(anna.id), "recipient": str(ben.id), **common},
            "transfers.received": {"player": str(ben.id), "sender": str(anna.id), **common},
        }

    def test_happens_once_for_a_key(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        first = send(client, anna.id, ben.id, key="gift-1")
        second = send(client, anna.id, ben.id, key="gift-1")
        assert second.json() == first.json() and second["Idempotent-Replayed"] == "true"
        other = send(client, anna.id, ben.id, "41.00", key="gift-1")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        assert available(client, ben.id) == "40.00"

    def test_needs_the_scope(self):
        reader, anna, ben = an_api_client(Scope.WALLET_READ), a_player(with_units="100"), a_player()
        answer = send(reader, anna.id, ben.id)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")

    def test_never_sends_more_than_there_is_however_many_at_once(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()

        def once(number: int) -> int:
            try:
                pair = (anna.id, ben.id) if number % 4 else (ben.id, anna.id)
                return send(client, *pair, "30.00").status_code
            finally:
                connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            statuses = list(pool.map(once, range(12)))
        assert set(statuses) <= {201, 402} and 201 in statuses and 402 in statuses
        sums = float(available(client, anna.id)) + float(available(client, ben.id))
        assert sums == 100
        assert_books_prove()


class TestRefusals:
    @pytest.mark.parametrize(
        ("amount", "status", "code"),
        [
            ("100.01", 402, "insufficient_funds"),
            ("0", 422, "amount_not_positive"),
            ("-1.00", 422, "amount_not_positive"),
            ("0.001", 422, "amount_too_precise"),
            ("ten", 422, "amount_malformed"),
            ("99999999999999999", 422, "amount_malformed"),
        ],
    )
    def test_of_an_amount(self, amount: str, status: int, code: str):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        answer = send(client, anna.id, ben.id, amount)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (available(client, anna.id), available(client, ben.id)) == ("100.00", "0.00")

    def test_of_one_who_is_not_there(self):
        client, anna = an_api_client(), a_player(with_units="100")
        for sender, recipient, status, code in (
            (new_id(), anna.id, 404, "player_unknown"),
            (anna.id, new_id(), 404, "recipient_unknown"),
            (anna.id, "nobody", 404, "recipient_unknown"),
            (anna.id, anna.id, 422, "recipient_is_sender"),
        ):
            answer = send(client, sender, recipient)
            assert (answer.status_code, answer.json()["code"]) == (status, code)

    @pytest.mark.parametrize(
        ("who", "what", "code"),
        [
            ("sender", "player", "player_frozen"),
            ("sender", "wallet", "wallet_frozen"),
            ("recipient", "player", "recipient_frozen"),
            ("recipient", "wallet", "recipient_frozen"),
        ],
    )
    def test_of_what_is_frozen(self, who: str, what: str, code: str):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        frozen = anna.id if who == "sender" else ben.id
        if what == "player":
            PlayerRow.objects.filter(id=frozen).update(state="frozen")
        else:
            WalletRow.objects.filter(player_id=frozen).update(state="frozen")
        answer = send(client, anna.id, ben.id)
        assert answer.json()["code"] == code and answer.status_code in (403, 409)
        assert (available(client, anna.id), available(client, ben.id)) == ("100.00", "0.00")

    def test_of_units_that_may_not_be_moved(self):
        client, anna, ben = an_api_client(), a_player(), a_player()
        a_promotion(anna.id, "50")
        answer = send(client, anna.id, ben.id)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_transferable")

    def test_of_a_cluster_that_nobody_is_joined_with(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        answer = send(client, anna.id, ben.id, to_cluster="west")
        assert (answer.status_code, answer.json()["code"]) == (404, "cluster_unknown")

    def test_of_what_is_not_a_transfer(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        for more in ({"message": "x" * 201}, {"amount": {"amount": "1.00", "currency": "EUR"}}, {"odd": 1}):
            answer = send(client, anna.id, ben.id, **more)
            assert (answer.status_code, answer.json()["code"]) == (422, "request_malformed")
        answer = call(client, "GET", f"/transfers/{new_id()}")
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_unknown")

    def test_of_asking_back_what_has_arrived(self):
        client, anna, ben = an_api_client(), a_player(with_units="100"), a_player()
        transfer = send(client, anna.id, ben.id).json()
        answer = call(client, "POST", f"/transfers/{transfer['id']}/cancel")
        assert (answer.status_code, answer.json()["code"]) == (404, "transfer_unknown")
