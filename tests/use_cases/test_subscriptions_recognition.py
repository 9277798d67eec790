"""Revenue, recognised day by day as the time that was paid for is served."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.kernel.period import Period
from warchest.ledger.contract import AccountRef, Ledger
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions, UnableToRecognise
from warchest.subscriptions.rules import recognised_minor

pytestmark = pytest.mark.usefixtures("database")

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
LONG_AFTER = datetime(2027, 1, 1, tzinfo=UTC)


def buy_month(*, at=APRIL, paid_in="EUR"):
    """A month for 500 units, paid with 5.00 EUR: 4.20 net of tax to be earned, 0.14 a day of April."""
    player = a_player(with_units="500", paid_in=paid_in, at=at)
    return prolong_subscription(a_command(at=at), player=player.id, plan=ARENA_MONTH, periods=1).answer


def recognise(day: date, *, at=LONG_AFTER) -> list[str]:
    return [str(part) for part in recognise_revenue(a_command(at=at), day=day).answer.earned]


def booked(book: str, currency: str = "EUR") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, currency)).posted.major


class TestRecognition:
    def test_a_month_is_earned_day_by_day_and_in_the_end_wholly(self):
        buy_month()
        #  day                  earned        revenue  deferred
        for day, earned, revenue, deferred in (
            (date(2026, 3, 31), [], "0.00", "4.20"),
            (date(2026, 4, 1), ["0.14 EUR"], "0.14", "4.06"),
            (date(2026, 4, 2), ["0.14 EUR"], "0.28", "3.92"),
            (date(2026, 4, 15), ["1.82 EUR"], "2.10", "2.10"),  # twelve days were skipped
            (date(2026, 4, 15), [], "2.10", "2.10"),  # once more
            (date(2026, 4, 10), [], "2.10", "2.10"),  # a day that has been made up for
            (date(2026, 4, 30), ["2.10 EUR"], "4.20", "0.00"),
            (date(2026, 5, 1), [], "4.20", "0.00"),
        ):
            assert (recognise(day), booked("revenue"), booked("deferred_revenue")) == (
                earned,
                revenue,
                deferred,
            )
            assert_books_prove()

    def test_a_grant_booked_after_the_days_run_is_made_up_for_by_another(self):
        buy_month()
        assert recognise(date(2026, 4, 1)) == ["0.14 EUR"]
        buy_month()
        assert recognise(date(2026, 4, 1)) == ["0.14 EUR"]
        assert_books_prove()

    def test_runs_and_purchases_at_the_same_time_recognise_each_grant_once(self):
        for _ in range(4):
            buy_month()
        buyers = [a_player(with_units="500", at=APRIL) for _ in range(4)]

        def work(number: int) -> None:
            try:
                if number % 2:
                    buyer = buyers[number // 2]
                    prolong_subscription(a_command(at=APRIL), player=buyer.id, plan=ARENA_MONTH, periods=1)
                else:
                    recognise(date(2026, 4, 10))
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max_workers=8) as pool:
            list(pool.map(work, range(8)))
        recognise(date(2026, 4, 10))
        assert (booked("revenue"), booked("deferred_revenue")) == ("11.20", "22.40")  # 8 times 1.40 of 4.20
        assert_books_prove()

    def test_each_currency_is_recognised_in_itself(self):
        buy_month(paid_in="EUR")
        buy_month(paid_in="JPY")
        earned = recognise(date(2026, 4, 15))
        assert earned == ["2.10 EUR", "344 JPY"]  # 820 JPY less 19 % tax are 689, half of it 344.5
        assert_books_prove()

    def test_the_entry_belongs_to_the_day(self):
        buy_month()
        recognise(date(2026, 4, 1))
        revenue = AccountRef("revenue", "EUR")
        at_days_end = services.get(Ledger).balance_at(account=revenue, at=APRIL + timedelta(days=1))
        assert (at_days_end.major, booked("revenue")) == ("0.14", "0.14")

    def test_a_day_that_is_not_over_is_refused(self):
        buy_month()
        with pytest.raises(UnableToRecognise) as refusal:
            recognise(date(2026, 4, 2), at=datetime(2026, 4, 2, 23, 59, 59, tzinfo=UTC))
        assert refusal.value.reason == "day_not_over"

    def test_the_database_counts_as_the_rule_does(self):
        starts_at = APRIL + timedelta(hours=7, minutes=13, seconds=29, microseconds=500_001)
        bought = buy_month(at=starts_at, paid_in="KWD")
        (grant,) = services.get(Subscriptions).grants(subscription_id=bought.id)
        for day in (1, 2, 3, 11, 29, 30):
            recognise(date(2026, 4, day))
            (deferral,) = services.get(Subscriptions).deferrals(grant_id=grant.id)
            assert deferral.recognised.minor == recognised_minor(
                net_minor=deferral.net.minor,
                term=Period(grant.starts_at, grant.ends_at),
                until=datetime(2026, 4, day, tzinfo=UTC) + timedelta(days=1),
            )


class TestWhatTheDatabaseRefuses:
    @pytest.mark.parametrize(
        "attack",
        [
            "UPDATE subscriptions_grant SET ends_at = ends_at + interval '1 day'",
            "DELETE FROM subscriptions_grant",
            "TRUNCATE subscriptions_recognition",
            "UPDATE subscriptions_deferral SET recognised_minor = recognised_minor - 1",
            "UPDATE subscriptions_deferral SET recognised_minor = net_minor + 1",
            "INSERT INTO subscriptions_grant"
            " (id, subscription_id, source, plan, starts_at, ends_at, reference, granted_at)"
            " SELECT gen_random_uuid(), subscription_id, 'gift', plan, ends_at - interval '1 second',"
            "        ends_at + interval '1 day', '', granted_at FROM subscriptions_grant",
        ],
    )
    def test_rewriting_what_was_granted_or_earned(self, superuser_dsn_of, attack):
        buy_month()
        recognise(date(2026, 4, 3))
        attacker = psycopg.connect(superuser_dsn_of("subscriptions"))
        with attacker, pytest.raises(psycopg.Error) as refused:
            attacker.execute(attack)
        assert not isinstance(refused.value, psycopg.errors.UndefinedTable)
