"""Receipts, tax invoices and credit notes: who gets which, what stands in it, and that no number is missing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.documents import (
    a_paid_payment,
    a_provider,
    buy_a_month,
    documents,
    documents_of,
    issue,
)
from tests.builders.people import NOW, a_command, a_player
from tests.builders.tampering import with_all_rights
from tests.builders.watched import database_of
from warchest.accounting.contract import Accounting, DocumentKind, EvidenceKind, TaxLine
from warchest.jobs.documents import issue_late_documents
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, credit, debit
from warchest.runtime import invariants
from warchest.runtime.journey import journey
from warchest.runtime.postgres import EmbeddedPostgres
from warchest.runtime.secrets import home
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction

pytestmark = pytest.mark.usefixtures("database", "provider")


@pytest.fixture
def provider() -> Iterator[None]:
    with a_provider():
        yield


def eur(amount: str) -> Money:
    return Money.parse(amount, "EUR")


@pytest.mark.use_case("PAY-14")
class TestDocuments:
    def test_are_a_receipt_for_money_and_an_invoice_for_what_it_buys(self) -> None:
        player = a_player(nickname="ann").id
        payment = a_paid_payment(player)
        entry = buy_a_month(player)
        assert issue() == 2
        receipt, invoice = documents_of(player)

        assert (receipt.kind, receipt.number) == (DocumentKind.RECEIPT, "R-2026-000001")
        assert (receipt.net, receipt.tax, receipt.gross) == (eur("20.00"), eur("0"), eur("20.00"))
        assert receipt.payment == payment.id
        assert receipt.entry_id == payment.journal_entry
        assert (receipt.units.major, receipt.units_per_major) == ("2000.00", payment.units_per_major)
        assert receipt.lines == (TaxLine(country="", rate_bps=None, net=eur("20.00"), tax=eur("0")),)

        assert (invoice.kind, invoice.number) == (DocumentKind.TAX_INVOICE, "I-2026-000001")
        assert invoice.entry_id == entry
        assert invoice.lines == (TaxLine(country="DE", rate_bps=1900, net=eur("4.20"), tax=eur("0.80")),)
        assert (invoice.gross, invoice.units.major) == (eur("5.00"), "500.00")
        assert (invoice.place, invoice.agreeing) == ("DE", (EvidenceKind.ACCOUNT, EvidenceKind.PAYMENT))
        assert_books_prove()

    def test_come_once_however_often_the_worker_looks(self) -> None:
        player = a_player().id
        a_paid_payment(player)
        assert [issue(), issue(), issue()] == [1, 0, 0]

    def test_say_what_was_bought_in_the_players_language(self) -> None:
        player = a_player(language="de").id
        a_paid_payment(player)
        buy_a_month(player, periods=2)
        issue()
        receipt, invoice = documents_of(player)
        assert (receipt.language, invoice.language) == ("de", "de")
        assert receipt.item.startswith("Aufladung: 2.000")
        assert invoice.item == "Arena, arena-month, 2 Perioden"

    def test_are_one_for_each_currency_that_was_spent(self) -> None:
        player = a_player(country="FR", with_units="300").id
        a_paid_payment(player, "5.00", "USD")
        buy_a_month(player)
        issue()
        invoices = [one for one in documents_of(player) if one.kind is DocumentKind.TAX_INVOICE]
        assert [str(one.gross) for one in invoices] == ["3.00 EUR", "2.17 USD"]
        assert {line.rate_bps for one in invoices for line in one.lines} == {2000}
        assert_books_prove()

    def test_are_written_for_what_a_game_charges_too(self) -> None:
        player = a_player(with_units="100").id
        hold = reserve_units(
            a_command(), player=player, amount=Money.units(5000), purpose="loot", expires_in_s=60
        ).answer
        capture_hold(a_command(), hold_id=hold.id, amount=None)
        issue()
        assert documents_of(player)[-1].item == "In the game: loot"
        assert_books_prove()

    def test_are_not_written_where_nothing_was_paid(self) -> None:
        from tests.builders.lots import a_promotion

        player = a_player().id
        a_promotion(player, "500")
        buy_a_month(player)
        assert issue() == 0
        assert_books_prove()

    def test_number_anew_in_the_year_that_begins(self) -> None:
        player = a_player().id
        a_paid_payment(player)
        issue()
        a_paid_payment(player)
        issue(after=timedelta(days=300))
        assert [one.number for one in documents_of(player)] == ["R-2026-000001", "R-2027-000001"]
        assert_books_prove()

    def test_never_change(self) -> None:
        a_paid_payment(a_player().id)
        issue()
        with services.database("accounting").cursor() as cursor:
            for statement in (
                "UPDATE accounting_document SET item = 'x'",
                "DELETE FROM accounting_document",
                "UPDATE accounting_documentseries SET last = 7",
                "INSERT INTO accounting_documentseries (id, entity, series, year, last) VALUES ('x','x','X',1,1)",
            ):
                with pytest.raises(Exception, match=r"append-only|permission denied"):
                    cursor.execute(statement)


@pytest.mark.use_case("PAY-14")
class TestNumbers:
    @pytest.mark.in_process("it rolls the transactions of its own threads back")
    def test_have_no_gap_when_sixteen_issue_at_once_and_half_of_them_fail(self) -> None:
        """Sixteen connections, each in and out of transactions that are rolled back half of the time."""
        from warchest.accounting.contract import DocumentDraft
        from warchest.runtime.transactions import technical_transaction

        player = a_player().id
        for _ in range(16):
            a_paid_payment(player, "1.00")
        from warchest.jobs.books import fold_journal

        fold_journal()
        due = [one for one in documents().documents_due(limit=500).due if one.player == player]
        assert len(due) == 16

        class Changed(Exception):
            pass

        def work(number: int) -> None:
            lots = random.Random(number)
            draft = DocumentDraft(
                due=due[number], player=player, payment=None, corrects=(), language="en", item="x",
                country="DE", units_per_major="", evidence=(), sealed_buyer=None,
            )  # fmt: skip
            try:
                for failing in (True, lots.random() < 0.5, True, False):
                    try:
                        with technical_transaction("accounting"):
                            documents().issue_documents(drafts=[draft], at=NOW)
                            if failing:
                                raise Changed
                        return
                    except Changed:
                        continue
            finally:
                connections.close_all()

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(work, range(16)))
        assert sorted(one.running for one in documents_of(player)) == list(range(1, 17))

    def test_follow_the_books_when_many_workers_issue_while_many_sell(self) -> None:
        players = [a_player(with_units="3000").id for _ in range(4)]

        def sell(number: int) -> None:
            try:
                for _ in range(3):
                    buy_a_month(players[number % 4])
            finally:
                connections.close_all()

        def work(number: int) -> None:
            try:
                for _ in range(6):
                    issue()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda job: job[0](job[1]), [(f, n) for n in range(8) for f in (sell, work)]))
        issue()
        every = [one for player in players for one in documents_of(player)]
        invoices = sorted((one for one in every if one.series == "I"), key=lambda one: one.running)
        assert [one.running for one in invoices] == list(range(1, 25))
        assert_books_prove()


@pytest.mark.use_case("PAY-14")
class TestWhatCannotBeWritten:
    def an_odd_sale(self, player: UUID) -> UUID:
        """A tax that no rate makes."""
        return _post_odd_sale(a_command(), player=player).answer

    def test_is_set_aside_told_of_and_made_up_for(self) -> None:
        player = a_player(with_units="501").id
        odd = self.an_odd_sale(player)
        buy_a_month(player)
        issue()
        assert [one.series for one in documents_of(player)] == ["R", "I"]
        (waiting,) = documents().undocumented()
        assert (waiting.entry_id, waiting.tries) == (odd, 1)
        assert "tax_rate_unexplained" in waiting.problem
        assert any(str(odd) in place and "set aside" in place for place in _places("documents_equal_books"))

        assert issue_late_documents(at=NOW) == 0
        assert documents().undocumented()[0].tries == 2
        services.get(Accounting).set_tax_rates(rates_bps={"DE": 700}, valid_from=NOW - timedelta(days=1))
        # Money that moved outside of any lot is not what this is about.
        assert issue_late_documents(at=NOW) == 1
        assert documents().undocumented() == ()
        late = documents_of(player)[-1]
        assert (late.entry_id, late.running, late.lines[0].rate_bps) == (odd, 2, 700)
        assert _places("documents_equal_books") == _places("document_numbers_without_gaps") == []


@pytest.mark.use_case("PAY-14")
class TestProof:
    @pytest.mark.parametrize(
        ("statement", "invariant", "place"),
        [
            (
                "DELETE FROM accounting_document WHERE series = 'R'",
                "document_numbers_without_gaps",
                "series main/R/2026 gave out 2 numbers, and has 0 documents",
            ),
            (
                "DELETE FROM accounting_document WHERE running = 1 AND series = 'R'",
                "document_numbers_without_gaps",
                "has 1 documents from 2 to 2",
            ),
            (
                "DELETE FROM accounting_document WHERE series = 'I'",
                "documents_equal_books",
                "asks for a tax_invoice",
            ),
            (
                "UPDATE accounting_document SET tax_minor = tax_minor + 1, net_minor = net_minor - 1 WHERE series = 'I'",
                "documents_equal_books",
                "its totals 419 and 81",
            ),
            (
                "UPDATE accounting_document SET entry_id = gen_random_uuid() WHERE series = 'I'",
                "documents_equal_books",
                "there is no entry",
            ),
        ],
    )
    def test_finds_what_was_tampered_with(self, statement: str, invariant: str, place: str) -> None:
        player = a_player(with_units="500").id
        a_paid_payment(player)
        buy_a_month(player)
        issue()
        assert _places(invariant) == []
        with_all_rights(
            EmbeddedPostgres(home()).superuser_dsn(database=database_of("accounting")),
            "SET session_replication_role = replica",
            statement,
        )
        assert any(place in found for found in _places(invariant)), _places(invariant)


def _places(name: str) -> list[str]:
    (found,) = [one for one in invariants.kept() if one.name == name]
    return list(found.violations())


@journey("tests.odd_sale")
def _post_odd_sale(tx: Transaction, *, player: UUID) -> UUID:
    entry = EntryDraft(
        id=new_id(),
        key=f"odd:{new_id()}",
        kind="charge",
        occurred_at=tx.command.at,
        legs=(
            debit("wallet_funding", eur("1.07")),
            credit("revenue", eur("1.00")),
            credit("tax_payable", eur("0.07"), owner="DE"),
            debit("wallet_units", Money.units(100), owner=player),
            credit("units_issued", Money.units(100)),
        ),
        details={"purpose": "odd"},
    )
    return tx.get(Ledger).post(entry=entry).entry_id
