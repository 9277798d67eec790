"""A player finds receipts and invoices in the portal, and says who they are written to."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.documents import (
    a_paid_payment,
    a_provider,
    buy_a_month,
    documents_of,
    issue,
)
from tests.builders.people import NOW, a_command, a_player
from tests.builders.portal import a_browser, hidden, says
from warchest.accounting.contract import EvidenceKind
from warchest.jobs.documents import check_vat_numbers
from warchest.journeys.keep_invoice_details import keep_invoice_details
from warchest.members.contract import Members, VatCheck
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database", "provider")


@pytest.fixture
def provider() -> Iterator[None]:
    with a_provider():
        yield


def members() -> Members:
    return services.get(Members)


def as_business(player: Any, *, vat_number: str = "DE136695976") -> None:
    keep_invoice_details(
        a_command(),
        player=player,
        name="Ann Ahrens e.K.",
        address=("Lange Gasse 3", "86150 Augsburg"),
        country="DE",
        vat_number=vat_number,
    )


@pytest.mark.use_case("PAY-14")
@pytest.mark.use_case("CHG-21")
class TestOwnDocuments:
    def test_are_listed_and_shown(self) -> None:
        ann = a_player(nickname="ann")
        a_paid_payment(ann.id)
        buy_a_month(ann.id)
        issue()
        browser = a_browser(ann)
        page = browser.get("/documents")
        assert says(page, "R-2026-000001", "I-2026-000001", "Arena, arena-month, 1 period", "your nickname")
        invoice = documents_of(ann.id)[-1]
        page = browser.get(f"/documents/{invoice.id}")
        assert says(page, "Invoice", "4.20 EUR", "Tax, 19 % (DE)", "0.80 EUR", "5.00 EUR", "500 credits")

    def test_are_a_tap_away_from_the_line_of_the_statement(self) -> None:
        ann = a_player()
        a_paid_payment(ann.id)
        buy_a_month(ann.id)
        issue()
        receipt, invoice = documents_of(ann.id)
        page = a_browser(ann).get("/statement")
        assert says(page, f'<a href="/documents/{receipt.id}">Receipt R-2026-000001</a>')
        assert says(page, f'<a href="/documents/{invoice.id}">Invoice I-2026-000001</a>')

    def test_are_a_tap_away_from_the_payment(self) -> None:
        ann = a_player()
        payment = a_paid_payment(ann.id)
        issue()
        (receipt,) = documents_of(ann.id)
        assert says(a_browser(ann).get(f"/payments/{payment.id}"), f'href="/documents/{receipt.id}"')

    def test_come_as_pdf(self) -> None:
        ann = a_player()
        a_paid_payment(ann.id)
        issue()
        (receipt,) = documents_of(ann.id)
        answer = a_browser(ann).get(f"/documents/{receipt.id}/pdf")
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == 'attachment; filename="R-2026-000001.pdf"'
        assert answer["Cache-Control"] == "private, no-store"
        assert answer.content.startswith(b"%PDF-")

    @pytest.mark.parametrize("path", ["", "/pdf"])
    def test_are_nobody_elses(self, path: str) -> None:
        ann, bob = a_player(), a_player()
        a_paid_payment(ann.id)
        issue()
        (receipt,) = documents_of(ann.id)
        assert a_browser(bob).get(f"/documents/{receipt.id}{path}").status_code == 404
        assert a_browser().get(f"/documents/{receipt.id}{path}").status_code == 302
        assert not says(a_browser(bob).get("/documents"), "R-2026-000001")

    def test_fill_pages(self) -> None:
        ann = a_player()
        for _ in range(32):
            a_paid_payment(ann.id, "1.00")
        issue()
        browser = a_browser(ann)
        first = browser.get("/documents").content.decode()
        assert "R-2026-000032" in first and "R-2026-000002" not in first
        following = re.search(r'href="(/documents\?before=[^"]+)" rel="next"', first)
        assert following
        assert says(browser.get(following[1]), "R-2026-000002", "R-2026-000001")


@pytest.mark.use_case("PAY-28")
class TestBusinessInvoice:
    def test_bears_the_business_and_its_checked_number(self) -> None:
        ann = a_player(nickname="ann", with_units="500")
        browser = a_browser(ann)
        form = browser.get("/invoice-details")
        answer = browser.post(
            "/invoice-details",
            {
                "key": hidden(form, "key"),
                "name": "Ann Ahrens e.K.",
                "address": "Lange Gasse 3\r\n86150 Augsburg",
                "country": "DE",
                "vat_number": "de 136 695 976",
            },
            follow=True,
        )
        assert says(answer, "Kept.", "Ann Ahrens e.K.", "DE136695976")
        buy_a_month(ann.id)
        issue()
        invoice = documents_of(ann.id)[-1]
        assert invoice.sealed_buyer
        buyer = members().unseal_buyer(player_id=ann.id, sealed=invoice.sealed_buyer)
        assert buyer and buyer.details
        assert (buyer.details.name, buyer.details.vat_number) == ("Ann Ahrens e.K.", "DE136695976")
        assert buyer.details.vat_check is VatCheck.UNCHECKED
        assert EvidenceKind.VAT_NUMBER in invoice.agreeing
        assert says(browser.get("/invoice-details"), "Whether it is registered was not asked yet.")

    @pytest.mark.parametrize(
        ("fields", "text"),
        [
            ({"vat_number": "DE136695977"}, "A digit of this VAT number is wrong."),
            ({"vat_number": "DE12"}, "looks different"),
            ({"vat_number": "US123456789"}, "two letters of its country"),
            ({"vat_number": "FR40303265045"}, "another country than the address"),
            ({"vat_number": "DE136695976", "address": ""}, "needs its address"),
            ({"name": "", "vat_number": "DE136695976"}, "Give a name"),
            ({"address": "a\nb\nc\nd\ne\nf"}, "at most 5 lines"),
        ],
    )
    def test_is_refused_where_something_is_wrong(self, fields: dict[str, str], text: str) -> None:
        ann = a_player()
        browser = a_browser(ann)
        said = {"name": "Ann", "address": "Lange Gasse 3", "country": "DE", "vat_number": "", **fields}
        form = browser.get("/invoice-details")
        answer = browser.post("/invoice-details", {"key": hidden(form, "key"), **said})
        assert answer.status_code == 422
        assert says(answer, text)
        assert members().invoice_details(player_id=ann.id) is None

    def test_of_the_day_stays_what_it_was(self) -> None:
        ann = a_player(with_units="1000").id
        as_business(ann)
        buy_a_month(ann)
        issue()
        keep_invoice_details(a_command(), player=ann, name="", address=(), country="DE", vat_number="")
        buy_a_month(ann)
        issue()
        before, after = [
            members().unseal_buyer(player_id=ann, sealed=one.sealed_buyer or b"")
            for one in documents_of(ann)
            if one.series == "I"
        ]
        assert before and before.details and after
        assert (before.details.name, after.details) == ("Ann Ahrens e.K.", None)

    def test_keeps_names_out_of_every_table_that_outlives_the_account(self) -> None:
        ann = a_player(nickname="annalena", with_units="500").id
        as_business(ann)
        buy_a_month(ann)
        issue()
        for table in (
            "accounting_document",
            "ledger_journalentry",
            "runtime_operation",
            "runtime_outboxevent",
            "members_invoicedetails",
        ):
            with services.database(table.partition("_")[0]).cursor() as cursor:
                cursor.execute("SELECT to_regclass(%s)", [table])
                assert cursor.fetchone()[0], table
                cursor.execute(f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} AS t")
                kept = cursor.fetchone()[0]
            for text in ("annalena", "Ahrens", "Augsburg", "136695976", b"Ahrens".hex(), b"annalena".hex()):
                assert text not in kept, (table, text)
        with services.database("runtime").cursor() as cursor:
            # Registering answers the nickname, and a key's answer is kept for thirty days.
            cursor.execute("SELECT string_agg(k::text, '') FROM runtime_idempotencykey AS k")
            kept = cursor.fetchone()[0]
        assert not any(text in kept for text in ("Ahrens", "Augsburg", "136695976", b"Ahrens".hex()))

    def test_forgets_who_bought_when_the_person_is_erased_and_nothing_else(self) -> None:
        ann = a_player(with_units="500").id
        as_business(ann)
        buy_a_month(ann)
        issue()
        (*_, invoice) = documents_of(ann)
        members().destroy_person_key(player_id=ann)
        assert members().unseal_buyer(player_id=ann, sealed=invoice.sealed_buyer or b"") is None
        assert members().invoice_details(player_id=ann) is None
        assert documents_of(ann)[-1] == invoice
        a_paid_payment(ann)
        issue()
        assert documents_of(ann)[-1].sealed_buyer is None
        assert_books_prove()


class Vies:
    """The Commission's look-up, as its REST interface answers; scriptable."""

    def __init__(self) -> None:
        self.answer: tuple[int, Any] = (
            200,
            {"isValid": True, "userError": "VALID", "requestIdentifier": "W1"},
        )
        self.asked: list[str] = []
        vies = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                vies.asked.append(self.path)
                status, body = vies.answer
                content = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@contextmanager
