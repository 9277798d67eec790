"""A provider's settlement beside our payments: fees and payout booked, differences found and resolved by an entry."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.builders.books import assert_books_prove
from tests.builders.configuration import changed_configuration
from tests.builders.paying import Till, a_test_provider
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.accounting.contract import UnableToBookDifference
from warchest.jobs.payments import fetch_settlements as fetch_in_the_background
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.reconcile_settlement import (
    fetch_settlements,
    import_settlements,
    resolve_difference,
    take_settlement,
)
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role, UnableToAdminister
from warchest.payments.contract import LineState, Payments, Status, UnableToSettle
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.sdk.payments import (
    DisputeReport,
    DisputeStanding,
    LineKind,
    SettlementLine,
    SettlementReport,
)
from warchest_sandbox.testing import RunningSandbox

pytestmark = [
    pytest.mark.usefixtures("database"),
    pytest.mark.use_case("PAY-03"),
    pytest.mark.in_process("the provider is an object of the tests"),
]
DAY = date(2026, 2, 2)
AT = datetime(2026, 2, 1, 12, tzinfo=UTC)


def euro(amount: str) -> Money:
    return Money.parse(amount, "EUR")


@pytest.fixture
def bank() -> Iterator[Till]:
    with a_test_provider() as till:
        yield till


def paid(amount: str):
    player = a_player().id
    done = start_top_up(a_command(), player=player, amount=euro(amount), provider="bank").answer
    assert done.status is Status.SUCCEEDED
    return done


def line(number: str, kind: LineKind, gross: str, fee: str = "0.00", **known: str) -> SettlementLine:
    return SettlementLine(id=number, kind=kind, gross=euro(gross), fee=euro(fee), occurred_at=AT, **known)


def report(number: str, *lines: SettlementLine, paid_out: str) -> SettlementReport:
    return SettlementReport(
        id=number, currency="EUR", lines=lines, settled_on=DAY, paid_out=euro(paid_out), payout_reference="P1"
    )


def take(told: SettlementReport):
    return take_settlement(a_command(), provider="bank", report=told).answer


def booked(book: str, owner: str = "bank") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, "EUR", owner)).posted.major


def states(settlement) -> dict[str, str]:
    lines = services.get(Payments).settlement_lines(settlement_id=settlement.id)
    return {one.line: one.state.value for one in lines}


@pytest.mark.usefixtures("bank")
class TestReconciling:
    def test_what_agrees_is_matched_and_its_fees_booked_once(self):
        one, two = paid("10.00"), paid("20.00")
        refund = refund_payment(a_command(), payment_id=two.id, amount=euro("5.00"), reason="asked").answer
        told = report(
            "s-1",
            line("1", LineKind.PAYMENT, "10.00", "0.30", reference=str(one.id)),
            line("2", LineKind.PAYMENT, "20.00", "0.60", provider_reference=f"b-{two.id}"),
            line("3", LineKind.REFUND, "-5.00", reference=str(refund.id)),
            line("4", LineKind.FEE, "-1.00"),
            line("5", LineKind.RESERVE, "-2.00"),
            paid_out="21.10",
        )
        first, again = take(told), take(told)
        assert first.id == again.id
        assert (first.lines, first.open_lines, first.fees.major, first.carried.major) == (
            5,
            0,
            "1.90",
            "0.00",
        )
        assert set(states(first).values()) == {"matched"}
        assert (booked("provider_clearing"), booked("provider_fees")) == ("0.00", "1.90")
        assert (booked("provider_reserve"), booked("payouts_under_way")) == ("2.00", "21.10")
        assert services.get(Payments).unsettled(before=now() + timedelta(days=400)) == ()
        (balance,) = services.get(Payments).provider_balances()
        assert (balance.collected.major, balance.refunded.major, balance.paid_out.major) == (
            "30.00",
            "5.00",
            "21.10",
        )
        assert_books_prove()

    def test_finds_what_is_missing_extra_and_different_and_each_is_resolved_by_an_entry(self):
        one, forgotten = paid("10.00"), paid("7.00")
        told = report(
            "s-1",
            line("1", LineKind.PAYMENT, "9.00", reference=str(one.id)),
            line("2", LineKind.PAYMENT, "3.00", reference="nobody"),
            line("3", LineKind.ADJUSTMENT, "-0.50"),
            paid_out="11.50",
        )
        settled = take(told)
        assert states(settled) == {"1": "differs", "2": "extra", "3": "extra"}
        assert services.get(Payments).unsettled(before=now() + timedelta(days=400)) == (forgotten.id,)
        # What the payout was too much or too little for stands in clearing until somebody says what it was.
        assert booked("provider_clearing") == "5.50"
        assert_books_prove()

        accountant = an_administrator(Role.ACCOUNTANT)
        for found in services.get(Payments).settlement_lines(settlement_id=settled.id):
            resolved = resolve_difference(
                acting_as(accountant), line_id=found.id, book="settlement_differences", reason="asked them"
            ).answer
            assert resolved.state is LineState.RESOLVED
            with pytest.raises(UnableToSettle, match="settlement_line_settled"):
                resolve_difference(
                    acting_as(accountant), line_id=found.id, book="settlement_differences", reason="again"
                )
        assert (booked("provider_clearing"), booked("settlement_differences", "")) == ("7.00", "-1.50")
        assert_books_prove()

    @pytest.mark.parametrize("told_as", ["d-1", "b-{}"])
    def test_a_disputes_fee_is_booked_once_whoever_tells_it_first(self, told_as: str):
        one = paid("10.00")
        hear_dispute(
            a_command(),
            payment_id=one.id,
            provider="bank",
            report=DisputeReport("d-1", DisputeStanding.OPENED, euro("10.00"), fee=euro("15.00")),
        )
        told = report(
            "s-1",
            line("1", LineKind.PAYMENT, "10.00", reference=str(one.id)),
            line("2", LineKind.DISPUTE, "-10.00", "15.00", provider_reference=told_as.format(one.id)),
            paid_out="-15.00",
        )
        take(told)
        assert (booked("provider_fees"), booked("provider_clearing")) == ("15.00", "0.00")
        assert_books_prove()

    def test_refuses_what_contradicts_itself_or_what_was_told_before(self):
        take(report("s-1", line("1", LineKind.FEE, "-1.00"), paid_out="-1.00"))
        for told, reason in (
            (report("s-1", line("1", LineKind.FEE, "-2.00"), paid_out="-2.00"), "settlement_differs"),
            (report("s-2", line("1", LineKind.FEE, "-1.00"), paid_out="-1.00"), "settlement_differs"),
            (
                report(
                    "s-3",
                    line("7", LineKind.FEE, "-1.00"),
                    line("7", LineKind.FEE, "-1.00"),
                    paid_out="-2.00",
                ),
                "settlement_lines_malformed",
            ),
        ):
            with pytest.raises(UnableToSettle, match=reason):
                take(told)
        assert_books_prove()

    def test_is_the_accountants_and_books_nowhere_else(self):
        settled = take(report("s-1", line("1", LineKind.ADJUSTMENT, "1.00"), paid_out="1.00"))
        (found,) = services.get(Payments).settlement_lines(settlement_id=settled.id)
        with pytest.raises(UnableToAdminister):
            resolve_difference(
                acting_as(an_administrator(Role.SUPPORT)), line_id=found.id, book="bad_debts", reason="x"
            )
        with pytest.raises(UnableToBookDifference):
            resolve_difference(
                acting_as(an_administrator(Role.ACCOUNTANT)), line_id=found.id, book="revenue", reason="x"
            )
        assert_books_prove()


def test_of_a_real_provider_by_its_report_and_by_its_file(tmp_path):
    with RunningSandbox(tmp_path) as sandbox:
        sandbox.control(lose_notices=True)
        with changed_configuration(providers={"sandbox": dict(sandbox.settings)}):
            player = a_player().id
            payment = start_top_up(
                a_command(), player=player, amount=euro("10.00"), provider="sandbox"
            ).answer
            sandbox.pay(str(payment.id))
            inquire_and_settle(a_command(), payment_id=payment.id)
            sandbox.settle()
            today = now().date()
            (settled,) = fetch_settlements(a_command(), provider="sandbox", day=today)
            assert settled.open_lines == 0 and settled.lines >= 1
            assert settled.paid_out < euro("10.00") and settled.carried.minor == 0
            (again,) = import_settlements(
                a_command(), provider="sandbox", data=sandbox.settlement_file(today)
            )
            assert again.id == settled.id
            assert fetch_in_the_background(at=now() + timedelta(days=1)) == 1
            assert booked("provider_clearing", "sandbox") == "0.00"
            assert_books_prove()
