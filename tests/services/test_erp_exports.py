"""The export queue: entries once, numbers without gaps, answers that count, and what happens when things go wrong."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from django.db import connections, transaction

from tests.builders.configuration import changed_configuration
from tests.builders.erp import (
    BEANCOUNT,
    GP,
    Gp,
    a_gp,
    a_recognition,
    a_top_up,
    assert_exports_prove,
    book_entry,
    by_operator,
    collect,
    map_account,
    settle_books,
    the_job,
    treat,
)
from tests.builders.people import NOW, a_player
from tests.builders.tampering import with_all_rights
from warchest.accounting.contract import (
    Accounting,
    AccountKey,
    ErpState,
    Series,
    Treatment,
    UnableToExport,
)
from warchest.journeys.begin_export import begin_export
from warchest.journeys.exchange_with_erp import exchange_with_erp
from warchest.journeys.make_erp_batch import make_erp_batch, take_entries
from warchest.journeys.map_erp_account import keep_erp_customer
from warchest.journeys.send_to_erp_again import confirm_erp_document, send_to_erp_again
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, credit, debit
from warchest.runtime import configuration as configuration_module
from warchest.runtime.services import services
from warchest.runtime.set_aside import SetAside
from warchest.sdk.erp import Method, Outcome

pytestmark = pytest.mark.usefixtures("database")
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def gp(tmp_path: Path) -> Iterator[Gp]:
    with a_gp(tmp_path) as one:
        yield one


@pytest.fixture
def mapped(gp: Gp) -> Gp:
    gp.map_all()
    return gp


def standing():
    return services.get(Accounting).export_standing(exporter=GP)


def minor(code: str, *amounts: str) -> int:
    return sum(Money.parse(amount, code).minor for amount in amounts)


class TestTaking:
    def test_each_entry_once_in_the_order_of_the_books(self, mapped: Gp) -> None:
        for _ in range(5):
            a_top_up()
        settle_books()
        assert take_entries(exporter=GP) == 5
        assert take_entries(exporter=GP) == 0
        a_top_up()
        settle_books()
        assert take_entries(exporter=GP) == 1
        assert (standing().waiting, standing().behind) == (6, 0)
        assert_exports_prove()

    @pytest.mark.in_process("holds a transaction of the ledger open")
    def test_an_entry_that_commits_late_is_not_stepped_over(self, mapped: Gp) -> None:
        """Its position is lower than that of one which is true already."""
        ledger = services.get(Ledger)
        a_top_up("0.50")
        settle_books()
        take_entries(exporter=GP)
        drawn, done = threading.Event(), threading.Event()

        def late() -> None:
            with transaction.atomic(using=services.alias("ledger")):
                a_top_up("1.00")
                drawn.set()
                assert done.wait(20)
            connections.close_all()

        slow = threading.Thread(target=late)
        slow.start()
        assert drawn.wait(20)
        a_top_up("2.00")
        for _ in range(5):
            ledger.fold()
        assert take_entries(exporter=GP) == 0
        done.set()
        slow.join()
        collect(at=TOMORROW)
        (document,) = mapped.documents()
        assert document.amount_minor == minor("EUR", "0.50", "1.00", "2.00")
        assert len(services.get(Accounting).entries_of_document(document_id=document.id)) == 3
        assert_exports_prove()

    def test_begins_behind_what_the_erp_has_already(self, tmp_path: Path) -> None:
        a_top_up("100.00")
        settle_books()
        there = services.get(Ledger).folding().position
        with a_gp(tmp_path) as gp:
            with pytest.raises(UnableToExport) as refusal:
                begin_export(by_operator(), exporter=GP, begins_after=there)
            assert refusal.value.reason == "export_begun"
            gp.map_all()
            collect(at=TOMORROW)
            assert [one.amount_minor for one in gp.documents()] == [minor("EUR", "100.00")]

    @pytest.mark.parametrize(
        ("wish", "reason"),
        [
            ({"exporter": "elsewhere"}, "exporter_unknown"),
            ({"begins_after": 10**9}, "export_position_unknown"),
            ({"begins_after": -1}, "export_position_unknown"),
            ({"first_journal_number": 0}, "erp_number_out_of_range"),
            ({"first_journal_number": 2**31}, "erp_number_out_of_range"),
        ],
    )
    def test_what_cannot_be_begun_is_not(self, gp: Gp, wish: dict[str, object], reason: str) -> None:
        with pytest.raises(UnableToExport) as refusal:
            begin_export(by_operator(), **({"exporter": GP} | wish))  # type: ignore[arg-type]
        assert refusal.value.reason == reason


class TestDocuments:
    def test_a_day_becomes_one_journal_when_it_is_over(self, mapped: Gp) -> None:
        a_top_up("20.00")
        a_top_up("1.10")
        a_recognition("5.00")
        assert collect(at=NOW) is None
        batch = collect(at=TOMORROW)
        assert batch and (batch.number, batch.entries, batch.documents) == (1, 3, 1)
        (document,) = mapped.documents()
        assert (document.series, document.number, document.treatment) == (
            Series.JOURNAL,
            9_000_001,
            Treatment.SUMMARY,
        )
        (attempt,) = services.get(Accounting).erp_attempts(document_id=document.id)
        assert attempt.text.count("<taGLTransactionLineInsert>") == 4
        assert "<DEBITAMT>21.10</DEBITAMT>" in attempt.text
        assert_exports_prove()

    def test_detail_is_sent_at_once_and_entry_by_entry(self, mapped: Gp) -> None:
        treat("provider_clearing", Treatment.DETAIL)
        first, second = a_top_up("20.00"), a_top_up("1.10")
        a_recognition("5.00")
        collect(at=NOW)
        assert [one.amount_minor for one in mapped.documents()] == [2000, 110]
        entries = [
            services.get(Accounting).entries_of_document(document_id=one.id) for one in mapped.documents()
        ]
        assert entries == [(first.id,), (second.id,)]
        collect(at=TOMORROW)
        assert [one.treatment for one in mapped.documents()] == ["detail", "detail", "summary"]
        assert_exports_prove()

    def test_an_entry_in_two_currencies_is_two_journals(self, mapped: Gp) -> None:
        map_account("exchange", "000-1190-00")
        euros, dollars = Money.parse("90.00", "EUR"), Money.parse("100.00", "USD")
        entry = book_entry(
            debit("exchange", euros, owner="EUR-USD"),
            credit("bank", euros),
            debit("bank", dollars),
            credit("exchange", dollars, owner="EUR-USD"),
            kind="exchange",
        )
        treat("bank", Treatment.DETAIL)
        collect()
        assert [(one.currency, one.amount_minor) for one in mapped.documents()] == [
            ("EUR", 9000),
            ("USD", 10000),
        ]
        pairs = services.get(Accounting).erp_documents_of_entries(entry_ids=[entry.id])
        assert [document for _, document in pairs] == [one.id for one in mapped.documents()]

    def test_units_stay_here_and_are_counted(self, mapped: Gp) -> None:
        a_player(with_units="1000")
        collect(at=TOMORROW)
        (document,) = mapped.documents()
        assert document.currency == "EUR"
        totals = services.get(Accounting).control_totals(batch_id=document.batch)
        units = {
            total.book: (total.debit_minor, total.credit_minor) for total in totals if total.currency == "XCR"
        }
        assert units == {"units_issued": (100_000, 0), "wallet_units": (0, 100_000)}
        assert {total.treatment for total in totals if total.currency == "XCR"} == {Treatment.UNITS}
        assert_exports_prove()

    def test_numbers_have_no_gaps_though_a_batch_be_given_up(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        a_top_up()
        settle_books()
        take_entries(exporter=GP)
        with (
            pytest.raises(ZeroDivisionError),
            transaction.atomic(using=services.alias("accounting")),
        ):
            assert services.get(Accounting).make_batch(exporter=GP, at=NOW)
            1 / 0  # noqa: B018
        for _ in range(3):
            a_top_up()
            collect()
        assert [one.number for one in mapped.documents()] == [9_000_001 + place for place in range(4)]
        assert_exports_prove()

    def test_control_totals_are_those_of_the_ledger(self, mapped: Gp) -> None:
        treat("reseller_receivable", Treatment.DETAIL)
        a_top_up("20.00")
        a_top_up("3000", "JPY")
        book_entry(
            debit("reseller_receivable", Money.parse("9.00", "EUR"), owner="Kiosk"),
            debit("reseller_margin", Money.parse("1.00", "EUR")),
            credit("cards_sold", Money.parse("10.00", "EUR")),
            kind="batch_delivered",
        )
        batch = collect(at=TOMORROW)
        assert batch
        said: Counter[tuple[str, str]] = Counter()
        for total in services.get(Accounting).control_totals(batch_id=batch.id):
            said[total.book, total.currency] += total.debit_minor - total.credit_minor
        booked = {
            (line.book, line.currency): line.debit_minor - line.credit_minor
            for line in services.get(Ledger).trial_balance()
        }
        assert said == booked


class TestMapping:
    def test_an_entry_without_a_mapping_is_held_and_holds_up_nobody(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        held = book_entry(
            debit("commission_cost", Money.parse("1.00", "EUR")),
            credit(
                "commission_on_hold", Money.parse("1.00", "EUR"), owner="0190a000-0000-7000-8000-000000000001"
            ),
            kind="charge",
        )
        a_top_up("20.00")
        collect()
        assert [one.amount_minor for one in mapped.documents()] == [2000]
        assert standing().held == 1
        missing = services.get(Accounting).missing_accounts(exporter=GP)
        assert [(one.key, one.entries) for one in missing] == [
            (AccountKey("commission_cost", "house", "EUR"), 1),
            (AccountKey("commission_on_hold", "person", "EUR"), 1),
        ]
        assert_exports_prove()
        map_account("commission_cost", "000-5200-00")
        assert collect() is None
        assert standing().held == 1
        map_account("commission_on_hold", "000-2600-00")
        collect()
        last = mapped.documents()[-1]
        assert services.get(Accounting).entries_of_document(document_id=last.id) == (held.id,)
        assert standing().held == 0
        assert_exports_prove()

    def test_the_narrowest_mapping_counts(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        map_account("tax_payable", "DE-ANY", owner="DE")
        map_account("tax_payable", "DE-EUR", owner="DE", currency="EUR")
        map_account("tax_payable", "ANY-JPY", currency="JPY")
        for owner, code in (("DE", "EUR"), ("DE", "JPY"), ("FR", "JPY"), ("FR", "EUR"), ("house", "EUR")):
            amount = Money.parse("100", code)
            book_entry(debit("bank", amount), credit("tax_payable", amount, owner=owner))
        collect()
        found = [
            next(
                account
                for account in ("DE-EUR", "DE-ANY", "ANY-JPY", "000-2500-00")
                if f">{account}<" in services.get(Accounting).erp_attempts(document_id=one.id)[0].text
            )
            for one in mapped.documents()
        ]
        assert found == ["DE-EUR", "DE-ANY", "ANY-JPY", "000-2500-00", "000-2500-00"]

    def test_all_that_was_mapped_stays_to_be_seen(self, gp: Gp) -> None:
        map_account("bank", "000-1")
        map_account("bank", "000-2")
        map_account("bank", "")
        accounting = services.get(Accounting)
        assert accounting.mapped_accounts(exporter=GP) == ()
        assert [one.account for one in accounting.mapping_history(exporter=GP)] == ["", "000-2", "000-1"]

    @pytest.mark.parametrize(
        ("key", "more", "reason"),
        [
            (AccountKey("bank"), {"account": "0" * 76}, "erp_account_malformed"),
            (AccountKey("bank"), {"account": " 000"}, "erp_account_malformed"),
            (AccountKey("bank"), {"account": "0\n0"}, "erp_account_malformed"),
            (AccountKey("bank", ""), {"account": "0"}, "erp_owner_malformed"),
            (AccountKey("banks"), {"account": "0"}, "erp_account_missing"),
            (AccountKey("bank"), {"account": "0", "customer": "C"}, "erp_customer_missing"),
            (
                AccountKey("bank"),
                {"account": "0", "customer": "C" * 16, "method": Method.BANK},
                "erp_customer_malformed",
            ),
        ],
    )
    def test_what_cannot_be_mapped_is_not(
        self, gp: Gp, key: AccountKey, more: dict[str, object], reason: str
    ) -> None:
        from warchest.journeys.map_erp_account import map_erp_account

        with pytest.raises(UnableToExport) as refusal:
            map_erp_account(by_operator(), exporter=GP, key=key, **more)  # type: ignore[arg-type]
        assert refusal.value.reason == reason


class TestReceiptsAndCustomers:
    @pytest.fixture
    def receiving(self, mapped: Gp) -> Gp:
        treat("provider_clearing", Treatment.RECEIPT)
        map_account("provider_clearing", "000-1110-00", owner="sandbox", customer="CARDS", method=Method.CARD)
        return mapped

    def test_a_top_up_becomes_a_receipt_from_its_customer(self, receiving: Gp) -> None:
        keep_erp_customer(by_operator(), exporter=GP, number="CARDS", name="Card payments")
        a_top_up("20.00")
        a_top_up("7.00")
        collect()
        assert [(one.series, one.number) for one in receiving.documents()] == [
            ("customer", 1),
            ("receipt", 1),
            ("receipt", 2),
        ]
        assert_exports_prove()
        # The customer goes first; its receipts follow when the ERP has it.
        the_job()
        assert [one.state for one in receiving.documents()] == ["sent", "waiting", "waiting"]
        receiving.simulator.work()
        the_job()
        receiving.simulator.work()
        the_job()
        assert {one.state for one in receiving.documents()} == {ErpState.ACKNOWLEDGED}
        assert receiving.simulator.receipts() == [
            ("WC1", "CARDS", Decimal("20.00")),
            ("WC2", "CARDS", Decimal("7.00")),
        ]
        assert receiving.simulator.customers() == {"CARDS": "Card payments"}

    def test_what_goes_back_is_no_receipt(self, receiving: Gp) -> None:
        amount = Money.parse("20.00", "EUR")
        book_entry(debit("wallet_funding", amount), credit("provider_clearing", amount, owner="sandbox"))
        collect()
        assert [one.series for one in receiving.documents()] == ["journal"]
        assert_exports_prove()

    def test_a_currency_that_the_erp_takes_no_receipts_in_is_a_journal(self, receiving: Gp) -> None:
        a_top_up("20.00", "USD")
        collect()
        assert [(one.series, one.currency) for one in receiving.documents()] == [("journal", "USD")]

    def test_without_a_customer_it_is_held(self, receiving: Gp) -> None:
        a_top_up("20.00", provider="other")
        assert collect() is None
        assert [one.key.owner_class for one in services.get(Accounting).missing_accounts(exporter=GP)] == [
            "other"
        ]

    def test_a_changed_customer_is_a_new_document_of_the_same_number(self, receiving: Gp) -> None:
        for name in ("Card payments", "Cards and wallets"):
            keep_erp_customer(by_operator(), exporter=GP, number="CARDS", name=name)
            collect()
            the_job()
            receiving.simulator.work()
            the_job()
        assert receiving.simulator.customers() == {"CARDS": "Cards and wallets"}
        assert [one.state for one in receiving.documents()] == ["acknowledged"] * 2

    def test_no_receipts_for_all_books_at_once(self, gp: Gp) -> None:
        with pytest.raises(UnableToExport) as refusal:
            treat("", Treatment.RECEIPT)
        assert refusal.value.reason == "treatment_not_offered"


class TestAnswers:
    @pytest.fixture
    def sent(self, mapped: Gp) -> Gp:
        treat("", Treatment.DETAIL)
        a_top_up("20.00")
        the_job()
        assert [one.state for one in mapped.documents()] == ["sent"]
        return mapped

    def test_acknowledged_it_is_done(self, sent: Gp) -> None:
        sent.simulator.work()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.ACKNOWLEDGED
        (answer,) = services.get(Accounting).erp_answers(document_id=document.id)
        assert (answer.attempt, answer.outcome) == (1, Outcome.ACCEPTED)
        assert not list((sent.folder / "out").iterdir())
        with pytest.raises(UnableToExport) as refusal:
            send_to_erp_again(by_operator(), document_id=document.id)
        assert refusal.value.reason == "erp_document_acknowledged"
        assert_exports_prove()

    def test_silence_is_no_answer(self, sent: Gp) -> None:
        sent.simulator.control(silent=True)
        sent.simulator.work()
        for days in range(1, 30):
            the_job(at=NOW + timedelta(days=days))
        (document,) = sent.documents()
        assert (document.state, document.attempts) == (ErpState.SENT, 1)
        assert standing().oldest_unanswered_at == NOW
        sent.simulator.answer_again()
        the_job(at=NOW + timedelta(days=30))
        assert [one.state for one in sent.documents()] == ["acknowledged"]
        assert len(sent.simulator.lines()) == 2
        assert_exports_prove()

    def test_half_an_answer_is_kept_and_not_believed(self, sent: Gp) -> None:
        sent.simulator.control(half=True)
        sent.simulator.work()
        the_job()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.SENT
        answers = services.get(Accounting).erp_answers(document_id=document.id)
        assert [one.outcome for one in answers] == [Outcome.UNREADABLE]
        sent.simulator.control(half=False)
        sent.simulator.answer_again()
        the_job()
        assert [one.state for one in sent.documents()] == ["acknowledged"]

    def test_an_acknowledgement_of_another_text_is_not_believed(self, sent: Gp) -> None:
        (sent.folder / "out").mkdir(exist_ok=True)
        (sent.folder / "out" / "journal-9000001-1.ack").write_text("0" * 64)
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.SENT and document.problem
        sent.simulator.work()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.ACKNOWLEDGED and not document.problem

    def test_an_answer_to_nothing_of_ours_stays_where_it_is(self, sent: Gp) -> None:
        stranger = sent.folder / "out" / "journal-1-1.ack"
        stranger.write_text("0" * 64)
        the_job()
        assert stranger.exists()

    def test_refused_and_mapped_anew_it_goes_under_its_number(self, sent: Gp) -> None:
        sent.simulator.control(accounts=("000-1110-99", "000-2300-00"))
        sent.simulator.work()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.REFUSED and "000-1110-00" in document.error
        map_account("provider_clearing", "000-1110-99")
        again = send_to_erp_again(by_operator(), document_id=document.id).answer
        assert (again.state, again.attempts, again.number) == (ErpState.WAITING, 2, document.number)
        the_job()
        sent.simulator.work()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.ACKNOWLEDGED
        assert [line[:2] for line in sent.simulator.lines()] == [
            (9_000_001, "000-1110-99"),
            (9_000_001, "000-2300-00"),
        ]
        first, second = services.get(Accounting).erp_attempts(document_id=document.id)
        assert "000-1110-00" in first.text and "000-1110-99" in second.text
        assert_exports_prove()

    def test_an_error_of_gps_is_told_with_its_number(self, sent: Gp) -> None:
        sent.simulator.work()
        (sent.folder / "out" / "journal-9000001-1.ack").unlink()
        (document,) = sent.documents()
        send_to_erp_again(by_operator(), document_id=document.id)
        the_job()
        sent.simulator.work()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.REFUSED
        assert document.error.startswith("7738 taGLTransactionLineInsert: ")
        # Somebody looks: it is there, from the first time.
        with pytest.raises(UnableToExport):
            confirm_erp_document(by_operator(), document_id=document.id, reason="  ")
        confirm_erp_document(by_operator(), document_id=document.id, reason="Seen in GP")
        (document,) = sent.documents()
        assert document.state is ErpState.ACKNOWLEDGED
        assert services.get(Accounting).erp_answers(document_id=document.id)[-1].said_by == "operator:tests"
        assert len(sent.simulator.lines()) == 2
        assert_exports_prove()

    def test_a_late_acknowledgement_of_an_earlier_attempt_counts(self, sent: Gp) -> None:
        sent.simulator.control(silent=True)
        sent.simulator.work()
        (document,) = sent.documents()
        send_to_erp_again(by_operator(), document_id=document.id)
        the_job()
        sent.simulator.control(silent=False)
        sent.simulator.work()  # the second is a duplicate to GP
        sent.simulator.answer_again()
        the_job()
        (document,) = sent.documents()
        assert document.state is ErpState.ACKNOWLEDGED
        assert_exports_prove()

    def test_what_cannot_be_written_is_shown_and_written_later(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        amount = Money(10**14, Money.parse("1", "JPY").currency)
        book_entry(debit("bank", amount), credit("revenue", amount))
        a_top_up()
        the_job()
        refused, sent = mapped.documents()
        assert (refused.state, refused.attempts, sent.state) == (ErpState.REFUSED, 0, ErpState.SENT)
        assert "amount_not_sayable" in refused.error
        send_to_erp_again(by_operator(), document_id=refused.id)
        assert mapped.documents()[0].state is ErpState.REFUSED
        with pytest.raises(UnableToExport) as refusal:
            confirm_erp_document(by_operator(), document_id=refused.id, reason="It is not")
        assert refusal.value.reason == "erp_document_not_sent"
        assert_exports_prove()

    def test_a_closed_way_keeps_everything_waiting(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        mapped.folder.mkdir(parents=True)
        (mapped.folder / "in").write_text("not a folder")
        a_top_up()
        the_job()
        (document,) = mapped.documents()
        assert (document.state, document.is_handed_over) == (ErpState.SENT, False)
        assert "FileExistsError" in document.problem
        assert not services.get(Accounting).exporter_health(exporter=GP).well
        (mapped.folder / "in").unlink()
        the_job(at=NOW + timedelta(seconds=61))
        mapped.simulator.work()
        the_job(at=NOW + timedelta(seconds=61))
        (document,) = mapped.documents()
        assert (document.state, document.problem) == (ErpState.ACKNOWLEDGED, "")


class TestManyAtOnceAndKilled:
    def test_two_workers_at_once_double_and_lose_nothing(self, mapped: Gp) -> None:
        treat("", Treatment.DETAIL)
        for _ in range(40):
            a_top_up()
        settle_books()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(6):
                    take_entries(exporter=GP)
                    make_erp_batch(by_operator(), exporter=GP)
                    exchange_with_erp(by_operator(), exporter=GP)
                    mapped.simulator.work()
            except BaseException as error:
                failures.append(error)
            finally:
                connections.close_all()

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failures
        for _ in range(3):
            the_job(at=NOW + timedelta(minutes=5))
            mapped.simulator.work()
        assert Counter(one.state for one in mapped.documents()) == {ErpState.ACKNOWLEDGED: 40}
        lines = mapped.simulator.lines()
        assert len(lines) == 80
        assert sum(line[3] for line in lines) == Decimal("800.00")
        assert sorted({line[0] for line in lines}) == list(range(9_000_001, 9_000_041))
        assert {one.attempts for one in mapped.documents()} == {1}
        assert_exports_prove()

    @pytest.mark.slow
    @pytest.mark.in_process("dies inside of a service")
    @pytest.mark.parametrize(
        "where",
        [
            "warchest.accounting.erp.collecting._take",
            "warchest.accounting.erp.collecting._Making.keep",
            "warchest.accounting.erp.collecting.rules.totals",
            "warchest.accounting.erp.sending._begin",
            "warchest.sdk.erp_files._write",
            "pathlib.Path.rename",
            "warchest.accounting.erp.sending._finish",
            "warchest.accounting.erp.sending._keep",
            "warchest.accounting.erp.sending._note_accepted",
            "warchest.accounting.erp.sending.discard_answer",
        ],
    )
    @pytest.mark.parametrize("after", [False, True])
    def test_killed_between_any_two_steps_nothing_is_lost_or_doubled(
        self, mapped: Gp, database: str, where: str, after: bool
    ) -> None:
        treat("", Treatment.DETAIL)
        for _ in range(3):
            a_top_up()
        settle_books()
        ended = [_one_that_dies(database, mapped.folder, where, after=after, at=NOW)]
        mapped.simulator.work()
        ended.append(
            _one_that_dies(database, mapped.folder, where, after=after, at=NOW + timedelta(minutes=2))
        )
        assert 9 in ended
        for minutes in (5, 10, 15):
            mapped.simulator.work()
            the_job(at=NOW + timedelta(minutes=minutes))
        assert [one.state for one in mapped.documents()] == ["acknowledged"] * 3
        assert [one.number for one in mapped.documents()] == [9_000_001, 9_000_002, 9_000_003]
        assert {one.attempts for one in mapped.documents()} == {1}
        assert len(mapped.simulator.lines()) == 6
        assert_exports_prove()


def _one_that_dies(database: str, folder: Path, where: str, *, after: bool, at: datetime) -> int:
    """A worker's round in a process of its own, which ends without a word before or after a step."""
    code = f"""
import os, pkgutil
import django
django.setup()
from tests.builders import databases
databases.use({database!r})
from tests.builders.configuration import change_here
change_here({{"erp": {{"dynamics-gp": {{"folder": {str(folder)!r}, "functional_currency": "EUR"}}}}}})
owner_name, _, name = {where!r}.rpartition(".")
owner = pkgutil.resolve_name(owner_name)
real = getattr(owner, name)
def dying(*args, **kwargs):
    if {after}:
        real(*args, **kwargs)
    os._exit(9)
setattr(owner, name, dying)
if {where!r}.endswith("discard_answer"):
    from warchest.accounting.service import LocalAccounting
    LocalAccounting.discard_answer = staticmethod(dying)
from datetime import datetime
from warchest.jobs.erp import export_to_erps
export_to_erps(at=datetime.fromisoformat({at.isoformat()!r}))
"""
    return subprocess.run([sys.executable, "-c", code], timeout=60).returncode


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE accounting_erpentry SET batch_id = NULL, documents = NULL",
            "UPDATE accounting_erpentry SET position = position + 1",
            "DELETE FROM accounting_erpentry",
            "UPDATE accounting_erpdocument SET amount_minor = amount_minor + 1",
            "UPDATE accounting_erpdocument SET number = number + 1",
            "UPDATE accounting_erpdocument SET state = 'waiting' WHERE state = 'acknowledged'",
            "DELETE FROM accounting_erpdocument",
            "UPDATE accounting_erptotal SET debit_minor = 0",
            "UPDATE accounting_erpexport SET next_journal = next_journal - 1",
            "UPDATE accounting_erpexport SET position = 0",
            "DELETE FROM accounting_erpattempt",
            "UPDATE accounting_erpanswer SET outcome = 'refused'",
            "UPDATE accounting_erpmapping SET account = 'x'",
            "INSERT INTO accounting_erptotal (batch_id, treatment, book, currency, debit_minor, credit_minor)"
            " SELECT id, 'detail', 'bank', 'USD', 1, 0 FROM accounting_erpbatch",
            "INSERT INTO accounting_erpentry (export_id, entry_id, position, day, treatment)"
            " SELECT export_id, entry_id, position + 1000, day, treatment FROM accounting_erpentry",
            "TRUNCATE accounting_erpdocument CASCADE",
        ],
    )
    def test_whoever_asks(self, mapped: Gp, superuser_dsn_of, statement: str) -> None:
        treat("", Treatment.DETAIL)
        a_top_up()
        the_job()
        mapped.simulator.work()
        the_job()
        with (
            pytest.raises(psycopg.Error) as refusal,
            psycopg.connect(superuser_dsn_of("accounting")) as superuser,
        ):
            superuser.execute(statement)
        assert refusal.value.sqlstate in ("WC001", "23505", "42501")


