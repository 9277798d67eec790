"""Money goes back to the payer: what it brought is set apart, and goes with it or is let go; disputes likewise."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from tests.builders.api import an_api_client, call
from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA_MONTH
from tests.builders.paying import TestProvider, Till, a_test_provider
from tests.builders.people import a_command, a_player, acting_as, an_administrator
from warchest.charging.contract import Charging, UnableToSettleDebt
from warchest.jobs.payments import settle_open_payments
from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.journeys.refund_found import take_refund_from_outside
from warchest.journeys.refund_payment import refund_payment
from warchest.journeys.settle_payment import settle_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.journeys.transfer_units import transfer_units
from warchest.journeys.write_off_debt import write_off_debt
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger
from warchest.members.contract import Role
from warchest.payments.contract import (
    AttemptOptions,
    Exchange,
    Payment,
    Payments,
    RefundState,
    Status,
    UnableToRefund,
)
from warchest.payments.operations import keep_answer
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction, technical_transaction
from warchest.sdk.payments import (
    Description,
    DisputeReport,
    DisputeStanding,
    PaymentProvider,
    Report,
    Standing,
)
from warchest.subscriptions.contract import Subscriptions

pytestmark = [
    pytest.mark.usefixtures("database", "bank"),
    pytest.mark.use_case("PAY-02"),
    pytest.mark.in_process("the provider is an object of the tests"),
]


@pytest.fixture
def bank() -> Iterator[Till]:
    with a_test_provider() as till:
        yield till


def paid(player: UUID, amount: str = "10.00") -> Payment:
    done = start_top_up(a_command(), player=player, amount=Money.parse(amount, "EUR"), provider="bank")
    assert done.answer.status is Status.SUCCEEDED
    return done.answer


def payment(payment_id: UUID) -> Payment:
    return services.get(Payments).payment(payment_id=payment_id)


def refund(payment_id: UUID, amount: str | None = None, **changes: Any):
    asked = None if amount is None else Money.parse(amount, "EUR")
    return refund_payment(
        changes.get("command") or a_command(), payment_id=payment_id, amount=asked, reason="changed mind"
    ).answer


def wallet(player: UUID):
    return services.get(Charging).wallet(player=player)


def debt(player: UUID) -> list[str]:
    return [owed.amount.major for owed in services.get(Charging).debts(player=player)]


def booked(book: str, code: str = "EUR", owner: str = "") -> str:
    account = AccountRef(book, code, owner)
    return services.get(Ledger).balance(account=account).posted.major


class TestUnitsThatAreLeft:
    def test_go_with_the_money_once_the_provider_confirms(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        bank.answers = [Report(Standing.PENDING, provider_reference="r-1")]

        asked = refund(top_up.id)

        assert (asked.state, asked.units.major, asked.debt.major) == (
            RefundState.INSTRUCTED,
            "1000.00",
            "0.00",
        )
        held = wallet(player)
        assert (held.posted.major, held.held.major, held.available.major) == ("1000.00", "1000.00", "0.00")
        assert payment(top_up.id).status is Status.SUCCEEDED
        assert_books_prove()

        later = a_command().at + timedelta(hours=30)
        assert settle_open_payments(at=later).refunds == 1

        confirmed = services.get(Payments).refund(refund_id=asked.id)
        assert (confirmed.state, confirmed.tries) == (RefundState.CONFIRMED, 2)
        assert [told.reference for told in bank.refunds] == [str(asked.id)] * 2
        assert wallet(player).posted.major == "0.00"
        assert payment(top_up.id).status is Status.REFUNDED
        assert (booked("provider_clearing", owner="bank"), booked("wallet_funding")) == ("0.00", "0.00")
        assert_books_prove()

    def test_are_let_go_when_the_provider_refuses(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        bank.answers = [Report(Standing.FAILED, reason="too_old")]

        asked = refund(top_up.id)

        assert (asked.state, asked.refusal) == (RefundState.REFUSED, "too_old")
        assert wallet(player).available.major == "1000.00"
        assert payment(top_up.id).refundable.major == "10.00"
        assert_books_prove()

    def test_stay_held_as_long_as_nobody_knows(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        bank.answers = [Report(Standing.UNKNOWN, reason="timeout")]
        asked = refund(top_up.id, "4.00")
        assert asked.state is RefundState.HELD
        assert wallet(player).available.major == "600.00"
        assert refund(top_up.id, "6.00").state is RefundState.CONFIRMED
        with pytest.raises(UnableToRefund, match="refund_exceeds_payment"):
            refund(top_up.id, "0.01")
        assert_books_prove()

    def test_in_parts_that_sum_to_the_payment(self):
        player = a_player().id
        top_up = paid(player, "1.07")
        for part in ("0.01", "0.33", "0.33", "0.40"):
            assert refund(top_up.id, part).state is RefundState.CONFIRMED
            assert_books_prove()
        assert payment(top_up.id).status is Status.REFUNDED
        assert wallet(player).posted.major == "0.00"

    def test_a_repeated_request_is_one_refund(self, bank: Till):
        top_up = paid(a_player().id)
        command = a_command()
        first, again = (refund(top_up.id, "4.00", command=command) for _ in range(2))
        assert first.id == again.id
        assert len(bank.refunds) == 1

    def test_ten_at_once_never_exceed_the_payment(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        together = threading.Barrier(10)

        def one(number: int) -> str:
            together.wait()
            try:
                return refund(top_up.id, "3.00").state
            except UnableToRefund as refusal:
                return refusal.reason
            finally:
                connections.close_all()

        with ThreadPoolExecutor(10) as pool:
            ends = sorted(pool.map(one, range(10)))
        assert ends == [RefundState.CONFIRMED] * 3 + ["refund_exceeds_payment"] * 7
        assert wallet(player).posted.major == "100.00"
        assert_books_prove()


class TestTimeThatIsNotServed:
    def bought(self, amount: str = "10.00") -> tuple[UUID, Payment]:
        sponsor = a_player()
        player = a_player(sponsor=sponsor).id
        top_up = paid(player, amount)
        prolong_subscription(a_command(), player=player, plan=ARENA_MONTH, periods=1)
        return player, top_up

    def ends_at(self, player: UUID) -> datetime:
        (found,) = services.get(Subscriptions).subscriptions(player=player)
        return found.ends_at

    def test_is_withheld_then_gone_with_tax_and_commission(self, bank: Till):
        player, top_up = self.bought()
        before = self.ends_at(player)
        on_hold = services.get(Ledger).book_sums_by_owner(book="commission_on_hold")
        assert sum(on_hold.values()) > 0
        bank.answers = [Report(Standing.PENDING)]

        asked = refund(top_up.id)

        assert asked.debt.minor <= 1
        assert self.ends_at(player) <= before - timedelta(days=27)
        assert_books_prove()
        settle_open_payments(at=a_command().at + timedelta(hours=30))
        assert services.get(Payments).refund(refund_id=asked.id).state is RefundState.CONFIRMED
        assert services.get(Ledger).book_sums_by_owner(book="commission_on_hold").keys() == on_hold.keys()
        assert sum(services.get(Ledger).book_sums_by_owner(book="commission_on_hold").values()) == 0
        assert (booked("deferred_revenue"), booked("wallet_funding")) == ("0.00", "0.00")
        assert_books_prove()

    def test_comes_back_when_the_provider_refuses(self, bank: Till):
        player, top_up = self.bought()
        before, deferred = self.ends_at(player), booked("deferred_revenue")
        bank.answers = [Report(Standing.FAILED)]
        refund(top_up.id)
        assert abs(self.ends_at(player) - before) < timedelta(minutes=5)
        assert booked("deferred_revenue") == deferred
        assert_books_prove()
        # And it can be asked for again, when it is withheld from the time that was given back.
        assert refund(top_up.id).state is RefundState.CONFIRMED
        assert booked("deferred_revenue") == "0.00"
        assert_books_prove()

    def test_that_was_served_is_owed_and_set_off_by_the_next_payment(self):
        player, top_up = self.bought()
        halfway = a_command().at + timedelta(days=15)
        for day in range(15):
            recognise_revenue(a_command(at=halfway), day=(a_command().at + timedelta(days=day)).date())
        asked = refund(top_up.id, command=a_command(at=halfway))
        assert asked.state is RefundState.CONFIRMED
        (owed,) = debt(player)
        assert Money.parse("0.00", "EUR") < Money.parse(owed, "EUR") < Money.parse("10.00", "EUR")
        assert_books_prove()

        again = paid(player, "20.00")
        assert again.set_off.major == owed
        assert debt(player) == []
        assert_books_prove()
        # What settled a debt brought no units, so going back it is owed again.
        assert refund(again.id).debt.major == owed
        assert debt(player) == [owed]
        assert_books_prove()


@pytest.mark.use_case("CHG-22")
class TestDebt:
    def test_is_written_off_up_to_what_is_owed(self, bank: Till):
        player = a_player().id
        top_up = paid(player)
        services_of_others = a_player().id
        transfer_units(a_command(), sender=player, recipient=services_of_others, amount=Money.units(100_000))
        assert refund(top_up.id).debt.major == "10.00"
        accountant = an_administrator(Role.ACCOUNTANT)
        write_off_debt(
            acting_as(accountant), player=player, amount=Money.parse("4.00", "EUR"), reason="gone away"
        )
        assert debt(player) == ["6.00"]
        with pytest.raises(UnableToSettleDebt, match="debt_smaller"):
            write_off_debt(
                acting_as(accountant), player=player, amount=Money.parse("6.01", "EUR"), reason="gone away"
            )
        assert booked("bad_debts") == "4.00"
        assert_books_prove()


class TestFoundAtTheProvider:
    def test_is_booked_once(self):
        player = a_player().id
        top_up = paid(player)
        made = Report(Standing.SUCCEEDED, provider_reference="r-77", amount=Money.parse("3.00", "EUR"))
        for _ in range(2):
            take_refund_from_outside(a_command(), payment_id=top_up.id, report=made)
        assert payment(top_up.id).refunded.major == "3.00"
        assert wallet(player).posted.major == "700.00"
        assert_books_prove()


@pytest.mark.use_case("PAY-09")
class TestPaidTwice:
    """The first attempt was given up for certain, or so its provider had said; then both bring money."""

    def given_up_and_tried_again(self, bank: Till) -> Payment:
        bank.starts = [Standing.FAILED]
        failed = start_top_up(
            a_command(), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="bank"
        ).answer
        assert failed.status is Status.FAILED
        again = _tried_again(a_command(), payment_id=failed.id).answer
        assert (again.attempt, again.status) == (2, Status.CREATED)
        return again

    def late(self, payment: Payment) -> Report:
        return Report(Standing.SUCCEEDED, provider_reference="late-1", amount=payment.amount)

    def heard(self, top_up: Payment, attempt: int, report: Report) -> Payment:
        with technical_transaction("payments"):
            keep_answer(
                payment_id=top_up.id,
                provider="bank",
                exchange=Exchange.NOTICE,
                report=report,
                at=a_command().at,
            )
        return settle_payment(a_command(), payment_id=top_up.id, report=report, attempt=attempt).answer

    def test_what_comes_second_goes_back(self, bank: Till):
        again = self.given_up_and_tried_again(bank)
        now_paid = Report(Standing.SUCCEEDED, provider_reference="b-2", amount=again.amount)
        assert self.heard(again, 2, now_paid).status is Status.SUCCEEDED
        for _ in range(2):
            self.heard(again, 1, self.late(again))
        (surplus,) = services.get(Payments).refunds(payment_id=again.id)
        assert (surplus.kind, surplus.attempt, surplus.amount.major) == ("surplus", 1, "10.00")
        assert booked("payer_surplus", owner=str(again.player)) == "10.00"
        assert_books_prove()
        settle_open_payments(at=a_command().at + timedelta(hours=30))
        assert services.get(Payments).refund(refund_id=surplus.id).state is RefundState.CONFIRMED
        assert bank.refunds[-1].payment_reference == f"b-{again.id}"
        assert (booked("payer_surplus", owner=str(again.player)), wallet(again.player).posted.major) == (
            "0.00",
            "1000.00",
        )
        assert_books_prove()

    def test_is_booked_as_owed_where_the_provider_gives_nothing_back(
        self, bank: Till, monkeypatch: pytest.MonkeyPatch
    ):
        again = self.given_up_and_tried_again(bank)
        self.heard(again, 2, Report(Standing.SUCCEEDED, provider_reference="b-2", amount=again.amount))
        unable = Description("Bank", ("card",), frozenset({"EUR"}))
        monkeypatch.setattr(TestProvider, "description", property(lambda self: unable))
        monkeypatch.setattr(TestProvider, "refund", PaymentProvider.refund)
        self.heard(again, 1, self.late(again))
        settle_open_payments(at=a_command().at + timedelta(hours=30))
        (surplus,) = services.get(Payments).refunds(payment_id=again.id)
        assert (surplus.kind, surplus.state) == ("surplus", RefundState.HELD)
        assert booked("payer_surplus", owner=str(again.player)) == "10.00"
        assert_books_prove()

    def test_whichever_comes_first_is_credited(self, bank: Till):
        again = self.given_up_and_tried_again(bank)
        credited = self.heard(again, 1, self.late(again))
        assert (credited.status, credited.attempt) == (Status.SUCCEEDED, 1)
        self.heard(again, 2, Report(Standing.SUCCEEDED, provider_reference="b-2", amount=again.amount))
        (surplus,) = services.get(Payments).refunds(payment_id=again.id)
        assert surplus.attempt == 2
        assert wallet(again.player).posted.major == "1000.00"
        assert_books_prove()


@journey("tests.try_again")
def _tried_again(tx: Transaction, *, payment_id: UUID) -> Payment:
    return tx.get(Payments).open_attempt(
        payment_id=payment_id, provider="bank", options=AttemptOptions(), at=tx.command.at
    )


@pytest.mark.use_case("PAY-04")
class TestDispute:
    def heard(self, top_up: Payment, standing: DisputeStanding, **changes: Any):
        report = DisputeReport(
            id="d-1",
            standing=standing,
            amount=changes.pop("amount", top_up.amount),
            fee=Money.parse("15.00", "EUR"),
            reason="fraudulent",
            **changes,
        )
        return hear_dispute(a_command(), payment_id=top_up.id, provider="bank", report=report).answer

    def test_lost_takes_what_is_left_and_leaves_a_debt(self):
        player = a_player().id
        top_up = paid(player)
        for _ in range(2):
            self.heard(top_up, DisputeStanding.OPENED)
        assert (wallet(player).available.major, payment(top_up.id).status) == ("0.00", Status.DISPUTED)
        assert booked("disputed_funds", owner="bank") == "10.00"
        assert_books_prove()
        for _ in range(2):
            self.heard(top_up, DisputeStanding.LOST)
        assert (wallet(player).posted.major, debt(player)) == ("0.00", [])
        assert booked("provider_fees", owner="bank") == "15.00"
        with pytest.raises(UnableToRefund, match="refund_exceeds_payment"):
            refund(top_up.id)
        assert_books_prove()

    def test_won_gives_everything_back(self):
        player = a_player().id
        top_up = paid(player)
        self.heard(top_up, DisputeStanding.OPENED)
        self.heard(top_up, DisputeStanding.UNDER_REVIEW)
        self.heard(top_up, DisputeStanding.WON)
        # What comes late changes nothing.
        self.heard(top_up, DisputeStanding.OPENED)
        assert (wallet(player).available.major, payment(top_up.id).status) == ("1000.00", Status.SUCCEEDED)
        assert booked("provider_clearing", owner="bank") == "-5.00"
        assert_books_prove()

    def test_never_takes_more_than_refunds_have_left(self):
        player = a_player().id
        top_up = paid(player)
        refund(top_up.id, "4.00")
        found = self.heard(top_up, DisputeStanding.OPENED)
        assert (found.amount.major, found.excess.major) == ("6.00", "4.00")
        self.heard(top_up, DisputeStanding.LOST)
        assert_books_prove()

    def test_ten_notices_at_once_are_one_dispute(self):
        top_up = paid(a_player().id)
        together = threading.Barrier(8)

        def one(number: int) -> None:
            together.wait()
            try:
                self.heard(top_up, DisputeStanding.OPENED)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, range(8)))
        assert booked("disputed_funds", owner="bank") == "10.00"
        assert_books_prove()


class TestDoor:
    def test_of_the_api(self, bank: Till):
        client, player = an_api_client(), a_player().id
        top_up = paid(player)
        asked = {"amount": {"amount": "4.00", "currency": "EUR"}, "reason": "one card too many"}
        answer = call(client, "POST", f"/payments/{top_up.id}/refunds", asked, key="r1")
        assert answer.status_code == 201
        assert answer.json()["state"] == "confirmed"
        again = call(client, "POST", f"/payments/{top_up.id}/refunds", asked, key="r1")
        assert (again.json()["id"], again["Idempotent-Replayed"]) == (answer.json()["id"], "true")
        shown = call(client, "GET", f"/payments/{top_up.id}").json()
        assert (shown["status"], shown["refunded"]["amount"]) == ("partially_refunded", "4.00")
        more = call(
            client,
            "POST",
            f"/payments/{top_up.id}/refunds",
            {**asked, "amount": {"amount": "6.01", "currency": "EUR"}},
        )
        assert (more.status_code, more.json()["code"]) == (409, "refund_exceeds_payment")
        rest = call(client, "POST", f"/payments/{top_up.id}/refunds", {"reason": "all of it"})
        assert rest.json()["amount"]["amount"] == "6.00"
        (first, second) = call(client, "GET", f"/payments/{top_up.id}/refunds").json()
        assert (first["id"], second["id"]) == (answer.json()["id"], rest.json()["id"])
        unknown = call(client, "POST", f"/payments/{new_id()}/refunds", {"reason": "x"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "payment_unknown")
        assert_books_prove()
