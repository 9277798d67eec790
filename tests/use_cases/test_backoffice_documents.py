"""Support finds a document by its number, sees what it says, and sends it once more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders.backoffice import BackOffice
from tests.builders.documents import a_paid_payment, a_provider, buy_a_month, documents_of, issue
from tests.builders.people import a_player
from warchest.accounting.contract import Document
from warchest.audit.contract import Audit, OperationFilter
from warchest.delivery.contract import Delivery, MailKind
from warchest.members.contract import Role
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("office")


@pytest.fixture
def invoice(office: BackOffice) -> Iterator[Document]:
    with a_provider():
        player = a_player().id
        a_paid_payment(player)
        buy_a_month(player)
        issue()
        yield documents_of(player)[-1]


@pytest.mark.use_case("PAY-19")
class TestSendingAgain:
    def test_begins_with_the_number_in_the_one_box(self, office: BackOffice, invoice: Document) -> None:
        support = office.signed_in(Role.SUPPORT)
        found = support.client.get("/find", params={"q": invoice.number.lower()}, follow_redirects=True)
        assert found.url.path == f"/document/{invoice.id}"
        page = support.page(f"/document/{invoice.id}").get_text(" ", strip=True).replace("\u00a0", " ")
        assert "4.20 EUR" in page and "19" in page and invoice.number in page
        assert support.get(f"/document/{invoice.id}/pdf").content.startswith(b"%PDF-")

    def test_is_a_mail_more_and_a_line_in_the_record(self, office: BackOffice, invoice: Document) -> None:
        support = office.signed_in(Role.SUPPORT)
        place = f"/document/{invoice.id}"
        answer = support.submit(place, action=f"{place}/send").text
        assert f"{invoice.number} goes to the player" in answer
        (mail,) = services.get(Delivery).mails(player=invoice.player)
        assert mail.kind is MailKind.DOCUMENT
        asked = OperationFilter(name="documents.send_again", actor_id=str(support.administrator.id))
        (line,) = services.get(Audit).operations(where=asked).items
        assert (line.subject_id, line.details["number"]) == (str(invoice.id), invoice.number)

    def test_is_refused_to_who_has_nothing_to_do_with_it(self, office: BackOffice, invoice: Document) -> None:
        operator = office.signed_in(Role.OPERATOR)
        assert operator.get(f"/document/{invoice.id}").status_code == 403
        assert operator.get(f"/document/{invoice.id}/pdf").status_code == 403
        operator.post(f"/document/{invoice.id}/send", referer="/journal")
        assert services.get(Delivery).mails(player=invoice.player) == ()

    def test_lists_them_with_entries_that_wait(self, office: BackOffice, invoice: Document) -> None:
        accountant = office.signed_in(Role.ACCOUNTANT)
        listed = accountant.page("/accounting/document/", q=invoice.number)
        assert invoice.number in listed.get_text()
        assert accountant.get("/accounting/undocumentedentry/").status_code == 200
        assert office.signed_in(Role.OPERATOR).get("/accounting/document/").status_code == 403