class TestProving:
    """Each rule finds what it is for."""

    @pytest.fixture
    def exported(self, mapped: Gp) -> Gp:
        treat("", Treatment.DETAIL)
        a_top_up("20.00")
        a_top_up("3.00")
        the_job()
        mapped.simulator.work()
        the_job()
        assert_exports_prove()
        return mapped

    @pytest.mark.parametrize(
        ("statement", "name", "says"),
        [
            (
                "DELETE FROM accounting_erpentry WHERE position = (SELECT min(position) FROM accounting_erpentry)",
                "erp_entries_taken_once",
                "was not taken",
            ),
            (
                "UPDATE accounting_erptotal SET debit_minor = debit_minor + 1 WHERE book = 'provider_clearing'",
                "erp_totals_equal_ledger",
                "batch 1: provider_clearing/EUR/D is 2301 by its totals and 2300 by its entries",
            ),
            (
                "UPDATE accounting_erpdocument SET amount_minor = amount_minor + 1",
                "erp_documents_equal_totals",
                "detail in EUR has debits 2300, credits 2300, documents 2302",
            ),
            (
                "UPDATE accounting_erpdocument SET number = 9000003 WHERE number = 9000002",
                "erp_numbers_without_gaps",
                "2 from 9000001 to 9000003 are there",
            ),
            (
                "DELETE FROM accounting_erpanswer",
                "erp_acknowledged_once",
                "acknowledged, and no answer says so",
            ),
        ],
    )
    def test_names_the_first_place(
        self, exported: Gp, superuser_dsn_of, statement: str, name: str, says: str
    ) -> None:
        with_all_rights(superuser_dsn_of("accounting"), statement)
        with pytest.raises(AssertionError) as broken:
            assert_exports_prove()
        assert name in str(broken.value) and says in str(broken.value)


