"""How a payment may stand next: the table in the code, the same table in the database, and no double credit whatever comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import ClassVar
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW, a_command, a_player
from warchest.charging.contract import Charging
from warchest.journeys.return_from_provider import return_from_provider
from warchest.journeys.settle_payment import settle_payment
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.payments import bulkhead, providers, rules
from warchest.payments.contract import Payment, Payments, Status, Verdict
from warchest.payments.invariants import INVARIANTS
from warchest.payments.providers import Plugin
from warchest.runtime.configuration import Configuration
from warchest.runtime.services import services
from warchest.sdk.payments import (
    Description,
    PaymentRequest,
    RawNotice,
    Report,
    Standing,
    UnableToTrustNotice,
)

TEN_EUROS = Money.parse("10.00", "EUR")


@dataclass(frozen=True, slots=True)
class NoSettings:
    pass


class Parrot:
    """A provider at the network's edge that says what it was told to say, or raises it."""

    settings_type: ClassVar[type[NoSettings]] = NoSettings
    says: ClassVar[Report | Exception] = Report(Standing.PENDING)
    heard: ClassVar[list[str]] = []

    def __init__(self, settings: NoSettings) -> None:
        self.description = Description(
            label="Parrot", methods=("visa",), currencies=frozenset({"EUR", "JPY"})
        )

    def start(self, payment: PaymentRequest) -> Report:
        assert not services.database("payments").in_atomic_block
        self.heard.append(payment.reference)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def inquire(self, payment: PaymentRequest, *, provider_reference: str) -> Report:
        return self.start(payment)

    def resume(self, payment: PaymentRequest, *, provider_reference: str, query: Mapping[str, str]) -> Report:
        return self.start(payment)

    def read_notice(self, notice: RawNotice) -> None:
        raise UnableToTrustNotice("notice_malformed")


@pytest.fixture
def parrot(database: str, monkeypatch: pytest.MonkeyPatch) -> type[Parrot]:
    plugin = Plugin("parrot", "warchest-parrot", "1.0", lambda: Parrot)
    monkeypatch.setattr(providers, "installed", lambda: {"parrot": plugin})
    bulkhead.forget_all()
    monkeypatch.setattr(
        providers, "configuration", lambda: Configuration(providers={"parrot": {"calls_at_once": 16}})
    )
    monkeypatch.setattr(Parrot, "says", Report(Standing.PENDING))
    monkeypatch.setattr(Parrot, "heard", [])
    return Parrot


def a_payment(player: UUID | None = None) -> Payment:
    return start_top_up(
        a_command(), player=player or a_player().id, amount=TEN_EUROS, provider="parrot"
    ).answer


def hear(payment: Payment, report: Report) -> Payment:
    """Keep a report among the payment's messages, as every way of hearing one does, and settle by it."""
    Parrot.says = report
    heard = services.get(Payments).inquire(payment_id=payment.id, at=NOW)
    return settle_payment(a_command(), payment_id=payment.id, report=heard.report).answer


