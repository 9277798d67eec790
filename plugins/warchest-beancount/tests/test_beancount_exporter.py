"""What is written, as beancount itself reads it."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from beancount import loader
from beancount.core.data import Transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.sdk.erp import (
    Customer,
    Document,
    ErpExporter,
    Journal,
    JournalLine,
    Outcome,
    Parcel,
    Side,
    UnableToWrite,
)
from warchest_beancount.exporter import Beancount, BeancountSettings

ID = UUID("01900000-0000-7000-8000-00000000abcd")


@pytest.fixture
def exporter(tmp_path: Path) -> Beancount:
    return Beancount(BeancountSettings(folder=str(tmp_path / "warchest"), tag="game"))


def line(account: str, side: Side, amount: str, code: str = "EUR", text: str = "", reference: str = ""):
    return JournalLine(account, side, Money.parse(amount, code), text, reference)


def a_document(*lines: JournalLine, number: int = 17, text: str = "Top-up") -> Document:
    return Document(ID, number, 3, date(2026, 3, 15), text, Journal(lines))


def a_journal(*, number: int = 17, amount: str = "11.90") -> Document:
    return a_document(
        line("Assets:Clearing:Cards", Side.DEBIT, amount, text='a "top-up"\n', reference="E42"),
        line("Liabilities:Wallets", Side.CREDIT, amount),
        number=number,
    )


def read_back(folder: Path) -> list[Transaction]:
    main = folder / "main.beancount"
    main.write_text(
        'plugin "beancount.plugins.auto_accounts"\noption "infer_tolerance_from_cost" "FALSE"\n'
        'include "warchest/*.beancount"\n'
    )
    entries, errors, _ = loader.load_file(str(main))
    assert not errors, errors
    return [entry for entry in entries if isinstance(entry, Transaction)]


def test_beancount_reads_a_journal_as_it_was_meant(exporter: Beancount, tmp_path: Path) -> None:
    answer = exporter.hand_over(Parcel("journal-17-1", exporter.write(a_journal())))
    assert answer.outcome is Outcome.ACCEPTED
    (entry,) = read_back(tmp_path)
    assert (entry.date, entry.payee, entry.narration) == (date(2026, 3, 15), "Warchest", "Top-up")
    assert entry.tags == {"game"} and entry.links == {"warchest-17"}
    assert entry.meta["document-id"] == str(ID)
    first, second = entry.postings
    assert (first.account, first.units.number, first.units.currency) == (
        "Assets:Clearing:Cards",
        Decimal("11.90"),
        "EUR",
    )
    assert first.meta["text"] == 'a "top-up" ' and first.meta["entry"] == "E42"
    assert second.units.number == Decimal("-11.90")


def test_handed_over_twice_it_is_in_the_ledger_once(exporter: Beancount, tmp_path: Path) -> None:
    text = exporter.write(a_journal())
    for attempt in (1, 1, 2):
        answer = exporter.hand_over(Parcel(f"journal-17-{attempt}", text))
        assert answer.outcome is Outcome.ACCEPTED
    assert len(read_back(tmp_path)) == 1


def test_another_text_under_the_same_number_is_refused_and_nothing_is_written_over(
    exporter: Beancount, tmp_path: Path
) -> None:
    exporter.hand_over(Parcel("journal-17-1", exporter.write(a_journal())))
    answer = exporter.hand_over(Parcel("journal-17-2", exporter.write(a_journal(amount="12.00"))))
    assert answer.outcome is Outcome.REFUSED and "another text" in answer.errors[0].text
    (entry,) = read_back(tmp_path)
    assert entry.postings[0].units.number == Decimal("11.90")
    assert [file.name for file in (tmp_path / "warchest").iterdir()] == ["journal-17.beancount"]


def test_many_at_once_write_each_once(exporter: Beancount, tmp_path: Path) -> None:
    text = exporter.write(a_journal())
    answers: list[Outcome] = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(exporter.hand_over(Parcel("journal-17-1", text)).outcome)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [Outcome.ACCEPTED] * 8
    assert len(read_back(tmp_path)) == 1


@pytest.mark.parametrize(
    "account",
    ["000-1100-00", "Assets", "assets:Bank", "Assets:bank", "Assets:Bank 1", "Assets:Bank\n  X", ""],
)
def test_what_is_no_account_is_refused(exporter: Beancount, account: str) -> None:
    lines = (line(account, Side.DEBIT, "1.00"), line("Equity:X", Side.CREDIT, "1.00"))
    with pytest.raises(UnableToWrite) as refusal:
        exporter.write(a_document(*lines))
    assert refusal.value.reason == "field_malformed"


def test_knows_no_customers(exporter: Beancount) -> None:
    with pytest.raises(UnableToWrite):
        exporter.write(Document(ID, 1, 1, date(2026, 1, 1), "", Customer("C", "Name")))


_AMOUNTS = st.lists(st.integers(1, 10**13), min_size=1, max_size=5)


@given(
    journals=st.lists(
        st.tuples(_AMOUNTS, st.sampled_from(["EUR", "JPY", "KWD"]), st.text(max_size=40)),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_amount_is_lost_between_the_documents_and_beancount(
    journals: list[tuple[list[int], str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    exporter = Beancount(BeancountSettings(folder=str(folder / "warchest")))
    meant: Counter[tuple[str, str]] = Counter()
    for number, (amounts, code, text) in enumerate(journals, 1):
        unit = currency(code)
        lines = [JournalLine("Assets:A", Side.DEBIT, Money(minor, unit), text, text) for minor in amounts]
        lines.append(JournalLine("Equity:B", Side.CREDIT, Money(sum(amounts), unit), text))
        meant["Assets:A", code] += sum(amounts)
        meant["Equity:B", code] -= sum(amounts)
        written = exporter.write(a_document(*lines, number=number, text=text))
        assert exporter.hand_over(Parcel(f"journal-{number}-1", written)).outcome is Outcome.ACCEPTED
    found: Counter[tuple[str, str]] = Counter()
    for entry in read_back(folder):
        for posting in entry.postings:
            code = posting.units.currency
            found[posting.account, code] += int(posting.units.number.scaleb(currency(code).exponent))
    assert found == meant


def test_is_found_by_its_entry_point_and_keeps_the_contract(tmp_path: Path) -> None:
    (point,) = entry_points(group="warchest.erp_exporters", name="beancount")
    factory = point.load()
    built = factory(msgspec.convert({"folder": str(tmp_path)}, factory.settings_type))
    assert isinstance(built, ErpExporter)
    assert built.health().well and not built.answers()
