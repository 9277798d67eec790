"""Money or units that went back: a credit note says of what, and names every document that it corrects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.documents import (
    a_paid_payment,
    a_provider,
    buy_a_month,
    documents_of,
    issue,
)
from tests.builders.people import NOW, a_command, a_player
from warchest.accounting.contract import Document, DocumentKind, TaxLine
from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.refund_payment import ask_refund, settle_refund
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger
from warchest.payments.contract import Payment
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.sdk.payments import DisputeReport, DisputeStanding, Report, Standing

pytestmark = [pytest.mark.usefixtures("database", "provider"), pytest.mark.use_case("PAY-14")]


@pytest.fixture
def provider() -> Iterator[None]:
    with a_provider():
        yield


def eur(amount: str) -> Money:
    return Money.parse(amount, "EUR")


def give_back(payment: Payment, amount: str | None = None) -> None:
    """The provider has confirmed a refund."""
    wanted = eur(amount) if amount else None
    asked = ask_refund(a_command(), payment_id=payment.id, amount=wanted, reason="asked").answer
    report = Report(Standing.SUCCEEDED, provider_reference=f"back-{asked.id}", amount=asked.amount)
    settle_refund(a_command(), refund_id=asked.id, report=report)


def notes_of(player: UUID) -> list[Document]:
    return [one for one in documents_of(player) if one.kind is DocumentKind.CREDIT_NOTE]


class TestCreditNote:
    def test_corrects_the_receipt_where_nothing_was_used(self) -> None:
        ann = a_player().id
        payment = a_paid_payment(ann)
        issue()
        give_back(payment, "15.00")
        assert issue() == 1
        (note,) = notes_of(ann)
        (receipt, *_) = documents_of(ann)
        assert note.number == "C-2026-000001"
        assert note.corrects == (receipt.id,)
        assert note.payment == payment.id
        assert note.lines == (TaxLine(country="", rate_bps=None, net=eur("15.00"), tax=eur("0")),)
        assert note.item.startswith("Returned: Top-up: 2,000")
        assert_books_prove()

    def test_gives_the_tax_back_of_what_is_not_served(self) -> None:
        ann = a_player().id
        payment = a_paid_payment(ann, "5.00")
        buy_a_month(ann)
        issue()
        give_back(payment)
        issue()
        (note,) = notes_of(ann)
        receipt, invoice, _ = documents_of(ann)
        assert note.lines == (TaxLine(country="DE", rate_bps=1900, net=eur("4.20"), tax=eur("0.80")),)
        assert set(note.corrects) == {receipt.id, invoice.id} or note.corrects == (invoice.id,)
        assert note.gross == eur("5.00")
        assert_books_prove()

    def test_has_a_part_for_what_was_taxed_and_one_for_what_was_not(self) -> None:
        ann = a_player().id
        payment = a_paid_payment(ann, "20.00")
        buy_a_month(ann)
        issue()
        give_back(payment)
        issue()
        (note,) = notes_of(ann)
        receipt, invoice, _ = documents_of(ann)
        assert [(line.country, line.net + line.tax) for line in note.lines] == [
            ("DE", eur("5.00")),
            ("", eur("15.00")),
        ]
        assert set(note.corrects) == {receipt.id, invoice.id}
        assert note.gross == eur("20.00")
        assert_books_prove()

    def test_is_written_for_each_of_several_refunds_and_all_make_the_whole(self) -> None:
        ann = a_player().id
        payment = a_paid_payment(ann, "10.01")
        buy_a_month(ann)
        for amount in ("3.33", "3.33", "3.35"):
            give_back(payment, amount)
        issue()
        notes = notes_of(ann)
        assert [note.number for note in notes] == [f"C-2026-00000{n}" for n in (1, 2, 3)]
        assert sum((note.gross for note in notes), eur("0")) == eur("10.01")
        (invoice,) = [one for one in documents_of(ann) if one.kind is DocumentKind.TAX_INVOICE]
        assert sum((note.tax for note in notes), eur("0")) == invoice.tax
        assert_books_prove()

    def test_leaves_out_what_was_used(self) -> None:
        """Of a service that was rendered the tax stays due; what the payer owes for it is no correction."""
        from tests.builders.lots import spend

        ann = a_player().id
        payment = a_paid_payment(ann, "10.00")
        spend(ann, "400.00")
        give_back(payment)
        issue()
        (note,) = notes_of(ann)
        assert note.gross == eur("6.00")
        assert_books_prove()

    def test_comes_of_a_lost_dispute_too(self) -> None:
        ann = a_player().id
        payment = a_paid_payment(ann, "20.00")
        for standing in (DisputeStanding.OPENED, DisputeStanding.LOST):
            hear_dispute(
                a_command(),
                payment_id=payment.id,
                provider="sandbox",
                report=DisputeReport(id="d1", standing=standing, amount=eur("20.00")),
            )
        issue()
        (note,) = notes_of(ann)
        assert (note.gross, note.corrects) == (eur("20.00"), (documents_of(ann)[0].id,))
        assert_books_prove()

    def test_mirrors_the_invoice_where_a_sale_is_undone_in_the_books(self) -> None:
        ann = a_player(with_units="500").id
        sold = buy_a_month(ann)
        issue()
        _undo(a_command(at=NOW + timedelta(hours=1)), entry_id=sold)
        issue()
        (note,) = notes_of(ann)
        (invoice,) = [one for one in documents_of(ann) if one.kind is DocumentKind.TAX_INVOICE]
        assert (note.corrects, note.lines, note.units) == ((invoice.id,), invoice.lines, invoice.units)


@journey("tests.undo")
def _undo(tx: Transaction, *, entry_id: UUID) -> UUID:
    undone = new_id()
    tx.get(Ledger).reverse(
        entry_id=entry_id, key=f"undo:{undone}", reversal_id=undone, occurred_at=tx.command.at
    )
    return undone