def a_vies() -> Iterator[Vies]:
    vies = Vies()
    url = f"http://127.0.0.1:{vies.server.server_address[1]}/rest-api"
    try:
        with changed_configuration(documents={"vies": url}):
            yield vies
    finally:
        vies.server.shutdown()
        vies.server.server_close()


@pytest.mark.use_case("PAY-28")
class TestVies:
    def check(self, player: Any) -> VatCheck:
        details = members().invoice_details(player_id=player)
        assert details
        return details.vat_check

    def test_is_asked_once_where_the_operator_wants_it(self) -> None:
        ann = a_player().id
        with a_vies() as vies:
            as_business(ann)
            as_business(ann)
        assert vies.asked == ["/rest-api/ms/DE/vat/136695976"]
        assert self.check(ann) is VatCheck.REGISTERED

    def test_says_no(self) -> None:
        ann = a_player().id
        with a_vies() as vies:
            vies.answer = (200, {"isValid": False, "userError": "INVALID"})
            as_business(ann)
        assert self.check(ann) is VatCheck.NOT_REGISTERED

    @pytest.mark.parametrize(
        "answer",
        [
            (200, {"isValid": False, "userError": "MS_UNAVAILABLE"}),
            (200, {"isValid": False, "userError": "MS_MAX_CONCURRENT_REQ"}),
            (200, {"isValid": False}),
            (200, ["valid"]),
            (200, b"<html>"),
            (500, {"isValid": False, "userError": "INVALID"}),
            (403, {}),
        ],
        ids=str,
    )
    def test_that_does_not_answer_leaves_a_number_unchecked_and_is_asked_again(self, answer: Any) -> None:
        ann = a_player().id
        with a_vies() as vies:
            vies.answer = answer
            as_business(ann)
            assert self.check(ann) is VatCheck.UNCHECKED
            vies.answer = (200, {"isValid": True, "userError": "VALID"})
            assert check_vat_numbers(at=NOW + timedelta(minutes=9)) == 0
            assert check_vat_numbers(at=NOW + timedelta(minutes=11)) == 1
            assert check_vat_numbers(at=NOW + timedelta(minutes=21)) == 0
        assert self.check(ann) is VatCheck.REGISTERED

    def test_unreachable_leaves_a_number_unchecked(self) -> None:
        ann = a_player().id
        with changed_configuration(documents={"vies": "http://127.0.0.1:9/rest-api"}):
            as_business(ann)
        assert self.check(ann) is VatCheck.UNCHECKED

    def test_is_asked_about_another_number_anew(self) -> None:
        ann = a_player().id
        with a_vies() as vies:
            as_business(ann)
            as_business(ann, vat_number="DE129273398")
        assert len(vies.asked) == 2
