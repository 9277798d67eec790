"""PAY-29: what a provider paid out is found in the bank's statement, by itself where both say the same, else by a person."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connections

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command, acting_as, an_administrator
from warchest.accounting.contract import UnableToBookDifference
from warchest.jobs.bank import match_bank_entries
from warchest.journeys import match_payout
from warchest.journeys.import_statement import Imported, import_statement
from warchest.journeys.match_payout import match_payouts, settle_as_payout
from warchest.journeys.reconcile_settlement import take_settlement
from warchest.kernel.errors import UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments.contract import (
    EntryKept,
    EntryState,
    Payments,
    Resolution,
    Settlement,
    UnableToMatchPayout,
    UnableToResolveBankEntry,
    WaitReason,
)
from warchest.runtime.services import services
from warchest.sdk.payments import LineKind, SettlementLine, SettlementReport
from warchest_banktransfer.simulator import PretendedBank

IBAN = "DE89370400440532013000"
pytestmark = [pytest.mark.usefixtures("database", "configured"), pytest.mark.use_case("PAY-29")]


@pytest.fixture
def configured() -> Iterator[None]:
    table = {"iban": IBAN, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
    with changed_configuration(providers={"banktransfer": table}):
        yield


@pytest.fixture
def bank() -> PretendedBank:
    return PretendedBank(IBAN, balance_minor=100_000)


def euro(amount: str) -> Money:
    return Money.parse(amount, "EUR")


def settled(
    paid_out: str,
    *,
    reference: str = "",
    provider: str = "sandbox",
    reserve: str = "0.00",
    at: datetime = NOW,
) -> Settlement:
    """A settlement that says nothing but what was kept back and paid out."""
    number = f"s-{new_id()}"
    gross = euro(paid_out) - euro(reserve)
    lines = [
        SettlementLine(
            id=f"{number}-1", kind=LineKind.ADJUSTMENT, gross=gross, fee=euro("0.00"), occurred_at=at
        )
    ]
    if euro(reserve):
        lines.append(
            SettlementLine(
                id=f"{number}-2",
                kind=LineKind.RESERVE,
                gross=euro(reserve),
                fee=euro("0.00"),
                occurred_at=at,
            )
        )
    report = SettlementReport(
        id=number,
        currency="EUR",
        lines=tuple(lines),
        settled_on=at.date(),
        paid_out=euro(paid_out),
        payout_reference=reference,
    )
    return take_settlement(a_command(at=at), provider=provider, report=report).answer


def take_in(bank: PretendedBank) -> Imported:
    return import_statement(a_command(), provider="banktransfer", data=bank.statement()).answer


def the_entry() -> EntryKept:
    (entry,) = services.get(Payments).bank_entries()
    return entry


def booked(book: str, owner: str = "") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.major


def under_way() -> list[str]:
    return [one.number for one in services.get(Payments).payouts_under_way()]


class TestIsFoundByItself:
    def test_by_the_reference_of_the_payout(self, bank: PretendedBank):
        settlement = settled("21.10", reference="PO-2026-0007", reserve="-2.00")
        assert booked("payouts_under_way", "sandbox") == "21.10"
        bank.receive("21.10", text="Sandbox payout po 2026 0007, thank you", name="SANDBOX LTD")

        found = take_in(bank)

        assert (found.matched, found.waiting) == (1, 0)
        entry = the_entry()
        assert (entry.state, entry.resolution) == (EntryState.MATCHED, Resolution.SETTLEMENT)
        assert (booked("bank", IBAN), booked("payouts_under_way", "sandbox")) == ("21.10", "0.00")
        assert booked("provider_reserve", "sandbox") == "2.00"
        arrival = services.get(Payments).arrivals(settlements=[settlement.id])[settlement.id]
        assert (arrival.entry, arrival.journal_entry) == (entry.id, entry.journal_entry)
        assert [one.id for one in services.get(Payments).brought_by(entry_id=entry.id)] == [settlement.id]
        assert_books_prove()

    def test_though_the_bank_told_of_it_before_the_provider_did(self, bank: PretendedBank):
        bank.receive("21.10", text="PO-2026-0007")
        assert take_in(bank).waiting == 1
        settled("21.10", reference="PO-2026-0007")

        assert match_bank_entries(at=NOW) == 1

        assert the_entry().state is EntryState.MATCHED
        assert_books_prove()

    def test_by_the_providers_name_and_the_amount_where_only_one_can_be_meant(self, bank: PretendedBank):
        settled("21.10", at=NOW - timedelta(days=3))
        bank.receive("21.10", text="your money", name="Sandbox Payments Ltd")
        assert take_in(bank).matched == 1
        assert_books_prove()

    @pytest.mark.parametrize("written", ["", "Somebody else"])
    def test_and_never_by_an_amount_alone(self, bank: PretendedBank, written: str):
        settled("21.10")
        bank.receive("21.10", text="hello", name=written or "Anna")
        assert take_in(bank).waiting == 1
        assert the_entry().reason is WaitReason.NO_REFERENCE
        assert len(under_way()) == 1

    def test_nor_where_two_payouts_are_alike(self, bank: PretendedBank):
        for _ in range(2):
            settled("21.10")
        bank.receive("21.10", name="Sandbox Ltd")
        assert take_in(bank).waiting == 1

    def test_nor_by_a_reference_too_short_to_be_one(self, bank: PretendedBank):
        settled("21.10", reference="P1")
        bank.receive("21.10", text="P1 Anna")
        assert take_in(bank).waiting == 1

    def test_with_several_settlements_in_one_sum(self, bank: PretendedBank):
        for amount in ("10.00", "11.10"):
            settled(amount, reference="PO-2026-0008")
        bank.receive("21.10", text="PO-2026-0008")
        assert take_in(bank).matched == 1
        assert (under_way(), booked("payouts_under_way", "sandbox")) == ([], "0.00")
        assert_books_prove()

    def test_where_the_reserve_that_was_let_go_comes_with_it(self, bank: PretendedBank):
        settled("8.00", reference="PO-2026-0001", reserve="-2.00")
        settled("2.00", reference="PO-2026-0180", reserve="2.00")
        bank.receive("8.00", text="PO-2026-0001")
        bank.receive("2.00", text="PO-2026-0180 rolling reserve")

        assert take_in(bank).matched == 2

        assert (booked("provider_reserve", "sandbox"), booked("bank", IBAN)) == ("0.00", "10.00")
        assert_books_prove()

    def test_where_the_provider_takes_what_it_is_owed(self, bank: PretendedBank):
        settled("-4.00", reference="DEBIT-2026-01")
        bank.pay_out("4.00", text="DEBIT-2026-01", name="Sandbox Ltd")

        assert take_in(bank).matched == 1

        assert (booked("bank", IBAN), booked("payouts_under_way", "sandbox")) == ("-4.00", "0.00")
        assert_books_prove()

    def test_once_whoever_looks_at_the_same_moment(self, bank: PretendedBank):
        bank.receive("21.10", text="PO-2026-0007")
        take_in(bank)
        settled("21.10", reference="PO-2026-0007")
        together = threading.Barrier(5)

        def look(_: int) -> int:
            together.wait()
            try:
                return match_payouts(a_command())
            finally:
                connections.close_all()

        with ThreadPoolExecutor(5) as threads:
            assert sum(threads.map(look, range(5))) == 1

        assert booked("bank", IBAN) == "21.10"
        assert_books_prove()

    def test_by_one_of_two_entries_that_name_it(self, bank: PretendedBank):
        settled("21.10", reference="PO-2026-0007")
        for _ in range(2):
            bank.receive("21.10", text="PO-2026-0007")

        found = take_in(bank)

        assert (found.matched, found.waiting) == (1, 1)
        assert (booked("bank", IBAN), booked("payouts_under_way", "sandbox")) == ("21.10", "0.00")
        assert_books_prove()

    def test_after_who_took_the_statement_in_was_killed(
        self, bank: PretendedBank, monkeypatch: pytest.MonkeyPatch
    ):
        settled("21.10", reference="PO-2026-0007")
        bank.receive("21.10", text="PO-2026-0007")

        def dies(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as killed:
            killed.setattr("warchest.journeys.import_statement.is_payout", dies)
            with pytest.raises(KeyboardInterrupt):
                take_in(bank)
        assert booked("bank", IBAN) == "0.00"

        assert match_bank_entries(at=NOW) == 1
        assert booked("bank", IBAN) == "21.10"
        assert_books_prove()


class TestAnotherAmount:
    @pytest.fixture
    def waits(self, bank: PretendedBank) -> tuple[Settlement, EntryKept]:
        settlement = settled("21.10", reference="PO-2026-0007")
        bank.receive("20.10", text="PO-2026-0007 less our charge")
        assert take_in(bank).waiting == 1
        return settlement, the_entry()

    def test_waits_for_a_person_who_says_what_the_difference_was(self, waits: tuple[Settlement, EntryKept]):
        settlement, entry = waits
        assert entry.reason is WaitReason.PAYOUT_DIFFERS
        assert match_bank_entries(at=NOW) == 0
        accountant = an_administrator(Role.ACCOUNTANT)

        settle_as_payout(
            acting_as(accountant),
            entry_id=entry.id,
            settlements=(settlement.id,),
            book="provider_fees",
            note="wire fee",
        )

        assert (booked("bank", IBAN), booked("payouts_under_way", "sandbox")) == ("20.10", "0.00")
        assert booked("provider_fees", "sandbox") == "1.00"
        arrival = services.get(Payments).arrivals(settlements=[settlement.id])[settlement.id]
        assert arrival.difference.major == "-1.00"
        assert (the_entry().state, the_entry().note) == (EntryState.RESOLVED, "wire fee")
        assert_books_prove()

    def test_is_refused_without_reason_right_or_book(self, waits: tuple[Settlement, EntryKept]):
        settlement, entry = waits
        accountant, support = an_administrator(Role.ACCOUNTANT), an_administrator(Role.SUPPORT)
        asked = {"entry_id": entry.id, "settlements": (settlement.id,), "book": "provider_fees"}
        for refusal, command, changes in (
            (UnableToAdminister, acting_as(support), {"note": "x"}),
            (UnableToResolveBankEntry, acting_as(accountant), {"note": " "}),
            (UnableToBookDifference, acting_as(accountant), {"note": "x", "book": "revenue"}),
            (UnableToMatchPayout, acting_as(accountant), {"note": "x", "settlements": ()}),
            (UnableToMatchPayout, acting_as(accountant), {"note": "x", "settlements": (new_id(),)}),
        ):
            with pytest.raises(refusal):
                settle_as_payout(command, **(asked | changes))
        assert booked("bank", IBAN) == "0.00"
        assert len(under_way()) == 1
        assert_books_prove()

    def test_of_two_providers_is_no_payout(self, waits: tuple[Settlement, EntryKept]):
        settlement, entry = waits
        other = settled("1.00", provider="stripe")
        with pytest.raises(UnableToMatchPayout) as refusal:
            settle_as_payout(
                acting_as(an_administrator(Role.ACCOUNTANT)),
                entry_id=entry.id,
                settlements=(settlement.id, other.id),
                book="provider_fees",
                note="x",
            )
        assert refusal.value.reason == "payout_of_two"

    def test_brings_a_payout_once(self, bank: PretendedBank, waits: tuple[Settlement, EntryKept]):
        settlement, entry = waits
        bank.receive("21.10", text="a second one")
        take_in(bank)
        (second,) = [one for one in services.get(Payments).bank_entries() if one.id != entry.id]
        together = threading.Barrier(2)

        def say(which: EntryKept) -> str:
            together.wait()
            try:
                settle_as_payout(
                    acting_as(accountant),
                    entry_id=which.id,
                    settlements=(settlement.id,),
                    book="provider_fees",
                    note="x",
                )
                return "booked"
            except UnableTo as refusal:
                return refusal.reason
            finally:
                connections.close_all()

        accountant = an_administrator(Role.ACCOUNTANT)
        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(say, (entry, second))) == ["booked", "payout_arrived"]
        assert_books_prove()


def test_the_database_refuses_that_an_arrival_is_changed(bank: PretendedBank):
    settled("21.10", reference="PO-2026-0007")
    bank.receive("21.10", text="PO-2026-0007")
    take_in(bank)
    with pytest.raises(DatabaseError), services.database("payments").cursor() as cursor:
        cursor.execute("UPDATE payments_payoutarrival SET difference_minor = 1")


def test_payouts_that_are_late_are_told_the_oldest_first(bank: PretendedBank):
    old = settled("1.00", at=NOW - timedelta(days=20))
    settled("2.00", at=NOW)
    late = services.get(Payments).payouts_under_way(before=(NOW - timedelta(days=7)).astimezone(UTC).date())
    assert [one.id for one in late] == [old.id]
    assert match_payout.match_payouts(a_command()) == 0