def test_the_job_makes_a_batch_when_its_time_has_come(mapped: Gp) -> None:
    treat("", Treatment.DETAIL)
    a_top_up()
    the_job(at=NOW)
    a_top_up()
    the_job(at=NOW + timedelta(minutes=30))
    assert len(mapped.documents()) == 1
    the_job(at=NOW + timedelta(minutes=60))
    assert len(mapped.documents()) == 2


def test_days_are_those_of_utc(mapped: Gp) -> None:
    a_top_up(at=datetime(2026, 3, 14, 23, 59, 59, tzinfo=UTC))
    a_top_up(at=datetime(2026, 3, 15, 0, 0, tzinfo=UTC))
    collect(at=TOMORROW)
    assert [one.day.day for one in mapped.documents()] == [14, 15]


class TestTwoSystemsAtOnce:
    @pytest.fixture
    def both(self, tmp_path: Path) -> Iterator[Gp]:
        tables = {
            GP: {"folder": str(tmp_path / "gp"), "functional_currency": "EUR"},
            BEANCOUNT: {"folder": str(tmp_path / "ledger")},
        }
        with changed_configuration(erp=tables):
            for name, clearing, funding in (
                (GP, "000-1110-00", "000-2300-00"),
                (BEANCOUNT, "Assets:Clearing", "Liabilities:Wallets"),
            ):
                begin_export(by_operator(), exporter=name)
                treat("", Treatment.DETAIL, exporter=name)
                map_account("provider_clearing", clearing, exporter=name)
                map_account("wallet_funding", funding, exporter=name)
            yield Gp(tmp_path / "gp")

    def test_each_has_every_entry_once_and_its_own_numbers(self, both: Gp, tmp_path: Path) -> None:
        for _ in range(3):
            a_top_up()
        the_job()
        both.simulator.work()
        the_job()
        for name in (GP, BEANCOUNT):
            documents = services.get(Accounting).erp_documents(exporter=name)
            assert [(one.number, one.state) for one in documents] == [
                (number, ErpState.ACKNOWLEDGED) for number in (3, 2, 1)
            ]
        assert len(list((tmp_path / "ledger").glob("*.beancount"))) == 3
        assert_exports_prove()

    def test_one_that_fails_does_not_stand_in_the_others_way(self, both: Gp, tmp_path: Path) -> None:
        (tmp_path / "ledger").write_text("not a folder")
        a_top_up()
        the_job()
        both.simulator.work()
        the_job()
        states = {
            name: [one.state for one in services.get(Accounting).erp_documents(exporter=name)]
            for name in (GP, BEANCOUNT)
        }
        assert states == {GP: [ErpState.ACKNOWLEDGED], BEANCOUNT: [ErpState.SENT]}

    def test_an_answer_given_at_once_is_not_lost_with_who_heard_it(self, both: Gp, tmp_path: Path) -> None:
        """Killed between handing over and keeping the answer: the parcel is handed over once more, and is there."""
        a_top_up()
        collect(exporter=BEANCOUNT)
        accounting = services.get(Accounting)
        heard = accounting.send_documents(exporter=BEANCOUNT, at=NOW)
        assert [one.outcome for one in heard.answers] == [Outcome.ACCEPTED]
        (document,) = accounting.erp_documents(exporter=BEANCOUNT)
        assert (document.state, document.is_handed_over) == (ErpState.SENT, False)
        assert not accounting.send_documents(exporter=BEANCOUNT, at=NOW + timedelta(seconds=30)).answers
        exchange_with_erp(by_operator(at=NOW + timedelta(seconds=61)), exporter=BEANCOUNT)
        (document,) = accounting.erp_documents(exporter=BEANCOUNT)
        assert document.state is ErpState.ACKNOWLEDGED
        assert len(list((tmp_path / "ledger").glob("*.beancount"))) == 1

    def test_a_restored_copy_that_is_set_aside_hands_nothing_to_anybody(self) -> None:
        found = configuration_module.Configuration(erp={GP: {"folder": "/nowhere"}})
        aside = SetAside(backup="20260315T120000Z", begun_at=NOW, databases={"default": "copy"})
        assert configuration_module._withdrawn(found, aside).erp == {}
