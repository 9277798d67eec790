"""Accountants take providers' settlements in by the back office, and say by an entry what each difference was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from bs4 import BeautifulSoup

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.people import a_command, a_player
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.import_statement import import_statement
from warchest.journeys.reconcile_settlement import take_settlement
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.payments.contract import LineState, Payment, Payments, ProviderBalance, Settlement
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import LineKind, SettlementLine, SettlementReport
from warchest_banktransfer.simulator import PretendedBank
from warchest_sandbox.testing import RunningSandbox

pytestmark = pytest.mark.use_case("PAY-03")


def euro(amount: str) -> Money:
    return Money.parse(amount, "EUR")


def text(amount: str) -> str:
    return f"{amount}\N{NO-BREAK SPACE}EUR".replace("-", "\N{MINUS SIGN}")


@pytest.fixture
def paid(office: BackOffice, sandbox: RunningSandbox) -> Iterator[Payment]:
    sandbox.control(lose_notices=True)
    with changed_configuration(providers={"sandbox": sandbox.settings}):
        yield a_payment(sandbox)


def a_payment(sandbox: RunningSandbox, *, at: datetime | None = None) -> Payment:
    started = start_top_up(
        a_command(at=at or now()), player=a_player().id, amount=euro("10.00"), provider="sandbox"
    ).answer
    sandbox.pay(str(started.id))
    return inquire_and_settle(a_command(at=at or now()), payment_id=started.id).answer


def the_settlement_with(payment: UUID) -> Settlement:
    payments = services.get(Payments)
    (found,) = [line for line in payments.settlement_lines(limit=10_000) if line.payment == payment]
    return payments.settlement(settlement_id=found.settlement)


def a_difference(payment: Payment, *, said: str) -> Settlement:
    """The provider says that the payment brought another amount, and pays that out."""
    line = SettlementLine(
        id=f"l-{payment.id}",
        kind=LineKind.PAYMENT,
        gross=euro(said),
        fee=euro("0.00"),
        occurred_at=datetime.now(UTC),
        reference=str(payment.id),
    )
    report = SettlementReport(
        id=f"s-{payment.id}", currency="EUR", lines=(line,), settled_on=now().date(), paid_out=euro(said)
    )
    return take_settlement(a_command(at=now()), provider="sandbox", report=report).answer


def cells(visitor: Visitor, place: str, containing: str) -> list[str]:
    (row,) = [one for one in visitor.page(place).select("tbody tr") if containing in str(one)]
    return [cell.get_text(" ", strip=True) for cell in row.select("td")]


def bring(visitor: Visitor, file: bytes) -> str:
    form = visitor.page("/settlements").select_one('form[action="/settlements/import"]')
    said = {one["name"]: one["value"] for one in form.select("input[type=hidden]")}
    answer = visitor.client.post(
        "/settlements/import",
        data={**said, "provider": "sandbox"},
        files={"file": ("settlement", file, "application/octet-stream")},
        headers={"Referer": visitor.url + "/settlements"},
        follow_redirects=True,
    )
    assert answer.status_code == 200
    return answer.text


def booked(book: str, owner: str = "") -> Money:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted


def test_asks_the_provider_and_brings_its_file_and_takes_each_in_once(
    office: BackOffice, sandbox: RunningSandbox, paid: Payment
) -> None:
    sandbox.settle()
    accountant, today = office.signed_in(Role.ACCOUNTANT), now().date().isoformat()
    told = accountant.submit("/settlements", action="/settlements/fetch", provider="sandbox", day=today).text
    settled = the_settlement_with(paid.id)
    assert f"Settlement {settled.number} agrees with our books." in told
    before = len(services.get(Payments).settlements(limit=1000))

    answer = bring(accountant, sandbox.settlement_file(now().date()))
    assert f"Settlement {settled.number} agrees with our books." in answer
    assert len(services.get(Payments).settlements(limit=1000)) == before

    listed = cells(accountant, "/settlements", settled.number)
    assert listed[-1] == "agrees" and text(settled.paid_out.major) in listed
    (line,) = [
        one
        for one in accountant.page(f"/settlements/{settled.id}").select("tbody tr")
        if one.select_one(f'a[href="/payment/{paid.id}"]')
    ]
    assert line.get_text().count(text("10.00")) == 2  # theirs and ours
    assert_books_prove()


def test_takes_no_file_in_that_is_too_large_or_not_the_providers(office: BackOffice, paid: Payment) -> None:
    before = services.get(Payments).settlements(limit=1000)
    accountant = office.signed_in(Role.ACCOUNTANT)
    assert "The file is too large." in bring(accountant, b"x" * (5 * 1024 * 1024 + 1))
    told = bring(accountant, b"\x00\xff not a settlement")
    assert "This file can" in told
    assert services.get(Payments).settlements(limit=1000) == before


def test_a_difference_is_seen_beside_ours_and_resolved_by_an_entry_once(
    office: BackOffice, paid: Payment
) -> None:
    settled = a_difference(paid, said="9.00")
    place = f"/settlements/{settled.id}"
    (found,) = services.get(Payments).settlement_lines(settlement_id=settled.id)
    accountant = office.signed_in(Role.ACCOUNTANT)
    assert "1 open" in cells(accountant, "/settlements", settled.number)
    page = accountant.page(place).get_text()
    assert text("9.00") in page and text("10.00") in page and "another amount" in page

    action, before = f"{place}/lines/{found.id}/resolve", booked("settlement_differences")
    told = accountant.submit(place, action=action, book="revenue", reason="a try").text
    assert services.get(Payments).settlement_line(line_id=found.id).state is LineState.DIFFERS, told
    form = accountant.page(place).select_one(f'form[action="{action}"]')
    sent = {one["name"]: one["value"] for one in form.select("input[type=hidden]")}
    sent |= {"book": "settlement_differences", "reason": "they rounded"}
    for _ in range(2):
        told = accountant.post(action, referer=place, **sent).text
        assert "It is booked, and the line resolved." in told
    assert (booked("settlement_differences") - before) == euro("1.00")
    assert services.get(Payments).settlement_line(line_id=found.id).state is LineState.RESOLVED
    assert not accountant.page(place).select_one(f'form[action="{action}"]')
    assert "agrees" in cells(accountant, "/settlements", settled.number)
    assert_books_prove()


def test_shows_what_no_settlement_named_after_a_week(
    office: BackOffice, sandbox: RunningSandbox, paid: Payment
) -> None:
    a_difference(paid, said="10.00")
    forgotten = a_payment(sandbox, at=now() - timedelta(days=8))
    fresh = a_payment(sandbox)
    missing = office.signed_in(Role.ACCOUNTANT).page("/settlements").select_one("#missing")
    linked = {one["href"] for one in missing.select("a")}
    assert f"/payment/{forgotten.id}" in linked
    assert not linked & {f"/payment/{paid.id}", f"/payment/{fresh.id}"}


def test_is_read_by_who_reads_the_books_and_taken_in_by_accountants(
    office: BackOffice, sandbox: RunningSandbox, paid: Payment
) -> None:
    sandbox.settle()
    support = office.signed_in(Role.SUPPORT)
    assert support.get("/settlements").status_code == 403
    administrator = office.signed_in(Role.ADMINISTRATOR)
    assert not administrator.page("/settlements").select_one('form[action="/settlements/fetch"]')
    token = administrator.page("/settlements").select_one("input[name=csrfmiddlewaretoken]")
    fields = {"csrfmiddlewaretoken": token["value"]} if token else {}
    told = administrator.post(
        "/settlements/fetch",
        referer="/settlements",
        provider="sandbox",
        day=now().date().isoformat(),
        **fields,
    ).text
    assert "Your role does not allow this." in told
    lines = services.get(Payments).settlement_lines(limit=10_000)
    assert paid.id not in {line.payment for line in lines}


def balances() -> dict[tuple[str, str], ProviderBalance]:
    """Tests of other areas leave payments of other providers behind."""
    found = services.get(Payments).provider_balances()
    return {(one.provider, one.clearing.currency.code): one for one in found}


@pytest.mark.use_case("PAY-24")
def test_providers_balances_say_what_was_taken_and_where_it_is(
    office: BackOffice, sandbox: RunningSandbox, paid: Payment
) -> None:
    before = balances()["sandbox", "EUR"]
    sandbox.settle()
    accountant = office.signed_in(Role.ACCOUNTANT)
    accountant.submit(
        "/settlements", action="/settlements/fetch", provider="sandbox", day=now().date().isoformat()
    )
    a_payment(sandbox)
    balance = balances()["sandbox", "EUR"]
    assert balance.collected - before.collected == euro("10.00")
    assert balance.paid_out > before.paid_out and balance.fees > before.fees
    # What was collected is somewhere: kept as a fee, held back, paid out, or owed to us.
    assert balance.collected - before.collected == (
        (balance.fees - before.fees)
        + (balance.reserved - before.reserved)
        + (balance.paid_out - before.paid_out)
        + (balance.clearing - before.clearing)
    )
    rows = [
        [cell.get_text(strip=True) for cell in row.select("td")]
        for row in accountant.page("/settlements").select("#balances tbody tr")
    ]
    assert len(rows) == len(balances())
    assert [
        "sandbox",
        *(
            text(amount.major)
            for amount in (
                balance.collected,
                balance.refunded,
                balance.disputed,
                balance.fees,
                balance.reserved,
                balance.paid_out,
                balance.clearing,
            )
        ),
    ] in rows


@pytest.mark.use_case("PAY-29")
class TestPayoutsAtTheBank:
    @pytest.fixture
    def bank(self, office: BackOffice) -> Iterator[PretendedBank]:
        iban = "DE89370400440532013000"
        table = {"iban": iban, "bic": "COBADEFFXXX", "beneficiary": "Nova e. V."}
        with changed_configuration(providers={"banktransfer": table}):
            yield PretendedBank(iban, balance_minor=100_000, day=now().date())

    def test_lead_from_the_settlement_to_the_entry_and_back(
        self, office: BackOffice, bank: PretendedBank
    ) -> None:
        settled = paid_out("17.31", "PO-SIDE-BY-SIDE")
        bank.receive("17.31", text="PO-SIDE-BY-SIDE")
        import_statement(
            a_command(at=now()), provider="banktransfer", data=bank.statement(statement_id=str(new_id())[:35])
        )
        accountant = office.signed_in(Role.ACCOUNTANT)

        entry = link(accountant.page(f"/settlements/{settled.id}"), "/bank/entry/")
        page = accountant.page(entry)
        assert "A provider paid out." in page.get_text()
        assert link(page, "/settlements/").endswith(str(settled.id))
        # The journal's entry leads to the bank's.
        assert link(accountant.page(link(page, "/journal/")), "/bank/entry/") == entry
        assert_books_prove()

    def test_a_difference_is_said_by_a_person(self, office: BackOffice, bank: PretendedBank) -> None:
        settled = paid_out("40.00", "PO-WITH-A-CHARGE")
        bank.receive("38.50", text="PO-WITH-A-CHARGE")
        import_statement(
            a_command(at=now()), provider="banktransfer", data=bank.statement(statement_id=str(new_id())[:35])
        )
        accountant = office.signed_in(Role.ACCOUNTANT)
        listed = accountant.page("/bank")
        entry = next(
            one["href"]
            for one in listed.select('a[href^="/bank/entry/"]')
            if "38.50" in str(one.find_parent("tr"))
        )
        assert "which is of another amount" in accountant.page(entry).get_text()

        answer = accountant.submit(
            entry,
            action=f"{entry}/payout",
            settlement=str(settled.id),
            book="provider_fees",
            note="what the wire cost",
        ).text

        assert "It is settled and booked." in answer
        assert text("-1.50") in accountant.page("/settlements").get_text()
        assert_books_prove()

    def test_what_is_late_is_listed(self, office: BackOffice) -> None:
        settled = paid_out("3.21", "PO-LATE", at=now() - timedelta(days=12))
        late = office.signed_in(Role.ACCOUNTANT).page("/settlements").select_one("#late")
        assert late and settled.number in late.get_text()


def paid_out(amount: str, reference: str, *, at: datetime | None = None) -> Settlement:
    moment, number = at or now(), f"s-{new_id()}"
    line = SettlementLine(
        id=f"{number}-1", kind=LineKind.ADJUSTMENT, gross=euro(amount), fee=euro("0.00"), occurred_at=moment
    )
    report = SettlementReport(
        id=number,
        currency="EUR",
        lines=(line,),
        settled_on=moment.date(),
        paid_out=euro(amount),
        payout_reference=reference,
    )
    return take_settlement(a_command(at=moment), provider="sandbox", report=report).answer


def link(page: BeautifulSoup, *beginnings: str) -> str:
    """Where the first link of these leads."""
    return next(one["href"] for one in page.select(".wb-page a[href]") if one["href"].startswith(beginnings))