class TestTheTable:
    @pytest.mark.usefixtures("database")
    def test_is_the_same_in_the_database(self) -> None:
        with services.database("payments").cursor() as cursor:
            for leaves in Status:
                for reaches in Status:
                    cursor.execute("SELECT payments_may_step(%s, %s)", [leaves, reaches])
                    assert cursor.fetchone()[0] is (reaches in rules.TRANSITIONS[leaves]), (leaves, reaches)

    def test_lets_no_credited_payment_become_unpaid(self) -> None:
        for status in rules.CREDITED:
            assert rules.TRANSITIONS[status] <= rules.CREDITED

    @given(
        status=st.sampled_from(Status),
        standing=st.sampled_from(Standing),
        taken=st.sampled_from([None, TEN_EUROS, Money.parse("9.99", "EUR"), Money.parse("1000", "JPY")]),
    )
    def test_holds_every_step_that_a_report_can_cause(
        self, status: Status, standing: Standing, taken: Money | None
    ) -> None:
        report = Report(standing, amount=taken)

        verdict, following, _ = rules.judge(status=status, asked=TEN_EUROS, report=report)

        assert following is status or following in rules.TRANSITIONS[status]
        if verdict is Verdict.CREDIT:
            assert standing is Standing.SUCCEEDED
            assert taken == TEN_EUROS
            assert status not in rules.CREDITED | {Status.REVIEW}
        if status in rules.CREDITED | {Status.REVIEW}:
            assert verdict is Verdict.NOTHING

    @pytest.mark.parametrize(
        ("status", "standing", "taken", "following"),
        [
            ("created", "pending", None, "pending"),
            ("created", "unknown", None, "unknown"),
            ("unknown", "pending", None, "pending"),
            ("pending", "unknown", None, "pending"),
            ("pending", "failed", None, "failed"),
            ("pending", "cancelled", None, "cancelled"),
            ("pending", "succeeded", "10.00", "succeeded"),
            ("pending", "succeeded", "9.99", "review"),
            ("pending", "succeeded", None, "review"),
            ("failed", "succeeded", "10.00", "succeeded"),
            ("failed", "succeeded", "10.01", "review"),
            ("cancelled", "succeeded", "10.00", "succeeded"),
            ("cancelled", "failed", None, "cancelled"),
            ("failed", "pending", None, "failed"),
            ("review", "succeeded", "10.00", "review"),
            ("review", "failed", None, "review"),
            ("succeeded", "failed", None, "succeeded"),
            ("succeeded", "pending", None, "succeeded"),
            ("succeeded", "succeeded", "10.00", "succeeded"),
            ("refunded", "succeeded", "10.00", "refunded"),
        ],
    )
    def test_by_example(self, status: str, standing: str, taken: str | None, following: str) -> None:
        report = Report(Standing(standing), amount=Money.parse(taken, "EUR") if taken else None)

        assert rules.judge(status=Status(status), asked=TEN_EUROS, report=report)[1] == following


_A_REPORT = st.builds(
    Report,
    standing=st.sampled_from(Standing),
    amount=st.sampled_from([TEN_EUROS, TEN_EUROS, TEN_EUROS, None, Money.parse("9.99", "EUR")]),
    provider_reference=st.sampled_from(["", "p-{payment}", "q-{payment}"]),
)


@pytest.mark.use_case("PAY-01")
@pytest.mark.in_process("the provider is an object of the tests")
class TestWhateverIsReported:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(reports=st.lists(_A_REPORT, min_size=1, max_size=8))
    def test_is_credited_at_most_once_and_only_as_asked(
        self, parrot: type[Parrot], reports: list[Report]
    ) -> None:
        player = a_player().id
        parrot.says = Report(Standing.PENDING)
        payment = a_payment(player)
        stands = [payment.status]

        for report in reports:
            number = report.provider_reference.format(payment=payment.id)
            stands.append(
                hear(payment, Report(report.standing, amount=report.amount, provider_reference=number)).status
            )

        good = any(r.standing is Standing.SUCCEEDED and r.amount == TEN_EUROS for r in reports)
        credited = services.get(Charging).wallet(player=player).posted
        assert credited == (payment.units if stands[-1] is Status.SUCCEEDED else Money.units(0))
        assert good or not credited
        for before, after in pairwise(stands):
            assert before is after or after in rules.TRANSITIONS[before]
        for check in INVARIANTS:
            assert list(check.violations()) == []

    def test_by_notice_inquiry_and_return_at_once_is_credited_once(self, parrot: type[Parrot]) -> None:
        player = a_player().id
        payment = a_payment(player)
        parrot.says = Report(Standing.SUCCEEDED, amount=TEN_EUROS, provider_reference="p-1")
        together = threading.Barrier(8)

        def ask(number: int) -> Status:
            try:
                together.wait(10)
                if number % 2:
                    return return_from_provider(a_command(), payment_id=payment.id, query={}).answer.status
                return hear(payment, parrot.says).status
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(8))) == {Status.SUCCEEDED}

        assert services.get(Charging).wallet(player=player).posted == payment.units
        assert_books_prove()

    def test_by_a_plug_in_that_breaks_is_unknown(self, parrot: type[Parrot]) -> None:
        parrot.says = ZeroDivisionError("a bug in the plug-in")

        payment = a_payment()

        assert (payment.status, payment.reason) == (Status.UNKNOWN, "plugin_failed")
        (_, answer) = services.get(Payments).messages(payment_id=payment.id)
        assert "ZeroDivisionError" in answer.text

    def test_is_masked_though_the_plug_in_forgot(self, parrot: type[Parrot]) -> None:
        parrot.says = Report(Standing.PENDING, raw="card 4111 1111 1111 1111, order 4111111111111112\x00")

        payment = a_payment()

        (_, answer) = services.get(Payments).messages(payment_id=payment.id)
        assert answer.text == "card 4111 11** **** 1111, order 4111111111111112\N{REPLACEMENT CHARACTER}"


