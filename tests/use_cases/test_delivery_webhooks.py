"""Webhooks as a game server receives them, from a real HTTP server's point of view."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from tests.builders.configuration import change_configuration
from tests.builders.feed import GameServer, Heard, a_game_server, publish
from tests.builders.people import NOW
from warchest.delivery.contract import Delivery, DeliveryState, UnableToDeliver
from warchest.delivery.operations import webhooks
from warchest.delivery.rules import SCHEDULE, is_web_address
from warchest.kernel.money import Money
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

Configure = Callable[..., None]


@pytest.fixture
def configure() -> Iterator[Configure]:
    yield lambda *urls: change_configuration(webhooks=[{"url": url} for url in urls])
    change_configuration()


@pytest.fixture
def game_server(configure: Configure) -> Iterator[GameServer]:
    with a_game_server() as server:
        configure(server.url)
        yield server


def delivery() -> Delivery:
    return services.get(Delivery)


def prolonged(player: str, number: int = 0) -> None:
    publish("subscriptions.prolonged", key=player, number=number, charged=Money.units(50_000))


def deliver(after: timedelta = timedelta(0)) -> int:
    delivery().catch_up(at=NOW)
    return delivery().deliver_due(at=NOW + after)


def data_of(heard: list[Heard]) -> list[tuple[str, int]]:
    return [(json.loads(one.body)["data"]["player"], json.loads(one.body)["data"]["number"]) for one in heard]


def states() -> list[DeliveryState]:
    return [one.state for one in reversed(delivery().deliveries())]


class TestAWebhook:
    def test_tells_what_happened_when_and_to_whom(self, game_server: GameServer) -> None:
        prolonged("ann", number=7)
        assert deliver() == 1
        (heard,) = game_server.heard
        assert json.loads(heard.body) == {
            "type": "subscriptions.prolonged",
            "timestamp": "2026-03-15T12:00:00Z",
            "data": {"number": 7, "charged": {"amount": "500.00", "currency": "XCR"}},
        }
        assert heard.headers["content-type"] == "application/json"
        assert states() == [DeliveryState.DELIVERED]

    @pytest.mark.use_case("INT-13")
    def test_carries_a_signature_that_the_documented_standard_verifies(self, game_server: GameServer) -> None:
        prolonged("ann")
        deliver()
        (heard,) = game_server.heard
        # As a receiver reads the standard: the secret's base64 behind its prefix, over id, time-stamp and body.
        given = delivery().webhook_secret()
        assert given.startswith("whsec_")
        key = base64.b64decode(given.removeprefix("whsec_"))
        assert 24 <= len(key) <= 64
        signed = b".".join(
            (heard.headers["webhook-id"].encode(), heard.headers["webhook-timestamp"].encode(), heard.body)
        )
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert f"v1,{expected}" in heard.headers["webhook-signature"].split(" ")
        assert heard.headers["webhook-timestamp"] == str(int(NOW.timestamp()))

    def test_stays_in_the_house_when_its_topic_is_not_for_game_servers(self, game_server: GameServer) -> None:
        publish("cards.batch_ordered", quantity=1)
        assert deliver() == 0

    def test_goes_to_every_endpoint(self, configure: Configure) -> None:
        with a_game_server() as one, a_game_server() as other:
            configure(one.url, other.url)
            prolonged("ann")
            assert deliver() == 2
            assert one.heard[0].body == other.heard[0].body
            assert one.heard[0].headers["webhook-id"] == other.heard[0].headers["webhook-id"]


class TestTryingAgain:
    def test_goes_on_by_the_schedule_until_it_is_taken(self, game_server: GameServer) -> None:
        game_server.answers = [500, 503]
        prolonged("ann")
        assert deliver() == 1
        assert deliver(timedelta(seconds=4)) == 0
        assert deliver(timedelta(seconds=5)) == 1
        assert deliver(timedelta(minutes=5, seconds=4)) == 0
        assert deliver(timedelta(minutes=5, seconds=5)) == 1
        assert deliver(timedelta(days=9)) == 0
        assert states() == [DeliveryState.DELIVERED]
        assert len({heard.headers["webhook-id"] for heard in game_server.heard}) == 1
        assert len({heard.body for heard in game_server.heard}) == 1
        # The time-stamp is that of the attempt, and so the signature is another.
        assert len({heard.headers["webhook-signature"] for heard in game_server.heard}) == 3

    def test_is_given_up_after_ten_attempts_and_can_be_sent_again(self, game_server: GameServer) -> None:
        game_server.answers = [500] * 10
        prolonged("ann")
        at = NOW
        for pause in SCHEDULE:
            at += pause
            assert deliver(at - NOW) == 1
        assert states() == [DeliveryState.FAILED]
        (given_up,) = delivery().deliveries(state=DeliveryState.FAILED)
        assert (given_up.attempts, given_up.last_status) == (10, 500)
        delivery().send_again(delivery_id=given_up.id, at=at)
        assert deliver(at - NOW) == 1
        assert states() == [DeliveryState.DELIVERED]

    def test_keeps_the_order_of_one_player_and_lets_others_pass(self, game_server: GameServer) -> None:
        def refuse_the_first_of_ann(heard: Heard) -> int:
            return 500 if data_of([heard]) == [("ann", 0)] else 204

        game_server.answers = [refuse_the_first_of_ann] * 4
        for player, number in (("ann", 0), ("ann", 1), ("bob", 0), ("bob", 1)):
            publish("subscriptions.prolonged", key=player, player=player, number=number)
        deliver()
        assert data_of(game_server.heard) == [("ann", 0), ("bob", 0), ("bob", 1)]
        deliver(timedelta(seconds=4))
        assert len(game_server.heard) == 3
        game_server.answers = []
        deliver(timedelta(seconds=5))
        assert data_of(game_server.heard)[3:] == [("ann", 0), ("ann", 1)]

    def test_waits_for_a_server_that_is_away(self, configure: Configure) -> None:
        with a_game_server() as server:
            configure(server.url)
        prolonged("ann")
        prolonged("bob")
        # One attempt shows that nobody is there.
        assert deliver() == 1
        (one,) = [each for each in delivery().deliveries() if each.attempts]
        assert (one.state, one.last_status, one.last_error) == (DeliveryState.WAITING, 0, "ConnectError")

    def test_slows_down_for_as_long_as_the_receiver_asks(self, game_server: GameServer) -> None:
        game_server.answers = [(429, {"Retry-After": "30"})]
        prolonged("ann")
        prolonged("bob")
        assert deliver() == 1
        assert deliver(timedelta(seconds=29)) == 0
        assert deliver(timedelta(seconds=31)) == 2

    def test_ends_where_the_receiver_wants_no_more(self, game_server: GameServer) -> None:
        game_server.answers = [410]
        prolonged("ann")
        prolonged("bob")
        assert deliver() == 1
        prolonged("cid")
        assert deliver(timedelta(days=1)) == 0
        assert states() == [DeliveryState.DISABLED] * 3
        assert not delivery().endpoints()[0].enabled
        delivery().enable_endpoint(url=game_server.url, at=NOW)
        assert deliver() == 3
        assert delivery().endpoints()[0].enabled


class TestCare:
    def test_follows_no_redirect(self, game_server: GameServer) -> None:
        with a_game_server() as inside:
            game_server.answers = [(302, {"Location": inside.url}), (307, {"Location": inside.url})]
            prolonged("ann")
            deliver()
            deliver(timedelta(seconds=5))
            assert inside.heard == []
        assert delivery().deliveries()[0].last_status == 307

    @pytest.mark.in_process("shortens how long the service waits")
    def test_waits_for_no_answer_longer_than_the_time_out(
        self, game_server: GameServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("warchest.delivery.receiver.TIMEOUT_S", 0.2)
        released = threading.Event()

        def answer_late(_heard: Heard) -> int:
            released.wait(5)
            return 204

        game_server.answers = [answer_late]
        prolonged("ann")
        started = time.monotonic()
        deliver()
        assert time.monotonic() - started < 3
        released.set()
        assert delivery().deliveries()[0].last_error.startswith("no answer within")

    @pytest.mark.parametrize(
        ("url", "allowed"),
        [
            ("https://game.example/hooks", True),
            ("http://127.0.0.1:8080/", True),
            ("file:///etc/passwd", False),
            ("gopher://game.example/", False),
            ("https://user:word@game.example/", False),
            ("https:///no-host", False),
            ("nonsense", False),
        ],
    )
    def test_speaks_to_web_addresses_only(self, url: str, allowed: bool) -> None:
        assert is_web_address(url) is allowed

    def test_sends_nothing_to_an_address_that_was_taken_out_of_the_configuration(
        self, game_server: GameServer, configure: Configure
    ) -> None:
        prolonged("ann")
        delivery().catch_up(at=NOW)
        configure()
        assert delivery().deliver_due(at=NOW) == 0
        configure(game_server.url)
        assert delivery().deliver_due(at=NOW) == 1

    @pytest.mark.parametrize(
        ("delivery_id", "reason"),
        [(0, "delivery_unknown"), (1, "delivery_waiting")],
        ids=["unknown", "waiting"],
    )
    def test_refuses_to_send_again_what_is_not_finished(
        self, game_server: GameServer, delivery_id: int, reason: str
    ) -> None:
        prolonged("ann")
        delivery().catch_up(at=NOW)
        first = delivery().deliveries()[0].id
        with pytest.raises(UnableToDeliver) as refused:
            delivery().send_again(delivery_id=first * delivery_id, at=NOW)
        assert refused.value.reason == reason


class TestManyWorkers:
    def test_each_message_goes_once_and_in_order_with_two_at_once(self, game_server: GameServer) -> None:
        for number in range(10):
            for player in ("ann", "bob", "cid"):
                publish("subscriptions.prolonged", key=player, player=player, number=number)

        def work(_worker: int) -> int:
            try:
                sent = 0
                for _ in range(60):
                    delivery().catch_up(at=NOW, limit=4)
                    sent += delivery().deliver_due(at=NOW, limit=5)
                return sent
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            sent = list(pool.map(work, range(2)))
        assert sum(sent) == 30
        heard = data_of(game_server.heard)
        for player in ("ann", "bob", "cid"):
            assert [number for who, number in heard if who == player] == list(range(10))

    @pytest.mark.in_process("ends the service in the middle of its work")
    def test_a_message_whose_worker_died_after_sending_goes_again_under_its_id(
        self, game_server: GameServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(*_arguments: object) -> None:
            raise SystemExit

        prolonged("ann")
        with monkeypatch.context() as killed:
            killed.setattr(webhooks, "_write_down", die)
            with pytest.raises(SystemExit):
                deliver()
        assert deliver(timedelta(seconds=5)) == 0
        assert deliver(webhooks.CLAIM) == 1
        first, second = game_server.heard
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert states() == [DeliveryState.DELIVERED]

    def test_events_become_deliveries_once_though_the_consumer_begins_again(
        self, game_server: GameServer
    ) -> None:
        prolonged("ann")
        delivery().catch_up(at=NOW)
        with connections["default"].cursor() as cursor:
            cursor.execute("UPDATE runtime_outboxcursor SET transaction = 0, event_id = 0")
        delivery().catch_up(at=NOW)
        assert len(delivery().deliveries()) == 1
