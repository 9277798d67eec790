"""The bank in the back office, as an accountant meets it: a statement brought, what waits settled, orders taken away."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player
from warchest.charging.contract import Charging
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.members.contract import Role
from warchest.payments.contract import EntryKept, EntryState, Payment, Payments, Resolution, Status
from warchest.runtime.services import services
from warchest_banktransfer.simulator import PretendedBank

IBAN = "DE89370400440532013000"

pytestmark = pytest.mark.use_case("PAY-12")


@pytest.fixture
def accountant(office: BackOffice) -> Iterator[Visitor]:
    account = {"iban": IBAN, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
    with changed_configuration(providers={"banktransfer": account}):
        yield office.signed_in(Role.ACCOUNTANT)


_banks = iter(range(1, 100))


@pytest.fixture
def bank() -> PretendedBank:
    # The office is shared by tests, and a bank never gives two entries one number.
    return PretendedBank(IBAN, told=1000 * next(_banks), numbers=1000 * next(_banks))


def asked(amount: str) -> Payment:
    return start_top_up(
        a_command(), player=a_player().id, amount=Money.parse(amount, "EUR"), provider="banktransfer"
    ).answer


def bring(visitor: Visitor, file: bytes) -> httpx.Response:
    form = visitor.page("/bank").select_one('form[action="/bank/import"]')
    said = {one["name"]: one.get("value", "") for one in form.select("input[name]:not([type=file])")}
    return visitor.client.post(
        "/bank/import",
        data={**said, "provider": "banktransfer"},
        files={"file": ("statement.xml", file, "application/xml")},
        headers={"Referer": visitor.url + "/bank"},
        follow_redirects=True,
    )


def the_entry(reference: str) -> EntryKept:
    return next(
        one
        for one in services.get(Payments).bank_entries(limit=500)
        if reference in one.text or reference == one.creditor_reference
    )


def units_of(payment: Payment) -> str:
    return services.get(Charging).wallet(player=payment.player).posted.major


def test_a_statement_that_is_brought_credits_what_it_names(accountant: Visitor, bank: PretendedBank) -> None:
    payment = asked("25.00")
    bank.receive("25.00", reference=payment.provider_reference)
    bank.receive("4.00", text="a riddle for the accountant")
    file = bank.statement()

    first, again = bring(accountant, file), bring(accountant, file)

    assert "2 new entries (0 were known): 1 found their payments, 1 wait for you." in first.text
    assert "0 new entries (2 were known)" in again.text
    assert "a riddle for the accountant" in again.text
    assert units_of(payment) == "2500.00"
    assert_books_prove()


def test_a_damaged_file_is_refused_in_plain_words(accountant: Visitor, bank: PretendedBank) -> None:
    bank.receive("4.00", text="never seen")

    answer = bring(accountant, bank.damaged("does_not_add_up"))

    assert "This file is not whole" in answer.text
    assert "never seen" not in answer.text


def test_a_difference_is_shown_and_credited_by_a_persons_word(
    accountant: Visitor, bank: PretendedBank
) -> None:
    payment = asked("25.00")
    bank.receive("24.00", reference=payment.provider_reference)
    bring(accountant, bank.statement())
    entry = the_entry(payment.provider_reference)

    page = accountant.get(f"/bank/entry/{entry.id}").text
    assert "Less came than was asked." in page
    accountant.submit(
        f"/bank/entry/{entry.id}", action=f"/bank/entry/{entry.id}/credit", note="the bank kept one euro"
    )

    assert units_of(payment) == "2400.00"
    assert services.get(Payments).payment(payment_id=payment.id).status is Status.CANCELLED
    assert_books_prove()


def test_a_slip_of_the_pen_is_suggested(accountant: Visitor, bank: PretendedBank) -> None:
    payment = asked("26.00")
    right = payment.provider_reference
    bank.receive("26.00", text="slip " + right[:-1] + ("A" if right[-1] != "A" else "B"))
    bring(accountant, bank.statement())
    entry = the_entry("slip")

    assert right in accountant.get(f"/bank/entry/{entry.id}").text
    answer = accountant.submit(
        f"/bank/entry/{entry.id}", action=f"/bank/entry/{entry.id}/pay", note="a slip of the pen"
    )

    assert "It is settled and booked." in answer.text
    assert units_of(payment) == "2600.00"


def test_what_is_somebody_elses_goes_back_with_a_file(accountant: Visitor, bank: PretendedBank) -> None:
    bank.receive("7.77", text="meant for the tennis club")
    bring(accountant, bank.statement())
    entry = the_entry("tennis")
    accountant.submit(f"/bank/entry/{entry.id}", action=f"/bank/entry/{entry.id}/back", note="not ours")

    accountant.submit("/bank", action="/bank/orders", provider="banktransfer", day="2026-03-20")
    (made, *_) = services.get(Payments).payout_files()
    fetched = accountant.get(f"/bank/orders/{made.id}")

    assert fetched.headers["Content-Type"] == "application/xml"
    assert bank.carry_out(fetched.content) == 1
    bring(accountant, bank.statement())
    out = next(one for one in services.get(Payments).bank_entries(limit=500) if not one.incoming)
    assert (out.state, out.resolution) == (EntryState.MATCHED, Resolution.SENT_BACK)
    assert_books_prove()


def test_a_fee_is_booked_where_the_accountant_says(accountant: Visitor, bank: PretendedBank) -> None:
    bank.pay_out("9.90", text="account fee of March")
    bring(accountant, bank.statement())
    entry = the_entry("account fee")

    accountant.submit(
        f"/bank/entry/{entry.id}", action=f"/bank/entry/{entry.id}/book", book="bank_charges", note="fee"
    )

    settled = services.get(Payments).bank_entry(entry_id=entry.id)
    assert settled.resolution is Resolution.BOOK
    assert "Bank charges" in accountant.get(f"/journal/{settled.journal_entry}").text


def test_support_sees_nothing_of_it(office: BackOffice) -> None:
    assert office.signed_in(Role.SUPPORT).get("/bank").status_code == 403
