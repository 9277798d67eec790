"""Figures of days: what the business did, from published events alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.feed import publish
from tests.builders.paying import a_test_provider
from tests.builders.people import a_command, a_player
from warchest.journeys.start_top_up import start_top_up
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime import invariants
from warchest.runtime.journey import journey
from warchest.runtime.services import services
from warchest.runtime.transactions import Transaction
from warchest.statistics import operations, rules
from warchest.statistics.contract import Dimension, Measure, Statistics, Total, UnableToReport

pytestmark = pytest.mark.usefixtures("database")

DAY = date(2026, 3, 15)
NEXT_DAY = DAY + timedelta(days=1)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)


def statistics() -> Statistics:
    return services.get(Statistics)


def figures(from_day: date = DAY, to_day: date = NEXT_DAY) -> dict[Measure, tuple[int, list[str]]]:
    found = statistics().figures(from_day=from_day, to_day=to_day)
    return {figure.measure: (figure.count, [str(amount) for amount in figure.amounts]) for figure in found}


def a_top_up(
    *, paid: str = "10.00 EUR", at: datetime = NOON, provider: str = "sandbox", country: str = "DE"
) -> None:
    amount, code = paid.split()
    money = Money.parse(amount, code)
    publish(
        "payments.succeeded",
        at=at,
        provider=provider,
        country=country,
        amount_minor=money.minor,
        currency=code,
        units_minor=100_000,
    )


class TestFigures:
    def test_counts_registrations_by_country(self) -> None:
        for country in ("DE", "DE", "FR"):
            a_player(country=country, at=NOON)
        statistics().catch_up()
        assert figures()[Measure.REGISTRATIONS] == (3, [])
        assert statistics().totals(
            measure=Measure.REGISTRATIONS, by=Dimension.COUNTRY, from_day=DAY, to_day=NEXT_DAY
        ) == (Total("DE", 2, ()), Total("FR", 1, ()))

    def test_adds_top_ups_up_in_each_currency(self) -> None:
        for paid in ("10.00 EUR", "2.50 EUR", "820 JPY"):
            a_top_up(paid=paid)
        statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (3, ["12.50 EUR", "820 JPY"])
        assert figures()[Measure.UNITS_RECEIVED] == (3, ["3000.00 XCR"])

    def test_counts_cards_and_subscriptions_and_what_they_moved(self) -> None:
        publish("cards.activated", at=NOON, units_minor=50_000, paid_minor=500, currency="EUR", country="DE")
        publish("cards.activated", at=NOON, units_minor=0, paid_minor=0, currency="EUR", country="DE")
        publish("subscriptions.prolonged", at=NOON, online_service="arena", charged_minor=50_000)
        publish("subscriptions.prolonged", at=NOON, online_service="arena", charged_minor=0)
        publish("holds.captured", at=NOON, units_minor=1_000)
        statistics().catch_up()
        found = figures()
        assert found[Measure.CARDS_ACTIVATED] == (2, ["5.00 EUR"])
        assert found[Measure.UNITS_RECEIVED] == (1, ["500.00 XCR"])
        assert found[Measure.SUBSCRIPTIONS_SOLD] == (2, ["500.00 XCR"])
        assert found[Measure.UNITS_SPENT] == (2, ["510.00 XCR"])

    def test_counts_a_sale_once_though_its_commissions_are_in_two_currencies(self) -> None:
        commission = [Money.parse("1.00", "EUR"), Money.parse("2.00", "USD"), Money.parse("0.50", "EUR")]
        publish("subscriptions.prolonged", at=NOON, charged_minor=50_000, commission=commission)
        statistics().catch_up()
        assert figures()[Measure.COMMISSION_COST] == (1, ["1.50 EUR", "2.00 USD"])

    def test_names_every_measure_where_nothing_happened(self) -> None:
        assert figures() == dict.fromkeys(Measure, (0, []))

    def test_puts_an_event_on_its_day_in_utc_whenever_it_is_counted(self) -> None:
        a_top_up(at=datetime(2026, 3, 15, 23, 59, 59, tzinfo=UTC))
        a_top_up(at=datetime(2026, 3, 16, 0, 0, 0, tzinfo=UTC))
        statistics().catch_up()
        series = statistics().series(
            measure=Measure.TOP_UPS, from_day=date(2026, 3, 14), to_day=date(2026, 3, 17)
        )
        assert [(day.day.day, day.count) for day in series] == [(14, 0), (15, 1), (16, 1)]

    @pytest.mark.parametrize(
        "payload", [{}, {"amount_minor": None}, {"amount_minor": 5}, {"unheard_of": [1, {}]}]
    )
    def test_takes_an_event_that_lacks_fields(self, payload: dict[str, Any]) -> None:
        publish("payments.succeeded", at=NOON, **payload)
        statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (1, [])
        assert not [place for check in invariants.kept() for place in check.violations() if "aside" in place]

    @pytest.mark.parametrize(
        ("days", "reason"), [(-1, "days_malformed"), (4000, "days_too_many")], ids=["backwards", "too long"]
    )
    def test_refuses_days_that_are_no_report(self, days: int, reason: str) -> None:
        with pytest.raises(UnableToReport) as refused:
            figures(DAY, DAY + timedelta(days=days))
        assert refused.value.reason == reason


class TestCatchUp:
    def test_counts_each_event_once_with_two_workers_at_once(self) -> None:
        for _ in range(40):
            a_top_up()

        def work(_worker: int) -> None:
            try:
                while statistics().catch_up(limit=7):
                    pass
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, range(2)))
        assert figures()[Measure.TOP_UPS] == (40, ["400.00 EUR"])
        assert statistics().behind() == 0

    @pytest.mark.in_process("ends the service in the middle of its work")
    def test_counts_nothing_of_a_batch_whose_worker_died(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(3):
            a_top_up()
        count = operations._count
        seen = []

        def die(event: object) -> None:
            seen.append(event)
            if len(seen) == 3:
                # As a kill does, this passes by all that catches errors.
                raise SystemExit
            count(event)  # type: ignore[arg-type]

        monkeypatch.setattr(operations, "_count", die)
        with pytest.raises(SystemExit):
            statistics().catch_up()
        monkeypatch.setattr(operations, "_count", count)
        assert figures()[Measure.TOP_UPS] == (0, [])
        statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (3, ["30.00 EUR"])


class TestRebuild:
    @pytest.mark.in_process("has the service work by other rules")
    def test_counts_the_past_by_the_new_rules(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(3):
            a_top_up()
        with monkeypatch.context() as old_rules:
            old_rules.setattr(operations, "facts_of", lambda *event: ())
            statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (0, [])
        assert statistics().rebuild() == 3
        assert figures()[Measure.TOP_UPS] == (3, ["30.00 EUR"])
        assert statistics().behind() == 0

    def test_changes_nothing_when_it_runs_twice_or_is_followed_by_more(self) -> None:
        a_top_up()
        statistics().rebuild()
        statistics().rebuild()
        a_top_up()
        statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (2, ["20.00 EUR"])

    def test_counts_right_while_events_come_and_others_count(self) -> None:
        def top_up(_number: int) -> None:
            try:
                for _ in range(10):
                    a_top_up()
                    statistics().catch_up()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            workers = [pool.submit(top_up, number) for number in range(2)]
            while not all(worker.done() for worker in workers):
                statistics().rebuild()
            for worker in workers:
                worker.result()
        statistics().catch_up()
        assert figures()[Measure.TOP_UPS] == (20, ["200.00 EUR"])

    @pytest.mark.in_process("takes the rules of the service away")
    def test_digests_what_had_been_set_aside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        a_top_up()
        with monkeypatch.context() as broken:
            broken.setattr(rules, "facts_of", None)
            broken.setattr(operations, "facts_of", None)
            statistics().catch_up()
        (check,) = [check for check in invariants.kept() if check.name == "every_event_counted"]
        assert list(check.violations())
        statistics().rebuild()
        assert not list(check.violations())
        assert figures()[Measure.TOP_UPS] == (1, ["10.00 EUR"])


class TestAgreementWithPayments:
    @pytest.mark.in_process("the provider is an object of the tests")
    def test_holds_when_what_was_credited_was_announced(self) -> None:
        with a_test_provider():
            start_top_up(
                a_command(), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="bank"
            )
            statistics().catch_up()
            assert figures()[Measure.TOP_UPS] == (1, ["10.00 EUR"])
            assert_books_prove()

    @pytest.mark.in_process("the provider is an object of the tests")
    def test_waits_until_all_events_are_counted(self) -> None:
        with a_test_provider():
            start_top_up(
                a_command(), player=a_player().id, amount=Money.parse("10.00", "EUR"), provider="bank"
            )
            assert not list(_agreement().violations())

    def test_names_the_currency_that_differs(self) -> None:
        _announced_alone(a_command())
        assert not list(_agreement().violations())
        statistics().catch_up()
        assert [place for place in _agreement().violations() if place.startswith("EUR")]


@journey("tests.announce_alone")
def _announced_alone(tx: Transaction) -> None:
    tx.announce(
        "payments.succeeded", key=str(new_id()), provider="sandbox", amount_minor=1000, currency="EUR"
    )


def _agreement() -> invariants.Invariant:
    return next(check for check in invariants.kept() if check.name == "top_ups_equal_payments")


def test_the_house_proves_with_real_players() -> None:
    a_player()
    statistics().catch_up()
    assert_books_prove()
