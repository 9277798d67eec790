"""The door of the HTTP API: keys, scopes, errors, idempotency keys, limits."""

from __future__ import annotations

import json
import threading
from collections import Counter
from io import BytesIO

import pytest
from django.db import connections
from django.http import HttpResponse
from django.test import Client

from tests.builders.api import an_api_client, call
from tests.builders.people import a_player
from warchest.api.authentication import RateLimiter
from warchest.kernel.ids import new_id
from warchest.members.contract import Scope
from warchest.runtime.models import Operation

pytestmark = [pytest.mark.usefixtures("database"), pytest.mark.use_case("INT-06")]


class TestErrors:
    """Every one is a problem with a stable code, in the caller's language."""

    def test_carry_all_that_is_documented(self):
        answer = call(
            an_api_client(), "GET", f"/players/{new_id()}", headers={"X-Request-Id": "call-number-7"}
        )
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["X-Request-Id"] == "call-number-7"
        assert answer.json() == {
            "type": "about:blank",
            "title": "Not Found",
            "status": 404,
            "detail": "There is no such player.",
            "code": "player_unknown",
            "instance": answer.request["PATH_INFO"],
            "request_id": "call-number-7",
        }

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/api/v1/nothing", 404, "not_found"),
            ("GET", "/api/v1/", 404, "not_found"),
            ("GET", "/api", 404, "not_found"),
            ("POST", "/api/v1/guilds", 404, "not_found"),
            ("DELETE", "/api/v1/players/7", 405, "method_not_allowed"),
            ("POST", "/healthz", 405, "method_not_allowed"),
            ("GET", "/api/v1/players/7", 401, "key_missing"),
        ],
    )
    def test_have_codes_of_their_own(self, method, path, status, code):
        answer = Client().generic(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer["Content-Type"] == "application/problem+json"

    def test_a_method_that_is_not_allowed_tells_those_that_are(self):
        assert set(Client().delete("/api/v1/players/7")["Allow"].split(", ")) == {"GET"}

    def test_an_id_that_is_none_of_ours_is_simply_unknown(self):
        for strange in ("7", "x" * 80, "%F0%9F%83%8F", str(new_id()).replace("-", "")):
            assert call(an_api_client(), "GET", f"/players/{strange}").json()["code"] == "player_unknown"

    def test_nul_characters_are_refused(self):
        client = an_api_client()
        assert call(client, "GET", "/cards/a%00b").status_code == 404
        assert call(client, "GET", "/catalogue?language=%00").status_code == 422
        answer = call(client, "POST", "/players", {**PLAYER, "nickname": "a\0bcd"})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_malformed")

    def test_a_body_that_does_not_fit_names_every_place(self):
        body = {"player": 7, "amount": {"amount": 10.0, "currency": "EUR"}, "purpose": "match", "note": "x"}
        answer = call(an_api_client(), "POST", "/holds", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_malformed")
        places = {(mistake["where"], mistake["pointer"]) for mistake in answer.json()["errors"]}
        assert places == {
            ("body", "/player"),
            ("body", "/amount/amount"),
            ("body", "/amount/currency"),
            ("body", "/expires_in_s"),
            ("body", "/note"),
        }

    @pytest.mark.parametrize("body", ["", "{", "[1", '"\\ud800"', "9" * 5000, "[" * 100_000])
    def test_a_body_that_is_no_json_is_a_bad_request(self, body):
        answer = call(an_api_client(), "POST", "/players", body)
        assert answer.status_code in (400, 422)
        assert answer.json()["code"] == "request_malformed"

    def test_a_body_must_be_json(self):
        answer = call(
            an_api_client(), "POST", "/players", "a=b", content_type="application/x-www-form-urlencoded"
        )
        assert (answer.status_code, answer.json()["code"]) == (415, "media_type_not_supported")

    def test_a_body_must_not_be_too_large(self):
        answer = call(an_api_client(), "POST", "/players", json.dumps({"nickname": "x" * 256 * 1024}))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        answer = call(None, "POST", "/notices/sandbox", "x" * (64 * 1024 + 1))
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    def test_a_body_in_pieces_is_read_where_the_server_tells_its_end_and_never_taken_for_none(self):
        def sent(length: int, **server: object) -> HttpResponse:
            pieces = BytesIO(json.dumps({**PLAYER, "nickname": "A" * length}).encode())
            return Client().post(
                "/api/v1/players",
                headers={
                    "Authorization": f"Bearer {client}",
                    "Idempotency-Key": str(new_id()),
                    "Transfer-Encoding": "chunked",
                },
                **{"wsgi.input": pieces, "CONTENT_LENGTH": "", "CONTENT_TYPE": "application/json", **server},
            )

        client = an_api_client()
        assert sent(5, **{"wsgi.input_terminated": True}).status_code == 201
        assert sent(2**18, **{"wsgi.input_terminated": True}).json()["code"] == "body_too_large"
        refused = sent(5)
        assert (refused.status_code, refused.json()["code"]) == (411, "length_required")

    def test_texts_follow_the_language_asked_for(self):
        answer = call(an_api_client(), "GET", "/players/7", headers={"Accept-Language": "de"})
        assert answer["Content-Language"] == "de"
        assert answer.json()["code"] == "player_unknown"

    @pytest.mark.in_process("breaks the code of a service")
    def test_what_nobody_foresaw_is_told_without_its_trace(self, monkeypatch):
        def broken(**_: object) -> None:
            raise RuntimeError("the inside of the house")

        monkeypatch.setattr("warchest.members.service.LocalMembers.player", staticmethod(broken))
        answer = call(an_api_client(), "GET", f"/players/{new_id()}")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
        assert "inside" not in answer.content.decode()


class TestKeys:
    def test_a_key_is_needed(self):
        answer = call(None, "GET", "/catalogue")
        assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
        assert answer["WWW-Authenticate"] == "Bearer"

    @pytest.mark.parametrize("key", ["wrong", "wck_" + "x" * 43, "ключ".encode().decode("latin-1"), "a b"])
    def test_a_wrong_key_opens_nothing(self, key):
        answer = call(key, "GET", "/catalogue")
        assert (answer.status_code, answer.json()["code"]) == (401, "key_unknown")

    def test_a_key_without_the_scope_is_told_which_it_lacks(self):
        answer = call(an_api_client(Scope.WALLET_READ), "GET", "/catalogue")
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
        assert "catalogue:read" in answer.json()["detail"]

    def test_every_route_of_the_specification_asks_for_a_key(self):
        """Except notices and stores' calls, which bring a signature."""
        for path, calls in Client().get("/api/v1/openapi.json").json()["paths"].items():
            for method in calls:
                answer = Client().generic(method.upper(), path, "{}", content_type="application/json")
                signed = {"notices": 422, "stores": 404}.get(path.split("/")[3], 0)
                expected = signed or 401
                assert answer.status_code == expected, path

    def test_calls_are_limited_and_the_headers_tell(self):
        key = an_api_client(calls_per_second=3)
        answers = [call(key, "GET", "/catalogue") for _ in range(8)]
        assert answers[0]["RateLimit-Limit"] == "3"
        assert answers[0]["RateLimit-Remaining"] == "2"
        refused = next(answer for answer in answers if answer.status_code != 200)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert (refused["Retry-After"], refused["RateLimit-Remaining"]) == ("1", "0")

    def test_the_limit_lets_as_many_through_as_it_says(self):
        moment = 0.0
        limiter, client, passed = RateLimiter(lambda: moment), new_id(), 0
        for tick in range(10_000):
            moment = tick / 1000
            passed += limiter.take(client=client, calls_per_second=200).granted
        # Ten seconds, and the second's calls with which the bucket began.
        assert 2190 <= passed <= 2200


PLAYER = {"nickname": "Ada", "email": "ada@example.org", "country": "DE", "language": "en"}


class TestIdempotencyKeys:
    def test_a_write_needs_one(self):
        for key, code in (("", "idempotency_key_missing"), ("k" * 65, "idempotency_key_malformed")):
            answer = call(an_api_client(), "POST", "/players", PLAYER, key=key)
            assert (answer.status_code, answer.json()["code"]) == (400, code)

    def test_the_same_request_gets_the_first_answer(self):
        client = an_api_client()
        first = call(client, "POST", "/players", PLAYER, key="one")
        again = call(client, "POST", "/players", PLAYER, key="one")
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert "Idempotent-Replayed" not in first
        assert again["Idempotent-Replayed"] == "true"

    def test_another_request_under_the_key_is_refused(self):
        client = an_api_client()
        call(client, "POST", "/players", PLAYER, key="one")
        for name in PLAYER:
            answer = call(client, "POST", "/players", {**PLAYER, name: "other"}, key="one")
            assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    def test_a_refusal_is_the_answer_too(self):
        client = an_api_client()
        call(client, "POST", "/players", PLAYER)
        first = call(client, "POST", "/players", PLAYER, key="one")
        again = call(client, "POST", "/players", PLAYER, key="one")
        assert (first.status_code, first.json()["code"]) == (409, "email_taken")
        assert (again.status_code, again.json()["code"]) == (409, "email_taken")
        assert again["Idempotent-Replayed"] == "true"
        assert Operation.objects.filter(outcome="refused").count() == 1

    def test_two_clients_may_use_the_same_key(self):
        one, other = an_api_client(), an_api_client()
        assert call(one, "POST", "/players", PLAYER, key="one").status_code == 201
        second = {**PLAYER, "nickname": "Bob", "email": "bob@example.org"}
        assert call(other, "POST", "/players", second, key="one").status_code == 201

    def test_fifty_at_once_do_the_work_once(self):
        client, player = an_api_client(), a_player(with_units="100")
        body = {
            "player": str(player.id),
            "amount": {"amount": "60.00", "currency": "XCR"},
            "purpose": "match",
            "expires_in_s": 60,
        }
        answers: list[tuple[int, str, bool]] = []
        together = threading.Barrier(50)

        def ask() -> None:
            together.wait()
            answer = call(client, "POST", "/holds", body, key="one")
            answers.append((answer.status_code, answer.json()["id"], "Idempotent-Replayed" in answer))
            connections.close_all()

        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({identity for _, identity, _ in answers}) == 1
        assert Counter((status, replayed) for status, _, replayed in answers) == {
            (201, True): 49,
            (201, False): 1,
        }
        assert call(client, "GET", f"/players/{player.id}/wallet").json()["held"]["amount"] == "60.00"

    def test_the_record_names_client_key_and_request(self):
        call(
            an_api_client(), "POST", "/players", PLAYER, key="one", headers={"X-Request-Id": "call-number-7"}
        )
        line = Operation.objects.get(name="players.register")
        assert (line.actor_kind, line.channel, line.key, line.request_id) == (
            "api_client",
            "api",
            "one",
            "call-number-7",
        )
