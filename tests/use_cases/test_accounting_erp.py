"""Handing the books to accounting systems, as accountants and operators do it; GP's side is the simulator, in its folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.configuration import written_beside
from tests.builders.databases import use
from tests.builders.erp import (
    GP,
    GP_ACCOUNTS,
    Gp,
    a_gp,
    a_recognition,
    a_top_up,
    assert_exports_prove,
    book_entry,
    map_account,
    settle_books,
    the_job,
    treat,
)
from warchest.accounting.contract import Accounting, ErpState, Treatment
from warchest.audit.contract import Audit, OperationFilter
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Ledger, credit, debit
from warchest.members.contract import Role
from warchest.runtime.services import services
from warchest_dynamics_gp.simulator import Simulator


@dataclass
class House:
    """A back office whose books go to a GP company."""

    office: BackOffice
    gp: Gp
    accountant: Visitor

    @property
    def simulator(self) -> Simulator:
        return self.gp.simulator

    def hand_over(self) -> BeautifulSoup:
        settle_books()
        return soup(self.accountant.submit(f"/erp/{GP}", action=f"/erp/{GP}/run").text)

    def map(self, book: str, account: str, **more: str) -> BeautifulSoup:
        said = {"book": book, "owner_class": "*", "currency": "*", "account": account} | more
        return soup(
            self.accountant.submit(f"/erp/{GP}/accounts", action=f"/erp/{GP}/accounts/map", **said).text
        )

    def documents(self) -> list[tuple[str, str, str]]:
        """The queue as the page shows it, the oldest first: name, amount, state."""
        rows = self.accountant.page(f"/erp/{GP}").select("table.wb-told tbody tr")
        cells = [[words(cell) for cell in row.select("td")] for row in reversed(rows)]
        return [(row[0], row[3], row[4]) for row in cells]

    def link(self, name: str) -> str:
        """The address of a document's page."""
        page = self.accountant.page(f"/erp/{GP}")
        return str(next(one["href"] for one in page.select("td a") if words(one) == name))


def soup(html: str) -> BeautifulSoup:
    return BeautifulSoup(html, "html.parser")


def words(node: BeautifulSoup) -> str:
    return re.sub(r"\s+", " ", node.get_text(" ").replace("\u00a0", " ")).strip()


def _euros(text: str) -> Decimal:
    found = re.fullmatch(r"([\d,]+(?:\.\d+)?) EUR", text)
    assert found, text
    return Decimal(found[1].replace(",", ""))


