"""What resellers pay by bank is booked against what they owe, and ends what was overdue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import NOW, a_command
from tests.builders.resellers import a_draft, a_stock_batch, sent, shipped
from tests.use_cases.test_cards_distribution import Kiosk, balance, refusal
from warchest.journeys.import_statement import Imported, import_statement
from warchest.kernel.money import Money
from warchest.payments.contract import EntryState, Payments, Resolution
from warchest.runtime.services import services
from warchest.views.reseller_settlement import settlement_of
from warchest_banktransfer.simulator import PretendedBank

IBAN = "DE89370400440532013000"

pytestmark = [pytest.mark.usefixtures("database", "configured"), pytest.mark.use_case("CRD-04")]


@pytest.fixture
def configured() -> Iterator[None]:
    table = {"iban": IBAN, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
    with changed_configuration(providers={"banktransfer": table}):
        yield


def received(*transfers: tuple[str, str]) -> Imported:
    """A statement of transfers, each an amount and what was written on it."""
    bank = PretendedBank(IBAN, balance_minor=100_000)
    for amount, text in transfers:
        bank.receive(amount, text=text, name="Harbour Games GmbH")
    return import_statement(a_command(), provider="banktransfer", data=bank.statement()).answer


def test_its_reference_books_a_transfer_by_itself():
    kiosk, batch = Kiosk(name="harbour-games"), a_stock_batch()
    shipped(batch, kiosk.reseller, kiosk.person)
    imported = received(("50.00", "Invoice of March, R-HARBOUR-GAMES"))
    assert (imported.matched, imported.waiting) == (1, 0)
    assert (kiosk.owes, balance("bank", IBAN)) == ("40.00", "50.00")
    (entry,) = services.get(Payments).bank_entries()
    assert (entry.state, entry.resolution) == (EntryState.MATCHED, Resolution.BOOK)
    assert_books_prove()


def test_a_payment_stands_in_the_settlement_of_the_month_in_which_the_bank_booked_it():
    kiosk, batch = Kiosk(name="harbour-games"), a_stock_batch()
    shipped(batch, kiosk.reseller, kiosk.person)
    received(("90.00", "R-harbour-games"))
    (entry,) = services.get(Payments).bank_entries()
    month = entry.booked_on.replace(day=1)
    lines = [(line.kind, line.net.major) for line in settlement_of(kiosk.reseller, month=month).lines]
    assert ("payment", "-90.00") in lines
    for one in (month, date(2026, 3, 1), date(2026, 4, 1)):
        made = settlement_of(kiosk.reseller, month=one)
        assert (
            made.opening + sum((line.net for line in made.lines), Money.parse("0.00", "EUR")) == made.closing
        )


@pytest.mark.parametrize(
    "text", ["R-nobody", "R-harbour-games or R-corner", "XR-harbour-games", "harbour-games"]
)
def test_what_names_no_one_reseller_waits_for_a_person(text: str):
    kiosk, other, batch = Kiosk(name="harbour-games"), Kiosk(name="corner"), a_stock_batch()
    shipped(batch, kiosk.reseller, kiosk.person)
    imported = received(("50.00", text))
    assert (imported.matched, imported.waiting, kiosk.owes, other.owes) == (0, 1, "90.00", "0.00")


@pytest.mark.use_case("CRD-35")
def test_who_has_paid_gets_new_cards_again():
    kiosk, batch = Kiosk(name="harbour-games", payment_days=14), a_stock_batch()
    shipped(batch, kiosk.reseller, kiosk.person, last=2)
    late = NOW + timedelta(days=15)
    draft = a_draft(batch, first=3, last=4, receiver=kiosk.reseller)
    assert refusal(lambda: sent(draft, at=late)) == "reseller_overdue"
    received(("18.00", "R-harbour-games"))
    sent(draft, at=late)
