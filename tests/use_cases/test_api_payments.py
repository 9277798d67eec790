"""Top-ups and notices through the HTTP API, at a real provider's process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_player
from warchest.kernel.ids import new_id
from warchest.payments.models import ReceivedNotice
from warchest_sandbox.testing import RunningSandbox
from warchest_sandbox.wire import signature

pytestmark = [pytest.mark.usefixtures("database", "configured"), pytest.mark.use_case("PAY-01")]

TOP_UP = {
    "amount": {"amount": "10.00", "currency": "EUR"},
    "provider": "sandbox",
    "return_url": "https://portal.example.org/back",
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with RunningSandbox(tmp_path_factory.mktemp("sandbox")) as sandbox:
        yield sandbox


@pytest.fixture
def configured(running: RunningSandbox) -> Iterator[RunningSandbox]:
    running.control(lose_notices=True)
    table = {**running.settings, "timeout_s": 2}
    with changed_configuration(providers={"sandbox": table}):
        yield running
    running.reset()


def top_up(client: str, player: object, *, key: str | None = None, **changes: object):
    return call(client, "POST", f"/players/{player}/top-ups", {**TOP_UP, **changes}, key=key)


def notify(sandbox: RunningSandbox, body: bytes, *, secret: str = "", notice_id: str = "n-1"):
    timestamp = str(int(time.time()))
    signed = signature(
        secret or sandbox.settings["notice_secret"], notice_id=notice_id, timestamp=timestamp, body=body
    )
    headers = {"Sandbox-Id": notice_id, "Sandbox-Timestamp": timestamp, "Sandbox-Signature": signed}
    return call(None, "POST", "/notices/sandbox", body, key="", headers=headers)


class TestTopUp:
    def test_sends_the_player_to_the_provider_and_credits_by_notice(self, configured: RunningSandbox):
        client, player = an_api_client(), a_player()
        answer = top_up(client, player.id, key="one")
        assert answer.status_code == 201
        payment = answer.json()
        assert (payment["status"], payment["provider"]) == ("pending", "sandbox")
        assert payment["amount"] == {"amount": "10.00", "currency": "EUR"}
        assert payment["credits"] == {"amount": "1000.00", "currency": "XCR"}
        assert payment["redirect_url"].startswith("http")

        configured.pay(payment["id"])
        found = configured._call("GET", f"/v1/payments?reference={payment['id']}")
        body = json.dumps({"id": "n-1", "type": "payment", "payment": found}).encode()
        first, again = (notify(configured, body) for _ in range(2))
        assert (first.status_code, first.json()["repeated"]) == (200, False)
        assert (again.status_code, again.json()["repeated"]) == (200, True)

        paid = call(client, "GET", f"/payments/{payment['id']}").json()
        assert (paid["status"], paid["player"]) == ("succeeded", str(player.id))
        assert call(client, "GET", f"/players/{player.id}/wallet").json()["posted"]["amount"] == "1000.00"
        # The answer to the first call stays what it was.
        replayed = top_up(client, player.id, key="one")
        assert replayed.json() == payment
        assert replayed["Idempotent-Replayed"] == "true"
        assert_books_prove()

    def test_another_amount_under_the_key_is_refused(self):
        client, player = an_api_client(), a_player()
        top_up(client, player.id, key="one")
        answer = top_up(client, player.id, key="one", amount={"amount": "10.01", "currency": "EUR"})
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    def test_refuses_by_name(self):
        client, player = an_api_client(), a_player()
        for answer, status, code in (
            (top_up(client, new_id()), 404, "player_unknown"),
            (top_up(client, player.id, provider="nobody"), 422, "provider_unknown"),
            (top_up(client, player.id, return_url="javascript:alert(1)"), 422, "return_url_malformed"),
            (
                top_up(client, player.id, amount={"amount": "1", "currency": "CHF"}),
                422,
                "currency_not_accepted",
            ),
            (
                top_up(client, player.id, amount={"amount": "0", "currency": "EUR"}),
                422,
                "amount_not_positive",
            ),
            (top_up(client, player.id, amount={"amount": "1", "currency": "XXX"}), 422, "currency_unknown"),
            (
                top_up(client, player.id, amount={"amount": "1.005", "currency": "EUR"}),
                422,
                "amount_too_precise",
            ),
            (
                top_up(client, player.id, amount={"amount": "90000000000000", "currency": "EUR"}),
                422,
                "amount_out_of_range",
            ),
            (call(client, "GET", f"/payments/{new_id()}"), 404, "payment_unknown"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestNotices:
    def test_with_a_wrong_signature_are_refused_and_not_kept(self, configured: RunningSandbox):
        answer = notify(configured, b"{}", secret="not the secret of the sandbox at all")
        assert 400 <= answer.status_code < 500
        assert answer.json()["code"] == "notice_signature_wrong"
        assert not ReceivedNotice.objects.exists()

    def test_of_an_unknown_provider_are_refused(self):
        answer = call(None, "POST", "/notices/nobody", "{}", key="")
        assert 400 <= answer.status_code < 500
        assert answer.json()["code"] == "provider_unknown"


class TestFurtherSteps:
    @pytest.mark.use_case("PAY-16")
    def test_a_payment_is_given_up(self, configured: RunningSandbox):
        client, player = an_api_client(), a_player()
        payment = top_up(client, player.id).json()["id"]
        for _ in range(2):
            answer = call(client, "POST", f"/payments/{payment}/cancel", {}, key="enough")
            assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        again = call(client, "POST", f"/payments/{payment}/cancel", {})
        assert (again.status_code, again.json()["code"]) == (409, "payment_not_open")

    @pytest.mark.use_case("PAY-17")
    @pytest.mark.use_case("PAY-09")
    def test_without_a_provider_one_is_chosen_and_a_failed_payment_is_tried_again(
        self, configured: RunningSandbox
    ):
        client, player = an_api_client(), a_player()
        first = top_up(client, player.id, provider="", player_address="203.0.113.9").json()
        assert first["provider"] == "sandbox"
        open_still = call(client, "POST", f"/payments/{first['id']}/attempts", {})
        assert (open_still.status_code, open_still.json()["code"]) == (409, "attempt_open")
        call(client, "POST", f"/payments/{first['id']}/cancel", {})
        answer = call(client, "POST", f"/payments/{first['id']}/attempts", {"provider": "sandbox"})
        assert (answer.status_code, answer.json()["status"]) == (201, "pending")
        assert answer.json()["id"] == first["id"] and answer.json()["redirect_url"] != first["redirect_url"]
