"""Wallets, statements and holds through the HTTP API."""

from __future__ import annotations

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.databases import captured_queries
from tests.builders.people import NOW, a_player
from warchest.charging.models import Wallet as WalletRow
from warchest.kernel.ids import new_id

pytestmark = pytest.mark.usefixtures("database")


def units(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "XCR"}


def a_hold(client: str, player: object, amount: str = "40.00", **changes: object):
    body = {
        "player": str(player),
        "amount": units(amount),
        "purpose": "match 7",
        "expires_in_s": 600,
        **changes,
    }
    return call(client, "POST", "/holds", body)


class TestWallet:
    @pytest.mark.in_process("counts the statements of its own process")
    @pytest.mark.use_case("CHG-15")
    def test_shows_posted_held_available_and_lots(self):
        client, player = an_api_client(), a_player(with_units="100")
        a_hold(client, player.id)
        with captured_queries() as queries:
            answer = call(client, "GET", f"/players/{player.id}/wallet")
        wallet = answer.json()
        assert (wallet["posted"], wallet["held"], wallet["available"]) == (
            units("100.00"),
            units("40.00"),
            units("60.00"),
        )
        (lot,) = wallet["lots"]
        assert lot["units"] == units("100.00")
        assert lot["consideration"] == {"amount": "1.00", "currency": "EUR"}
        assert (lot["source"], lot["refundable"], lot["expires_at"]) == ("card_payment", True, None)
        # The key; the wallet, its lots, its balance.
        assert len(queries) == 4

    def test_of_nobody_is_unknown(self):
        answer = call(an_api_client(), "GET", f"/players/{new_id()}/wallet")
        assert (answer.status_code, answer.json()["code"]) == (404, "player_unknown")


class TestStatement:
    @pytest.mark.use_case("INT-06")
    def test_goes_back_page_by_page_in_words(self):
        client, player = an_api_client(), a_player(with_units="100")
        for purpose in ("one", "two", "three"):
            hold = a_hold(client, player.id, "10.00", purpose=purpose).json()
            call(client, "POST", f"/holds/{hold['id']}/capture")
        lines, cursor = [], ""
        for _ in range(2):
            page = call(client, "GET", f"/players/{player.id}/statement?limit=2&cursor={cursor}").json()
            lines += page["items"]
            cursor = page["next_cursor"]
        assert cursor is None
        assert [line["description"] for line in lines[:3]] == ["Charge: three", "Charge: two", "Charge: one"]
        assert [line["amount"]["amount"] for line in lines] == ["-10.00", "-10.00", "-10.00", "100.00"]
        assert [line["balance_after"]["amount"] for line in lines] == ["70.00", "80.00", "90.00", "100.00"]
        assert set(lines[0]) >= {"at", "kind", "amount", "balance_after", "reference", "description"}
        assert lines[0]["reference"] == hold["id"]

    @pytest.mark.use_case("INT-06")
    def test_shows_only_what_is_asked_for(self):
        client, player = an_api_client(), a_player(with_units="100", at=NOW)
        hold = a_hold(client, player.id, "10.00").json()
        call(client, "POST", f"/holds/{hold['id']}/capture")
        for asked, amounts in (
            ("kind=charge", ["-10.00"]),
            ("kind=charge&kind=top_up", ["-10.00", "100.00"]),
            ("kind=recognition", []),
            ("direction=in", ["100.00"]),
            ("direction=out", ["-10.00"]),
            ("occurred_until=2026-03-15T12:00:00Z", []),
            ("occurred_until=2026-03-15T13:00:01%2B01:00", ["100.00"]),
            ("occurred_from=2026-03-15T12:00:01Z", ["-10.00"]),
            ("occurred_from=2026-03-15T23:59:00%2B23:59", ["-10.00", "100.00"]),
            ("occurred_from=9999-12-31T23:59:59-23:00", []),
            ("occurred_from=0001-01-01T00:00:00%2B23:00", ["-10.00", "100.00"]),
        ):
            page = call(client, "GET", f"/players/{player.id}/statement?{asked}").json()
            assert [line["amount"]["amount"] for line in page["items"]] == amounts, asked
            assert page["next_cursor"] is None
        documented = call(None, "GET", "/openapi.json").json()
        asks = documented["paths"]["/api/v1/players/{player_id}/statement"]["get"]["parameters"]
        assert {"kind", "direction", "occurred_from", "occurred_until"} <= {one["name"] for one in asks}

    def test_refuses_by_name(self):
        client, player = an_api_client(), a_player()
        for path, status, code in (
            (f"/players/{new_id()}/statement", 404, "player_unknown"),
            (f"/players/{player.id}/statement?cursor=abc", 422, "cursor_malformed"),
            (f"/players/{player.id}/statement?limit=0", 422, "request_malformed"),
            (f"/players/{player.id}/statement?direction=up", 422, "request_malformed"),
            (f"/players/{player.id}/statement?kind=%00", 422, "request_malformed"),
            (f"/players/{player.id}/statement?occurred_from=2026-03-15", 422, "request_malformed"),
            (f"/players/{player.id}/statement?occurred_from=2026-03-15T12:00:00", 422, "request_malformed"),
        ):
            answer = call(client, "GET", path)
            assert (answer.status_code, answer.json()["code"]) == (status, code), path


