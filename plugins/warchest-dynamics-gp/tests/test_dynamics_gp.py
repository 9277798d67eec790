"""Documents against our schema, answers as eConnect gives them, and the folder between two programs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.sdk.erp import (
    CashReceipt,
    Customer,
    Document,
    ErpExporter,
    Journal,
    JournalLine,
    Method,
    Outcome,
    Parcel,
    Side,
    UnableToWrite,
)
from warchest.sdk.erp_files import FileDrop
from warchest_dynamics_gp import econnect, errors
from warchest_dynamics_gp.exporter import DynamicsGp, DynamicsGpSettings
from warchest_dynamics_gp.simulator import Simulator, schema

ID = UUID("01900000-0000-7000-8000-00000000abcd")
EUR = currency("EUR")


@pytest.fixture
def exporter(tmp_path: Path) -> DynamicsGp:
    return DynamicsGp(DynamicsGpSettings(folder=str(tmp_path / "gp"), functional_currency="EUR"))


@pytest.fixture
def simulator(tmp_path: Path, exporter: DynamicsGp) -> Simulator:
    return Simulator(tmp_path / "gp")


def money(amount: str, code: str = "EUR") -> Money:
    return Money.parse(amount, code)


def a_journal(*, number: int = 17, amount: str = "11.90", account: str = "000-1100-00") -> Document:
    lines = (
        JournalLine(account, Side.DEBIT, money(amount), "Top-up", "E42"),
        JournalLine("000-2300-00", Side.CREDIT, money(amount), "Top-up", "E42"),
    )
    return Document(ID, number, 3, date(2026, 3, 15), "Top-up E42", Journal(lines))


def a_receipt(*, number: int = 4, customer: str = "CARDS") -> Document:
    body = CashReceipt(customer, money("20.00"), Method.CARD)
    return Document(ID, number, 3, date(2026, 3, 15), "Top-up", body)


def a_customer(*, number: str = "CARDS", name: str = "Card payments") -> Document:
    return Document(ID, 1, 3, date(2026, 3, 15), "", Customer(number, name))


def read(text: str) -> etree._Element:
    return etree.fromstring(text.encode())


def check(text: str) -> etree._Element:
    document, rules = read(text), schema()
    rules.assertValid(document)
    return document


class TestJournals:
    def test_lines_come_before_the_header_and_elements_in_their_order(self, exporter: DynamicsGp) -> None:
        journal = check(exporter.write(a_journal()))[0]
        assert [child.tag for child in journal] == [
            "taGLTransactionLineInsert_Items",
            "taGLTransactionHeaderInsert",
        ]
        first, second = journal[0]
        assert [(child.tag, child.text) for child in first] == [
            ("BACHNUMB", "WC3"),
            ("JRNENTRY", "17"),
            ("SQNCLINE", "16384"),
            ("CRDTAMNT", "0.00"),
            ("DEBITAMT", "11.90"),
            ("ACTNUMST", "000-1100-00"),
            ("DSCRIPTN", "Top-up"),
            ("ORCTRNUM", "E42"),
            ("CURNCYID", "EUR"),
        ]
        assert second.findtext("SQNCLINE") == "32768"
        assert (second.findtext("CRDTAMNT"), second.findtext("DEBITAMT")) == ("11.90", "0.00")
        assert [(child.tag, child.text) for child in journal[1]] == [
            ("BACHNUMB", "WC3"),
            ("JRNENTRY", "17"),
            ("REFRENCE", "Top-up E42"),
            ("TRXDATE", "2026-03-15"),
            ("RVRSNGDT", "1900-01-01"),
            ("TRXTYPE", "0"),
            ("CURNCYID", "EUR"),
            ("USRDEFND1", str(ID)),
        ]

    def test_currency_ids_are_those_of_the_company(self, tmp_path: Path) -> None:
        exporter = DynamicsGp(DynamicsGpSettings(folder=str(tmp_path), currency_ids={"EUR": "Z-EUR"}))
        assert {
            node.text for node in check(exporter.write(a_journal())).iter("CURNCYID")
        } == {"Z-EUR"}  # fmt: skip

    @pytest.mark.parametrize(
        ("document", "reason"),
        [
            (a_journal(account="0" * 76), "field_too_long"),
            (a_journal(account=""), ""),
            (a_journal(account="00\x07"), "field_malformed"),
            (a_journal(number=2**31), "number_out_of_range"),
            (a_journal(number=0), "number_out_of_range"),
            (a_journal(amount="100000000000000"), "amount_not_sayable"),
        ],
    )
    def test_what_eConnect_could_not_keep_is_refused_and_never_cut(
        self, exporter: DynamicsGp, document: Document, reason: str
    ) -> None:
        if not reason:  # an account is optional to eConnect; Warchest never leaves one empty
            check(exporter.write(document))
            return
        with pytest.raises(UnableToWrite) as refusal:
            exporter.write(document)
        assert refusal.value.reason == reason

    def test_a_description_is_cut(self, exporter: DynamicsGp) -> None:
        line = JournalLine("1", Side.DEBIT, money("1.00"), "Ä" * 31 + "\n")
        other = JournalLine("2", Side.CREDIT, money("1.00"), "a\nb<&>")
        journal = Document(ID, 1, 1, date(2026, 1, 1), "x" * 40, Journal((line, other)))
        document = check(exporter.write(journal))
        assert [node.text for node in document.iter("DSCRIPTN")] == ["Ä" * 30, "a b<&>"]
        assert document.findtext(".//REFRENCE") == "x" * 30


class TestReceiptsAndCustomers:
    def test_a_receipt(self, exporter: DynamicsGp) -> None:
        receipt = check(exporter.write(a_receipt()))[0]
        assert receipt.tag == "RMCashReceiptsType"
        assert [(child.tag, child.text) for child in receipt[0]] == [
            ("CUSTNMBR", "CARDS"),
            ("DOCNUMBR", "WC4"),
            ("DOCDATE", "2026-03-15"),
            ("ORTRXAMT", "20.00"),
            ("GLPOSTDT", "2026-03-15"),
            ("BACHNUMB", "WC3"),
            ("CSHRCTYP", "2"),
        ]

    def test_a_customer(self, exporter: DynamicsGp) -> None:
        customer = check(exporter.write(a_customer(name="A" * 70)))[0]
        assert customer.tag == "RMCustomerMasterType"
        assert [(child.tag, child.text) for child in customer[0]] == [
            ("CUSTNMBR", "CARDS"),
            ("CUSTNAME", "A" * 64),
            ("SHRTNAME", "A" * 15),
            ("STMTNAME", "A" * 64),
            ("ADRSCODE", "PRIMARY"),
            ("UseCustomerClass", "0"),
            ("UpdateIfExists", "1"),
        ]

    def test_a_customers_number_is_never_cut(self, exporter: DynamicsGp) -> None:
        for document in (a_receipt(customer="C" * 16), a_customer(number="C" * 16)):
            with pytest.raises(UnableToWrite):
                exporter.write(document)


_TEXTS = st.text(max_size=90)
_CODES = st.sampled_from(["EUR", "JPY", "KWD"])


@st.composite
def journals(draw: st.DrawFn) -> Document:
    unit = currency(draw(_CODES))
    amounts = draw(st.lists(st.integers(1, 10**12), min_size=1, max_size=8))
    account = st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=75
    )
    debits = tuple(
        JournalLine(draw(account), Side.DEBIT, Money(minor, unit), draw(_TEXTS)) for minor in amounts
    )
    credit = JournalLine(draw(account), Side.CREDIT, Money(sum(amounts), unit), draw(_TEXTS), "E1")
    text = "T" + draw(_TEXTS)
    return Document(
        draw(st.uuids()),
        draw(st.integers(1, 2**31 - 1)),
        draw(st.integers(1, 10**9)),
        draw(st.dates(date(1990, 1, 1), date(2199, 1, 1))),
        text,
        Journal((*debits, credit)),
    )


@given(journals())
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_is_as_the_schema_says_and_loses_no_amount(document: Document) -> None:
    words = econnect.Words("WC", "WC", {}, "", "PRIMARY")
    written = check(econnect.written(document, words=words))
    assert isinstance(document.body, Journal)
    unit = document.body.lines[0].amount.currency.code
    sides = [
        (Money.parse(line.findtext("DEBITAMT") or "", "KWD"), Money.parse(line.findtext("CRDTAMNT") or "", "KWD"))
        for line in written.iter("taGLTransactionLineInsert")
    ]  # fmt: skip
    for (debit, credit), line in zip(sides, document.body.lines, strict=True):
        there = debit if line.side is Side.DEBIT else credit
        assert there == Money.parse(line.amount.major, "KWD")
        assert not (credit if line.side is Side.DEBIT else debit)
    assert [int(node.text or "") for node in written.iter("SQNCLINE")] == [
        16384 * place for place in range(1, len(sides) + 1)
    ]
    assert {node.text for node in written.iter("CURNCYID")} == {unit}


class TestTheSchemaItself:
    """A schema that takes everything would prove nothing."""

    @pytest.mark.parametrize(
        "spoilt",
        [
            ("<JRNENTRY>17</JRNENTRY>", ""),  # required
            ("<BACHNUMB>WC3</BACHNUMB>", "<BACHNUMB>1234567890123456</BACHNUMB>"),  # too long
            ("<JRNENTRY>17</JRNENTRY>", "<JRNENTRY>17.5</JRNENTRY>"),  # an integer
            ("<DEBITAMT>11.90</DEBITAMT>", "<DEBITAMT>-11.90</DEBITAMT>"),
            ("<DEBITAMT>11.90</DEBITAMT>", "<DEBITAMT>11,90</DEBITAMT>"),
            ("<TRXDATE>2026-03-15</TRXDATE>", "<TRXDATE>15.03.2026</TRXDATE>"),
            ("<TRXTYPE>0</TRXTYPE>", "<TRXTYPE>2</TRXTYPE>"),
            ("<SQNCLINE>32768</SQNCLINE>", "<SQNCLINE>16384</SQNCLINE>"),  # twice
            ("<SQNCLINE>16384</SQNCLINE>", "<SQNCLINE>1</SQNCLINE>"),
            ("<ORCTRNUM>E42</ORCTRNUM>", "<ORCTRNUM>E42</ORCTRNUM><DSCRIPTN>late</DSCRIPTN>"),  # out of order
            ("<CURNCYID>EUR</CURNCYID>", "<CURNCYID>EUR</CURNCYID><OWN>x</OWN>"),
        ],
    )
    def test_refuses_what_is_not_documented(self, exporter: DynamicsGp, spoilt: tuple[str, str]) -> None:
        text = exporter.write(a_journal())
        assert spoilt[0] in text
        assert schema().validate(read(text))
        assert not schema().validate(read(text.replace(*spoilt)))

    def test_refuses_a_header_before_its_lines(self, exporter: DynamicsGp) -> None:
        document = read(exporter.write(a_journal()))
        document[0].insert(0, document[0][1])
        assert not schema().validate(document)


class TestErrors:
    def test_one(self) -> None:
        told = (
            "Error Number = 7738  Stored Procedure= taGLTransactionLineInsert  Error Description = Duplicate"
        )
        (error,) = errors.read(told)
        assert (error.number, error.procedure, error.text) == (
            errors.DUPLICATE_LINE,
            "taGLTransactionLineInsert",
            "Duplicate",
        )

    def test_several_over_several_lines(self) -> None:
        told = (
            "Error Number = 190  Stored Procedure= taRMCashReceiptInsert  Error Description = Exists\n"
            "Node Identifier Parameters: taRMCashReceiptInsert\n"
            "Error Number = 7738 Stored Procedure=taGLTransactionLineInsert Error Description = Again = twice"
        )
        assert [(one.number, one.text) for one in errors.read(told)] == [
            (190, "Exists\nNode Identifier Parameters: taRMCashReceiptInsert"),
            (7738, "Again = twice"),
        ]

    def test_a_text_of_another_kind_is_told_as_it_is(self) -> None:
        (error,) = errors.read("  the database is full ")
        assert (error.number, error.procedure, error.text) == (None, "", "the database is full")


class TestTheFolder:
    def test_a_parcel_is_handed_over_once_however_often_it_is_asked(self, tmp_path: Path) -> None:
        drop = FileDrop(tmp_path, suffix=".xml")
        parcel = Parcel("journal-17-1", "text")
        drop.hand_over(parcel)
        drop.hand_over(parcel)
        (lying,) = (tmp_path / "in").iterdir()
        assert lying.read_text() == "text"
        lying.unlink()  # GP took it
        drop.hand_over(parcel)
        assert not list((tmp_path / "in").iterdir())
        drop.hand_over(Parcel("journal-17-2", "text"))
        assert [file.name for file in (tmp_path / "in").iterdir()] == ["journal-17-2.xml"]

    def test_many_at_once_hand_it_over_once(self, tmp_path: Path) -> None:
        seen: list[str] = []

        def take() -> None:
            while not done.is_set():
                for file in (tmp_path / "in").glob("*.xml"):
                    seen.append(file.name)
                    file.unlink()

        done = threading.Event()
        (tmp_path / "in").mkdir()
        taker = threading.Thread(target=take)
        taker.start()
        givers = [
            threading.Thread(
                target=lambda: [
                    FileDrop(tmp_path, suffix=".xml").hand_over(Parcel(f"journal-{number}-1", "x"))
                    for number in range(20)
                ]
            )
            for _ in range(4)
        ]
        for giver in givers:
            giver.start()
        for giver in givers:
            giver.join()
        done.set()
        taker.join()
        seen += [file.name for file in (tmp_path / "in").glob("*.xml")]
        assert sorted(seen) == sorted(f"journal-{number}-1.xml" for number in range(20))

    @pytest.mark.parametrize("step", range(1, 8))
    def test_killed_at_any_step_it_is_handed_over_once(self, tmp_path: Path, step: int) -> None:
        """A process that dies before its n-th change of the folder, and one that comes after it."""
        code = f"""
