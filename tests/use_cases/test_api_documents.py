"""Receipts, invoices and credit notes over the HTTP API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders.api import an_api_client, call
from tests.builders.documents import a_paid_payment, a_provider, buy_a_month, documents_of, issue
from tests.builders.people import a_player
from warchest.kernel.ids import new_id
from warchest.members.contract import Scope

pytestmark = pytest.mark.usefixtures("database", "provider")


@pytest.fixture
def provider() -> Iterator[None]:
    with a_provider():
        yield


@pytest.mark.use_case("PAY-14")
class TestDocumentsOverTheApi:
    def test_are_those_of_a_payment(self) -> None:
        player = a_player().id
        payment = a_paid_payment(player)
        key = an_api_client(Scope.PAYMENTS_READ)
        assert call(key, "GET", f"/payments/{payment.id}/documents").json()["items"] == []
        issue()
        (receipt,) = call(key, "GET", f"/payments/{payment.id}/documents").json()["items"]
        assert receipt["kind"] == "receipt" and receipt["number"] == "R-2026-000001"
        assert receipt["gross"] == {"amount": "20.00", "currency": "EUR"}
        assert receipt["journal_entry"] == str(payment.journal_entry)
        pdf = call(key, "GET", receipt["pdf"].removeprefix("/api/v1"))
        assert pdf["Content-Type"] == "application/pdf" and pdf.content.startswith(b"%PDF-")

    def test_are_those_of_a_player_in_pages(self) -> None:
        player = a_player().id
        a_paid_payment(player)
        buy_a_month(player)
        issue()
        key = an_api_client(Scope.PAYMENTS_READ)
        first = call(key, "GET", f"/players/{player}/documents?limit=1").json()
        assert [one["number"] for one in first["items"]] == ["I-2026-000001"]
        assert first["items"][0]["lines"] == [
            {
                "country": "DE",
                "rate_bps": 1900,
                "net": {"amount": "4.20", "currency": "EUR"},
                "tax": {"amount": "0.80", "currency": "EUR"},
            }
        ]
        second = call(key, "GET", f"/players/{player}/documents?limit=1&cursor={first['next_cursor']}").json()
        assert [one["number"] for one in second["items"]] == ["R-2026-000001"]
        assert second["next_cursor"] is None

    def test_are_refused_by_name(self) -> None:
        key = an_api_client(Scope.PAYMENTS_READ)
        for path, status, code in (
            (f"/documents/{new_id()}", 404, "document_unknown"),
            (f"/documents/{new_id()}/pdf", 404, "document_unknown"),
            ("/documents/none", 404, "document_unknown"),
            (f"/payments/{new_id()}/documents", 404, "payment_unknown"),
            (f"/players/{a_player().id}/documents?cursor=x", 422, "cursor_malformed"),
        ):
            answer = call(key, "GET", path)
            assert (answer.status_code, answer.json()["code"]) == (status, code), path

    def test_need_a_right(self) -> None:
        player = a_player().id
        a_paid_payment(player)
        issue()
        (receipt,) = documents_of(player)
        answer = call(an_api_client(Scope.WALLET_READ), "GET", f"/documents/{receipt.id}")
        assert answer.status_code == 403