@pytest.mark.use_case("CHG-01")
class TestHolds:
    def test_part_is_taken_and_the_rest_goes_free(self):
        client, player = an_api_client(), a_player(with_units="100")
        reserved = a_hold(client, player.id)
        assert reserved.status_code == 201
        hold = reserved.json()
        assert hold == {
            "id": hold["id"],
            "player": str(player.id),
            "amount": units("40.00"),
            "captured": units("0.00"),
            "state": "open",
            "purpose": "match 7",
            "expires_at": hold["expires_at"],
            "journal_entry": None,
        }
        path = f"/holds/{hold['id']}/capture"
        first = call(client, "POST", path, {"amount": units("15.00")}, key="take")
        again = call(client, "POST", path, {"amount": units("15.00")}, key="take")
        assert (first.status_code, first.json()) == (200, again.json())
        assert again["Idempotent-Replayed"] == "true"
        assert (first.json()["state"], first.json()["captured"]) == ("captured", units("15.00"))
        wallet = call(client, "GET", f"/players/{player.id}/wallet").json()
        assert (wallet["posted"], wallet["held"]) == (units("85.00"), units("0.00"))
        closed = call(client, "POST", path)
        assert (closed.status_code, closed.json()["code"]) == (409, "hold_closed")
        assert call(client, "GET", f"/holds/{hold['id']}").json()["state"] == "captured"
        assert_books_prove()

    def test_all_is_taken_or_let_go(self):
        client, player = an_api_client(), a_player(with_units="100")
        taken, freed = a_hold(client, player.id).json(), a_hold(client, player.id).json()
        assert call(client, "POST", f"/holds/{taken['id']}/capture", {}).json()["captured"] == units("40.00")
        voided = call(client, "POST", f"/holds/{freed['id']}/void")
        assert (voided.status_code, voided.json()["state"]) == (200, "voided")
        wallet = call(client, "GET", f"/players/{player.id}/wallet").json()
        assert (wallet["posted"], wallet["held"]) == (units("60.00"), units("0.00"))

    def test_refuses_by_name(self):
        client, player = an_api_client(), a_player(with_units="100")
        frozen = a_player(with_units="100")
        WalletRow.objects.filter(player_id=frozen.id).update(state="frozen")
        hold, free = a_hold(client, player.id).json()["id"], f"/holds/{new_id()}"
        for answer, status, code in (
            (a_hold(client, player.id, "60.01"), 402, "insufficient_funds"),
            (a_hold(client, player.id, "0.00"), 422, "amount_not_positive"),
            (a_hold(client, player.id, "-1.00"), 422, "amount_not_positive"),
            (a_hold(client, player.id, "1.005"), 422, "amount_too_precise"),
            (a_hold(client, player.id, "1,00"), 422, "amount_malformed"),
            (a_hold(client, player.id, "9999999999999999"), 402, "insufficient_funds"),
            (a_hold(client, new_id()), 404, "player_unknown"),
            (a_hold(client, frozen.id), 403, "wallet_frozen"),
            (a_hold(client, player.id, expires_in_s=0), 422, "request_malformed"),
            (
                a_hold(client, player.id, amount={"amount": "1.00", "currency": "EUR"}),
                422,
                "request_malformed",
            ),
            (
                call(client, "POST", f"/holds/{hold}/capture", {"amount": units("40.01")}),
                422,
                "capture_exceeds_hold",
            ),
            (
                call(client, "POST", f"/holds/{hold}/capture", {"amount": units("0.00")}),
                422,
                "capture_exceeds_hold",
            ),
            (call(client, "POST", f"{free}/capture"), 404, "hold_unknown"),
            (call(client, "POST", f"{free}/void"), 404, "hold_unknown"),
            (call(client, "GET", free), 404, "hold_unknown"),
        ):
            assert (answer.status_code, answer.json()["code"]) == (status, code)