@pytest.fixture(scope="module")
def _house(
    lasting_database: Callable[[], AbstractContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    from tests.builders.backoffice import back_office

    folder = tmp_path_factory.mktemp("erp")
    more = f'[erp.dynamics-gp]\nfolder = "{folder / "gp"}"\nfunctional_currency = "EUR"\n'
    with (
        lasting_database() as database,
        back_office(database=database, folder=folder, providers={}, more=more) as office,
    ):
        accountant = office.signed_in(Role.ACCOUNTANT)
        begun = accountant.submit(
            "/erp", action=f"/erp/{GP}/begin", begins_after="0", first_journal_number="9000001"
        )
        assert begun.url.path == f"/erp/{GP}/accounts", begun.text
        yield House(office, Gp(folder / "gp"), accountant)
        office.send_everybody_home()


@pytest.fixture
def house(_house: House) -> Iterator[House]:
    from django.db import connections

    use(_house.office.database)
    yield _house
    # Whatever a test left: it is done with.
    _house.simulator.control(accounts=(), silent=False, refuses_next=0)
    connections.close_all()


class TestPages:
    """In this order: an accountant sets it up, and works with it."""

    @pytest.mark.use_case("ACC-16")
    def test_an_account_is_mapped_and_what_was_held_goes(self, house: House) -> None:
        a_top_up("20.00")
        page = house.hand_over()
        assert "Nothing waits for a batch." in words(page)
        missing = words(house.accountant.page(f"/erp/{GP}/accounts"))
        assert "Not mapped, and entries are held for it" in missing
        assert "Owed by payment providers sandbox EUR 1" in missing
        assert "Paid for units in wallets the house EUR 1" in missing

        for book, account in GP_ACCOUNTS.items():
            assert "Mapped." in words(house.map(book, account))
        assert "Not mapped" not in words(house.accountant.page(f"/erp/{GP}/accounts"))
        house.hand_over()

        assert house.documents() == [("Journal 9000001", "20.00 EUR", "sent, not answered")]
        history = services.get(Accounting).mapping_history(exporter=GP)
        assert {one.set_by for one in history} == {str(house.accountant.administrator.id)}

    @pytest.mark.use_case("ACC-16")
    @pytest.mark.parametrize(
        ("account", "said"),
        [("0" * 76, "1 to 75 characters"), ("000-1110-00", "Mapped.")],
    )
    def test_a_string_is_as_long_as_gp_can_bear(self, house: House, account: str, said: str) -> None:
        assert said in words(house.map("provider_clearing", account))

    @pytest.mark.use_case("ACC-02", "ACC-23")
    def test_the_acknowledgement_is_taken_back_and_shown(self, house: House) -> None:
        house.simulator.work()
        assert "Answers taken: 1." in words(house.hand_over())
        assert house.documents() == [("Journal 9000001", "20.00 EUR", "acknowledged")]

        page = house.accountant.page(house.link("Journal 9000001"))
        assert "taGLTransactionHeaderInsert" in page.select("pre")[-1].get_text()
        assert "attempt 1 booked" in words(page)
        entry = next(one for one in page.select("td a") if str(one["href"]).startswith("/journal/"))
        told = words(house.accountant.page(str(entry["href"])))
        assert "Owed by payment providers" in told
        assert "Handed to an accounting system as dynamics-gp, Journal 9000001" in told

    @pytest.mark.use_case("ACC-02")
    def test_summary_or_detail_by_rule(self, house: House) -> None:
        said = soup(
            house.accountant.submit(
                f"/erp/{GP}/accounts", action=f"/erp/{GP}/accounts/treat", book="bank", treatment="detail"
            ).text
        )
        assert "Entries are told so that are taken from now on." in words(said)
        for amount in ("1.00", "2.00"):
            a_recognition(amount)
            paid = Money.parse(amount, "EUR")
            book_entry(debit("bank", paid), credit("provider_clearing", paid, owner="sandbox"))
        house.hand_over()
        house.simulator.work()
        house.hand_over()

        assert house.documents()[1:] == [
            ("Journal 9000002", "1.00 EUR", "acknowledged"),
            ("Journal 9000003", "2.00 EUR", "acknowledged"),
            ("Journal 9000004", "3.00 EUR", "acknowledged"),
        ]
        booked = {line[0] for line in house.simulator.lines()}
        assert booked == {9_000_001, 9_000_002, 9_000_003, 9_000_004}

    @pytest.mark.use_case("ACC-02")
    def test_control_totals_equal_the_ledgers(self, house: House) -> None:
        batches = services.get(Accounting).erp_batches(exporter=GP)
        shown: dict[str, Decimal] = {}
        for batch in batches:
            page = house.accountant.page(f"/erp/{GP}/batches/{batch.number}")
            for row in page.select("section:nth-of-type(2) tbody tr"):
                _told, book, debits, credits = (words(cell) for cell in row.select("td"))
                amount = _euros(debits) - _euros(credits)
                shown[book] = shown.get(book, Decimal()) + amount
        booked = {
            line.book: Decimal(line.debit_minor - line.credit_minor) / 100
            for line in services.get(Ledger).trial_balance()
        }
        named = {
            "provider_clearing": "Owed by payment providers",
            "wallet_funding": "Paid for units in wallets",
            "bank": "At the bank",
            "deferred_revenue": "Service paid for, not delivered",
            "revenue": "Revenue",
        }
        assert shown == {named[book]: amount for book, amount in booked.items()}
        # And what GP has is the same again.
        there: dict[str, Decimal] = {}
        for _journal, account, _code, debits, credits in house.simulator.lines():
            there[account] = there.get(account, Decimal()) + debits - credits
        assert there == {GP_ACCOUNTS[book]: amount for book, amount in booked.items()}

    @pytest.mark.use_case("ACC-02")
    def test_cash_receipts_and_customers_likewise(self, house: House) -> None:
        house.accountant.submit(
            f"/erp/{GP}/accounts",
            action=f"/erp/{GP}/accounts/customer",
            number="CARDS",
            name="Card payments",
        )
        house.map("provider_clearing", "000-1110-00", owner_class="visa", customer="CARDS", method="card")
        house.accountant.submit(
            f"/erp/{GP}/accounts",
            action=f"/erp/{GP}/accounts/treat",
            book="provider_clearing",
            treatment="receipt",
        )
        a_top_up("42.00", provider="visa")
        for _ in range(3):
            house.hand_over()
            house.simulator.work()
        house.hand_over()

        assert house.documents()[-2:] == [
            ("Customer 1", "–", "acknowledged"),
            ("Cash receipt 1", "42.00 EUR", "acknowledged"),
        ]
        assert house.simulator.customers() == {"CARDS": "Card payments"}
        assert house.simulator.receipts() == [("WC1", "CARDS", Decimal("42.00"))]
        assert_exports_prove()

    @pytest.mark.use_case("ACC-23", "ACC-24")
    def test_a_refused_document_is_shown_with_its_error_and_sent_again(self, house: House) -> None:
        house.simulator.control(accounts=(*set(GP_ACCOUNTS.values()) - {"000-1100-00"}, "000-1105-00"))
        paid = Money.parse("7.00", "EUR")
        book_entry(debit("bank", paid), credit("revenue", paid))
        house.hand_over()
        house.simulator.work()
        house.hand_over()
        (refused,) = services.get(Accounting).erp_documents(exporter=GP, state=ErpState.REFUSED)
        name = f"Journal {refused.number}"

        chosen = house.accountant.page(f"/erp/{GP}", state="refused")
        assert [words(row.select_one("td")) for row in chosen.select("table.wb-told tbody tr")] == [name]
        assert "There is no account 000-1100-00." in words(chosen)
        address = house.link(name)
        assert "There is no account 000-1100-00." in words(house.accountant.page(address))

        house.map("bank", "000-1105-00")
        again = soup(house.accountant.submit(address, action=f"{address}/send-again").text)
        assert "It is sent again, under its number." in words(again)
        house.hand_over()
        house.simulator.work()
        house.hand_over()

        assert house.documents()[-1] == (name, "7.00 EUR", "acknowledged")
        assert ("000-1105-00", Decimal("7.00")) in [(line[1], line[3]) for line in house.simulator.lines()]
        texts = house.accountant.page(address).select("pre")
        assert any("000-1100-00" in one.get_text() for one in texts)
        (line,) = (
            services.get(Audit)
            .operations(where=OperationFilter(name="erp.send_again", subject_id=str(refused.id)), limit=5)
            .items
        )
        assert line.actor_id == str(house.accountant.administrator.id)
        assert_exports_prove()

    @pytest.mark.use_case("ACC-24")
    def test_a_silent_one_may_be_confirmed_by_who_has_looked(self, house: House) -> None:
        house.simulator.control(silent=True)
        paid = Money.parse("8.00", "EUR")
        book_entry(debit("bank", paid), credit("revenue", paid))
        house.hand_over()
        house.simulator.work()
        house.hand_over()
        (silent,) = services.get(Accounting).erp_documents(exporter=GP, state=ErpState.SENT)
        address = f"/erp/document/{silent.id}"
        assert "Exactly as it was, under the same number." in words(house.accountant.page(address))

        done = soup(
            house.accountant.submit(address, action=f"{address}/confirm", reason="Journal is in GP").text
        )
        assert "It counts as acknowledged, on your word." in words(done)
        assert "Journal is in GP" in words(house.accountant.page(address))
        assert_exports_prove()

    @pytest.mark.use_case("ACC-23")
    def test_what_cannot_be_said_there_is_told_in_a_sentence(self, house: House) -> None:
        amount = Money(10**14, currency("JPY"))
        book_entry(debit("bank", amount), credit("revenue", amount))
        house.hand_over()
        (refused,) = services.get(Accounting).erp_documents(exporter=GP, state=ErpState.REFUSED)
        page = words(house.accountant.page(f"/erp/document/{refused.id}"))
        assert "The accounting system can't take an amount of 100000000000000 JPY." in page
        assert "It could not be written yet." in page

    @pytest.mark.use_case("ACC-23")
    @pytest.mark.parametrize("role", [Role.SUPPORT, Role.ADMINISTRATOR])
    def test_who_may_not_send_has_no_button_and_is_refused(self, house: House, role: Role) -> None:
        visitor = house.office.signed_in(role)
        if role is Role.SUPPORT:
            assert visitor.get("/erp").status_code == 403
            return
        page = visitor.page(f"/erp/{GP}")
        assert not page.select(f"form[action='/erp/{GP}/run']")
        token = visitor.client.cookies.get("csrftoken") or next(iter(visitor.client.cookies.values()))
        field = page.select_one("input[name=csrfmiddlewaretoken]")
        sent = visitor.post(
            f"/erp/{GP}/run", csrfmiddlewaretoken=field["value"] if field else token, key="k1"
        )
        assert "Your role does not allow this." in words(soup(sent.text))

    @pytest.mark.use_case("ACC-23")
    @pytest.mark.parametrize(
        "path",
        ["/erp/nothing", f"/erp/{GP}/batches/99999", "/erp/document/0190a000-0000-7000-8000-000000000001"],
    )
    def test_what_is_not_there_says_so(self, house: House, path: str) -> None:
        assert house.accountant.get(path).status_code == 404

    def test_every_page_is_there_in_german(self, house: House) -> None:
        german = house.office.with_certificate(house.accountant.administrator, house.accountant.certificate)
        german.client.headers["Accept-Language"] = "de"
        german.sign_in()
        assert "Buchhaltungssysteme" in words(german.page("/erp"))
        assert "Konto drüben" in words(german.page(f"/erp/{GP}/accounts"))


class TestTheJob:
    @pytest.mark.use_case("ACC-02")
    def test_everything_goes_by_itself_each_entry_once(self, database: str, tmp_path: Path) -> None:
        with a_gp(tmp_path) as gp:
            gp.map_all()
            treat("provider_clearing", Treatment.DETAIL)
            for amount in ("5.00", "6.00"):
                a_top_up(amount)
            for _ in range(3):
                the_job()
                gp.simulator.work()
            the_job()
            assert [(one.state, one.amount_minor) for one in gp.documents()] == [
                ("acknowledged", 500),
                ("acknowledged", 600),
            ]
            assert len(gp.simulator.lines()) == 4
            assert_exports_prove()


class TestTheCommandLine:
    @pytest.fixture
    def warchest(self, database: str, tmp_path: Path):
        file = tmp_path / "warchest.toml"
        file.write_text(written_beside(f'[erp.dynamics-gp]\nfolder = "{tmp_path / "gp"}"\n'))

        def run(*words: str) -> str:
            settle_books()
            done = subprocess.run(
                [sys.executable, "-m", "warchest.cli.main", "erp", *words],
                env={**os.environ, "WARCHEST_DATABASE_NAME": database, "WARCHEST_CONFIG": str(file)},
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert "Traceback" not in done.stderr, done.stderr
            return done.stdout + done.stderr

        return run

    @pytest.mark.use_case("ACC-02", "ACC-16", "ACC-23", "ACC-24")
    def test_an_operator_can_do_all_of_it(self, warchest: Callable[..., str], tmp_path: Path) -> None:
        simulator = Simulator(tmp_path / "gp")
        simulator.control(refuses_next=1)
        a_top_up("20.00")

        assert "not begun: warchest erp begin dynamics-gp" in warchest("list")
        assert "export_not_begun" in warchest("status", GP)
        assert "Begun behind position 0" in warchest("begin", GP, "--first-journal-number", "500")
        assert "Nothing waits for a batch." in warchest("run", GP)
        assert "not mapped: wallet_funding house EUR (1 entries)" in warchest("status", GP)
        for book, account in GP_ACCOUNTS.items():
            assert f"{book} * * → {account}" in warchest("map", GP, book, account)
        assert "Batch 1: 1 entries in 1 documents." in warchest("run", GP)
        simulator.work()
        assert "answered 1" in warchest("run", GP)
        listed = warchest("queue", GP, "--state", "refused")
        assert "journal 500 2026-03-15 refused" in listed and "told to refuse" in listed
        document = listed.split()[0]
        assert "<JRNENTRY>500</JRNENTRY>" in warchest("show", document)
        assert "journal 500 is waiting, attempt 2." in warchest("resend", document)
        warchest("run", GP)
        simulator.work()
        warchest("run", GP)
        assert "documents acknowledged 1" in warchest("status", GP)
        assert "well: " in warchest("list")
        assert "all other books: detail" in warchest("treat", GP, "detail")
        assert "treatment_not_offered" in warchest("treat", GP, "receipt")
        assert "export_begun" in warchest("begin", GP)
        assert "exporter_unknown" in warchest("begin", "elsewhere")
        assert len(simulator.lines()) == 2


@pytest.mark.use_case("ACC-02")
def test_a_ledger_of_another_shape_takes_the_same_books(database: str, tmp_path: Path) -> None:
    """beancount: accounts are words, nobody answers later, there are no receipts."""
    from beancount import loader
    from beancount.core.data import Transaction

    from tests.builders.configuration import changed_configuration
    from tests.builders.erp import BEANCOUNT, by_operator
    from warchest.journeys.begin_export import begin_export

    with changed_configuration(erp={BEANCOUNT: {"folder": str(tmp_path / "warchest")}}):
        begin_export(by_operator(), exporter=BEANCOUNT)
        for book, account in (
            ("provider_clearing", "Assets:Clearing"),
            ("wallet_funding", "Liabilities:Wallets"),
            ("deferred_revenue", "Liabilities:Deferred"),
            ("revenue", "Income:Service"),
        ):
            map_account(book, account, exporter=BEANCOUNT)
        treat("provider_clearing", Treatment.DETAIL, exporter=BEANCOUNT)
        a_top_up("20.00")
        a_top_up("3000", "JPY")
        a_recognition("5.00")
        the_job()
        a_recognition("1.00")
        from datetime import timedelta

        from tests.builders.people import NOW

        the_job(at=NOW + timedelta(days=1))
        documents = services.get(Accounting).erp_documents(exporter=BEANCOUNT)
        assert {one.state for one in documents} == {ErpState.ACKNOWLEDGED}

    main = tmp_path / "main.beancount"
    main.write_text('plugin "beancount.plugins.auto_accounts"\ninclude "warchest/*.beancount"\n')
    directives, errors, _ = loader.load_file(str(main))
    assert not errors
    found: dict[tuple[str, str], Decimal] = {}
    for one in directives:
        if isinstance(one, Transaction):
            for posting in one.postings:
                place = (posting.account, posting.units.currency)
                found[place] = found.get(place, Decimal()) + posting.units.number
    assert found == {
        ("Assets:Clearing", "EUR"): Decimal("20.00"),
        ("Liabilities:Wallets", "EUR"): Decimal("-20.00"),
        ("Assets:Clearing", "JPY"): Decimal("3000"),
        ("Liabilities:Wallets", "JPY"): Decimal("-3000"),
        ("Liabilities:Deferred", "EUR"): Decimal("6.00"),
        ("Income:Service", "EUR"): Decimal("-6.00"),
    }
    assert_exports_prove()
