"""Facts that seldom change are kept by each process, and are never out of date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest
from django.db import transaction

from tests.builders.books import assert_books_prove
from tests.builders.house import ARENA, ARENA_MONTH, FOUNDED_AT
from tests.builders.people import NOW, a_command, a_player
from warchest.accounting.contract import Accounting
from warchest.catalogue.contract import Catalogue, UnableToOffer
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.money import Money
from warchest.referrals.contract import Referrals
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

pytestmark = pytest.mark.usefixtures("database")


def charged() -> str:
    """What one month costs somebody who buys it now."""
    player = a_player(with_units="2000")
    return prolong_subscription(
        a_command(), player=player.id, plan=ARENA_MONTH, periods=1
    ).answer.charged.major


def offered() -> str:
    return services.get(Catalogue).offer(plan_id=ARENA_MONTH, country="DE", at=NOW).price_units.major


class TestFacts:
    def test_are_read_once(self) -> None:
        offered()
        statements: list[str] = []

        def count(execute, sql, *rest):
            statements.append(sql)
            return execute(sql, *rest)

        with services.database("catalogue").execute_wrapper(count):
            offered()
        # Outside of a journey, whether they are still true is asked; the rows are not.
        assert len(statements) == 1 and "runtime_stamp" in statements[0]

    def test_changed_by_another_process_count_at_once(self, superuser_dsn_of: Callable[[str], str]) -> None:
        assert charged() == "500.00"
        with psycopg.connect(superuser_dsn_of("catalogue"), autocommit=True) as other:
            other.execute(
                "INSERT INTO catalogue_price (plan_id, currency, amount_minor, valid_from) VALUES (%s, 'XCR', 70000, %s)",
                [ARENA_MONTH, NOW - timedelta(days=1)],
            )
        assert charged() == "700.00"
        assert offered() == "700.00"

    def test_changed_in_a_transaction_that_is_rolled_back_are_kept_by_nobody(self) -> None:
        for begin_warm in (True, False):
            if begin_warm:
                offered()
            with technical_transaction("catalogue"):
                services.get(Catalogue).add_price(
                    plan_id=ARENA_MONTH, amount=Money.parse("9", "XCR"), valid_from=NOW, at=NOW
                )
                assert offered() == "9.00"
                transaction.set_rollback(True, using=services.alias("catalogue"))
            assert offered() == "500.00"
            assert charged() == "500.00"

    def test_of_a_plan_that_is_retired_say_so(self, superuser_dsn_of: Callable[[str], str]) -> None:
        offered()
        with psycopg.connect(superuser_dsn_of("catalogue"), autocommit=True) as other:
            other.execute("UPDATE catalogue_onlineservice SET state = 'retired' WHERE id = %s", [ARENA])
        with pytest.raises(UnableToOffer):
            offered()

    def test_tax_rates_and_commission_plans_are_such_facts(self) -> None:
        accounting, referrals = services.get(Accounting), services.get(Referrals)
        gross = Money.parse("119", "EUR")
        assert accounting.tax_within(gross=gross, country="DE", at=NOW).rate_bps == 1900
        assert referrals.commission_plan(at=NOW).rates_bps[0] == 1000
        accounting.set_tax_rates(rates_bps={"DE": 700}, valid_from=NOW)
        referrals.add_commission_plan(rates_bps=[100], valid_from=NOW, at=NOW)
        assert accounting.tax_within(gross=gross, country="DE", at=NOW).rate_bps == 700
        assert accounting.tax_within(gross=gross, country="DE", at=FOUNDED_AT).rate_bps == 1900
        assert referrals.commission_plan(at=NOW).rates_bps == (100,)
        assert referrals.commission_plan(at=NOW - timedelta(seconds=1)).rates_bps[0] == 1000


def test_a_commission_by_another_rate_than_its_plans_is_found(superuser_dsn_of: Callable[[str], str]) -> None:
    sponsor = a_player()
    player = a_player(sponsor=sponsor, with_units="500")
    prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
    assert_books_prove()
    with psycopg.connect(superuser_dsn_of("referrals"), autocommit=True) as attacker:
        attacker.execute("SET session_replication_role = replica")
        attacker.execute("UPDATE referrals_commission SET plan_id = 99")
    with pytest.raises(AssertionError, match="commissions_by_plans"):
        assert_books_prove()