@pytest.mark.in_process("the provider is an object of the tests")
class TestTheDatabaseRefuses:
    @pytest.fixture
    def paid(self, parrot: type[Parrot]) -> Payment:
        parrot.says = Report(Standing.SUCCEEDED, amount=TEN_EUROS, provider_reference="p-1")
        return a_payment()

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE payments_payment SET status = 'pending', credited_at = NULL, journal_entry = NULL, lot = NULL",
            "UPDATE payments_payment SET status = 'refunded', lot = gen_random_uuid()",
            "UPDATE payments_payment SET amount_minor = 1",
            "UPDATE payments_payment SET units_minor = units_minor * 2",
            "UPDATE payments_payment SET player = gen_random_uuid()",
            "UPDATE payments_message SET text = ''",
            "DELETE FROM payments_message",
            "DELETE FROM payments_payment",
            "TRUNCATE payments_message CASCADE",
            "TRUNCATE payments_payment CASCADE",
        ],
    )
    def test_to_unsay_what_happened(
        self, paid: Payment, superuser_dsn_of: Callable[[str], str], statement: str
    ) -> None:
        with pytest.raises(DatabaseError), services.database("payments").cursor() as cursor:
            cursor.execute(statement)
        all_powerful = psycopg.connect(superuser_dsn_of("payments"))
        with all_powerful, pytest.raises(psycopg.Error) as refused:
            all_powerful.execute(statement)
        assert not isinstance(refused.value, psycopg.errors.UndefinedTable)

    def test_a_payment_that_is_credited_without_entry_and_lot(self, parrot: type[Parrot]) -> None:
        a_payment()
        with (
            pytest.raises(IntegrityError, match="payment_credited_by_status"),
            services.database("payments").cursor() as cursor,
        ):
            cursor.execute("UPDATE payments_payment SET status = 'succeeded'")

    def test_a_payment_that_begins_as_paid(self, paid: Payment) -> None:
        with (
            pytest.raises(IntegrityError, match="begins as created"),
            services.database("payments").cursor() as cursor,
        ):
            cursor.execute(
                "INSERT INTO payments_payment SELECT (jsonb_populate_record(p, jsonb_build_object("
                " 'id', %s::text, 'lot', %s::text, 'journal_entry', %s::text, 'provider_reference', ''))).*"
                " FROM payments_payment AS p",
                [str(new_id()), str(new_id()), str(new_id())],
            )


@pytest.mark.in_process("the provider is an object of the tests")
class TestTheInvariants:
    def test_see_a_credit_that_no_provider_reported(self, parrot: type[Parrot]) -> None:
        payment = a_payment()

        settle_payment(
            a_command(),
            payment_id=payment.id,
            report=Report(Standing.SUCCEEDED, amount=TEN_EUROS, provider_reference="invented"),
        )

        broken = {check.name for check in INVARIANTS if list(check.violations())}
        assert broken == {"payment_reports"}


def test_the_wait_between_inquiries_grows_to_a_day() -> None:
    waits = [rules.next_inquiry_at(inquiries=number, at=NOW) - NOW for number in range(12)]

    assert waits[:4] == [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)]
    assert waits == sorted(waits)
    assert waits[-1] == timedelta(days=1)