import os, pathlib
from warchest.sdk import erp_files
from warchest.sdk.erp import Parcel
left = [{step}]
def dying(name):
    real = getattr(pathlib.Path, name)
    def change(self, *args):
        left[0] -= 1
        if not left[0]:
            os._exit(9)
        return real(self, *args)
    setattr(pathlib.Path, name, change)
real_keep = erp_files._keep
def keep(*folders):
    left[0] -= 1
    if not left[0]:
        os._exit(9)
    real_keep(*folders)
erp_files._keep = keep
for name in ("rename", "replace"):
    dying(name)
erp_files.FileDrop(pathlib.Path({str(tmp_path)!r}), suffix=".xml").hand_over(Parcel("journal-1-1", "whole"))
"""
        ended = subprocess.run([sys.executable, "-c", code]).returncode
        assert ended in (0, 9)
        taken = [file.read_text() for file in (tmp_path / "in").glob("*.xml")]
        for file in (tmp_path / "in").glob("*.xml"):
            file.unlink()
        FileDrop(tmp_path, suffix=".xml").hand_over(Parcel("journal-1-1", "whole"))
        taken += [file.read_text() for file in (tmp_path / "in").glob("*.xml")]
        assert taken == ["whole"]
        assert step > 6 or ended == 9

    @pytest.mark.parametrize("name", ["../x", "a/b", "", "UPPER", "x" * 101])
    def test_a_name_never_leads_elsewhere(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="no name"):
            FileDrop(tmp_path, suffix=".xml").hand_over(Parcel(name, ""))

    def test_says_whether_the_way_is_open(self, tmp_path: Path) -> None:
        assert FileDrop(tmp_path / "new", suffix=".xml").health().well
        (tmp_path / "file").write_text("")
        assert not FileDrop(tmp_path / "file", suffix=".xml").health().well


class TestWithTheSimulator:
    def send(self, exporter: DynamicsGp, document: Document, name: str) -> Parcel:
        parcel = Parcel(name, exporter.write(document))
        assert exporter.hand_over(parcel) is None
        return parcel

    def test_a_journal_is_booked_and_acknowledged_with_the_digest_of_what_was_booked(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        parcel = self.send(exporter, a_journal(), "journal-17-1")
        assert not exporter.answers()
        assert simulator.work() == 1
        (answer,) = exporter.answers()
        assert (answer.parcel, answer.outcome) == ("journal-17-1", Outcome.ACCEPTED)
        assert answer.digest == hashlib.sha256(parcel.text.encode()).hexdigest()
        assert [line[:2] for line in simulator.lines()] == [(17, "000-1100-00"), (17, "000-2300-00")]
        exporter.discard(answer)
        exporter.discard(answer)
        assert not exporter.answers()

    def test_the_same_journal_under_another_name_is_a_duplicate_line(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        self.send(exporter, a_journal(), "journal-17-1")
        self.send(exporter, a_journal(), "journal-17-2")
        simulator.work()
        first, second = exporter.answers()
        assert first.outcome is Outcome.ACCEPTED
        assert (second.outcome, second.errors[0].number) == (Outcome.REFUSED, 7738)
        assert len(simulator.lines()) == 2

    def test_the_same_file_again_hears_the_same_answer(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        self.send(exporter, a_journal(), "journal-17-1")
        simulator.work()
        (before,) = exporter.answers()
        exporter.discard(before)
        (simulator.folder / "done" / "journal-17-1.xml").rename(simulator.folder / "in" / "journal-17-1.xml")
        simulator.work()
        assert list(exporter.answers()) == [before]
        assert len(simulator.lines()) == 2

    def test_a_receipt_needs_its_customer_and_has_its_number_once(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        self.send(exporter, a_receipt(), "receipt-4-1")
        simulator.work()
        (answer,) = exporter.answers()
        assert answer.outcome is Outcome.REFUSED
        assert answer.errors[0].number is None
        exporter.discard(answer)
        self.send(exporter, a_customer(), "customer-1-1")
        simulator.work()
        self.send(exporter, a_receipt(), "receipt-4-2")
        self.send(exporter, a_receipt(), "receipt-4-3")
        simulator.work()
        by_name = {one.parcel: one for one in exporter.answers()}
        assert by_name["receipt-4-2"].outcome is Outcome.ACCEPTED
        assert by_name["receipt-4-3"].errors[0].number == errors.DUPLICATE_RECEIPT
        assert simulator.receipts() == [("WC4", "CARDS", 20)]

    def test_a_refused_journal_leaves_nothing_and_its_number_is_free(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        simulator.control(accounts=("000-1100-00",))
        self.send(exporter, a_journal(), "journal-17-1")
        simulator.work()
        (answer,) = exporter.answers()
        assert answer.outcome is Outcome.REFUSED and "000-2300-00" in answer.errors[0].text
        assert not simulator.lines()
        simulator.control(accounts=())
        self.send(exporter, a_journal(), "journal-17-2")
        simulator.work()
        assert len(simulator.lines()) == 2

    def test_what_is_no_document_of_ours_is_refused_in_words(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        (simulator.folder / "in").mkdir(exist_ok=True)
        for name, text in (("a-1", "<eConnect/>"), ("b-1", "no xml"), ("c-1", "<!DOCTYPE x []><x/>")):
            (simulator.folder / "in" / f"{name}.xml").write_text(text)
        simulator.work()
        assert [(one.outcome, one.errors[0].number) for one in exporter.answers()] == [
            (Outcome.REFUSED, None)
        ] * 3

    def test_half_an_answer_says_nothing(self, exporter: DynamicsGp, simulator: Simulator) -> None:
        simulator.control(half=True)
        self.send(exporter, a_journal(), "journal-17-1")
        simulator.work()
        assert [one.outcome for one in exporter.answers()] == [Outcome.UNREADABLE]
        simulator.control(half=False)
        simulator.answer_again()
        assert [one.outcome for one in exporter.answers()] == [Outcome.ACCEPTED]

    def test_a_silent_one_has_booked_and_says_so_later(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        simulator.control(silent=True)
        self.send(exporter, a_journal(), "journal-17-1")
        simulator.work()
        assert not exporter.answers() and len(simulator.lines()) == 2
        simulator.answer_again()
        assert [one.outcome for one in exporter.answers()] == [Outcome.ACCEPTED]

    def test_killed_over_a_parcel_it_answers_when_it_is_back(
        self, exporter: DynamicsGp, simulator: Simulator
    ) -> None:
        self.send(exporter, a_journal(), "journal-17-1")
        os.rename(
            simulator.folder / "in" / "journal-17-1.xml", simulator.folder / "work" / "journal-17-1.xml"
        )
        assert Simulator(simulator.folder).work() == 1
        assert [one.outcome for one in exporter.answers()] == [Outcome.ACCEPTED]

    def test_it_is_a_program_of_its_own(self, exporter: DynamicsGp, simulator: Simulator) -> None:
        self.send(exporter, a_journal(), "journal-17-1")
        done = subprocess.run(
            [sys.executable, "-m", "warchest_dynamics_gp.simulator", str(simulator.folder), "--once"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Took 1" in done.stdout
        assert [one.outcome for one in exporter.answers()] == [Outcome.ACCEPTED]


def test_is_found_by_its_entry_point_and_keeps_the_contract(tmp_path: Path) -> None:
    (point,) = entry_points(group="warchest.erp_exporters", name="dynamics-gp")
    factory = point.load()
    built = factory(msgspec.convert({"folder": str(tmp_path)}, factory.settings_type))
    assert isinstance(built, ErpExporter)
    assert built.description.receipt_currencies == frozenset()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"folder": str(tmp_path), "mode": "x"}, factory.settings_type)
