"""Attacks from outside and from inside: what a hostile or unlucky caller must not be able to do."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, OperationalError, connection, connections, transaction

from tests.builders.books import assert_books_prove
from tests.builders.cards import a_batch, a_made_batch
from tests.builders.feed import publish
from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator, fund
from warchest.accounting.contract import UnableToSetRate
from warchest.cards.contract import UnableToOrderBatch
from warchest.charging.contract import WALLET_BOOK, Source, UnableToSpend
from warchest.jobs import housekeeping
from warchest.journeys.activate_card import activate_card
from warchest.journeys.hold_units import capture_hold, reserve_units, void_hold
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.journeys.set_rate import set_rate
from warchest.journeys.start_top_up import open_payment
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.kernel.money import MINOR_MAX, Money
from warchest.members.contract import Members, Role, UnableToAdminister
from warchest.runtime import feed, outbox
from warchest.runtime.services import services
from warchest.subscriptions.contract import Subscriptions
from warchest.subscriptions.service import LocalSubscriptions
from warchest.web.portal import locks

pytestmark = pytest.mark.usefixtures("database")


def units(amount: str) -> Money:
    return Money.parse(amount, "XCR")


def refused_by_database(statement: str, *values: object) -> bool:
    """Whether the role that does the work is refused the statement."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError:
        return True
    return False


def an_administrator_named(name: str) -> None:
    services.get(Members).create_administrator(
        username=name, password="correct horse battery", role=Role.SUPPORT
    )


class TestTheWorkingRoleOfTheDatabase:
    """Whoever breaks into the process has its rights: they must not be enough to make money."""

    @pytest.mark.parametrize(
        "change",
        [
            "consideration_minor = consideration_minor + 100, consideration_left_minor = consideration_left_minor + 100",
            "issued_minor = issued_minor * 2, units_left_minor = units_left_minor * 2",
            "units_left_minor = units_left_minor + 1",
            "payable_out = true",
            "refundable = true",
            "source = 'bank'",
            "wallet_id = wallet_id",
        ],
    )
    def test_makes_no_lot_worth_more(self, change: str) -> None:
        player = a_player(with_units="100")
        # Half spent, so that there is room to put something back.
        hold = reserve_units(
            a_command(), player=player.id, amount=units("50"), purpose="x", expires_in_s=60
        ).answer
        capture_hold(a_command(), hold_id=hold.id, amount=None)
        assert refused_by_database(f"UPDATE charging_lot SET {change} WHERE wallet_id = %s", player.id)

    @pytest.mark.parametrize("table", ["charging_lot", "charging_wallet"])
    def test_deletes_no_wallet_and_no_lot(self, table: str) -> None:
        a_player()
        assert refused_by_database(f"DELETE FROM {table}")

    def test_sets_nothing_aside_that_no_hold_will_ever_let_go(self) -> None:
        player = a_player(with_units="100")
        assert refused_by_database(
            "INSERT INTO ledger_hold (id, account_id, amount_minor, captured_minor, state, reason, expires_at)"
            " SELECT gen_random_uuid(), id, 100, 0, 'voided', 'x', now() FROM ledger_account"
            "  WHERE book_id = %s AND owner = %s",
            WALLET_BOOK,
            str(player.id),
        )

    @pytest.mark.parametrize(
        ("table", "change"),
        [
            ("payments_payment", "provider = 'other'"),
            ("payments_attempt", "reference = 'of another'"),
            ("payments_receivednotice", "report = '{}'"),
        ],
    )
    def test_changes_nothing_that_was_told_to_a_provider_or_heard_from_it(
        self, table: str, change: str
    ) -> None:
        self._a_payment_with_a_notice()
        assert refused_by_database(f"UPDATE {table} SET {change}")

    def _a_payment_with_a_notice(self) -> None:
        payment, message = new_id(), new_id()
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO payments_payment (id, player, provider, status, amount_minor, currency, units_minor,"
                " units_per_major, return_url, redirect_url, provider_reference, reason, taken_currency, language,"
                " country, opened_at, changed_at, inquiries)"
                " VALUES (%s, %s, 'sandbox', 'created', 100, 'EUR', 100, '100', '', '', '', '', '', 'en', 'DE', %s, %s, 0)",
                [payment, new_id(), NOW, NOW],
            )
            cursor.execute(
                "INSERT INTO payments_attempt (id, payment_id, number, provider, reference, notice_url, description,"
                " started_at, answer) VALUES (%s, %s, 1, 'sandbox', 'x', '', '', %s, '')",
                [new_id(), payment, NOW],
            )
            cursor.execute(
                "INSERT INTO payments_message (id, payment_id, provider, direction, exchange, standing,"
                " provider_reference, currency, reason, text, at)"
                " VALUES (%s, %s, 'sandbox', 'from_provider', 'notice', '', '', '', '', '', %s)",
                [message, payment, NOW],
            )
            cursor.execute(
                "INSERT INTO payments_receivednotice (id, provider, notice_id, reference, message_id, report,"
                " received_at, copies, outcome, next_try_at, tries, problem)"
                " VALUES (%s, 'sandbox', 'n', '', %s, '{}', %s, 1, '', %s, 0, '')",
                [new_id(), message, NOW, NOW],
            )


class TestAHold:
    def test_of_more_than_fits_beside_another_is_refused_as_any_that_is_too_large(self) -> None:
        player = a_player(with_units="100")
        reserve_units(a_command(), player=player.id, amount=units("1"), purpose="x", expires_in_s=60)
        with pytest.raises(UnableToSpend, match="insufficient_funds"):
            reserve_units(
                a_command(), player=player.id, amount=Money.units(MINOR_MAX), purpose="x", expires_in_s=60
            )

    @pytest.mark.parametrize("state", ["frozen", "closed"])
    def test_is_no_way_round_a_frozen_account(self, state: str) -> None:
        player = a_player(with_units="100")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE members_player SET state = %s WHERE id = %s", [state, player.id])
        with pytest.raises(UnableTo, match="player_frozen"):
            reserve_units(a_command(), player=player.id, amount=units("1"), purpose="x", expires_in_s=60)


class TestARefusal:
    def test_that_lies_with_the_house_is_not_kept_under_the_key(self) -> None:
        player = a_player()
        command = a_command()
        asked: dict[str, Any] = {
            "player": player.id,
            "amount": Money.parse("10", "EUR"),
            "provider": "sandbox",
            "return_url": "",
            "units_shown": None,
        }
        broken = {"sandbox": {"no_such_setting": 1}}
        with patch("warchest.payments.providers.configuration") as configuration:
            configuration.return_value.providers = broken
            for _ in range(2):
                with pytest.raises(UnableTo, match="provider_misconfigured") as refused:
                    open_payment(command, **asked)
                assert not refused.value.replayed


class TestAnAdministrator:
    def test_has_a_name_that_nobody_else_has(self) -> None:
        an_administrator_named("noor")
        for taken in ("noor", "Noor"):
            with pytest.raises(UnableToAdminister, match="username_taken"):
                an_administrator_named(taken)


class TestARate:
    def test_of_a_moment_is_set_once(self) -> None:
        command = acting_as(an_administrator(Role.OWNER))
        asked: dict[str, Any] = {"currency": "EUR", "valid_from": NOW + timedelta(days=1)}
        set_rate(command.under("one"), units_per_major=Decimal("101"), **asked)
        with pytest.raises(UnableTo):
            set_rate(command.under("two"), units_per_major=Decimal("102"), **asked)

    @pytest.mark.parametrize(
        ("units", "reason"),
        [
            ("NaN", "rate_not_a_number"),
            ("Infinity", "rate_not_a_number"),
            ("0", "rate_not_positive"),
            ("-1", "rate_not_positive"),
            ("0.123456789", "rate_too_precise"),
            ("1e-9", "rate_too_precise"),
            ("1e12", "rate_too_large"),
        ],
    )
    def test_is_kept_as_it_was_meant_or_not_at_all(self, units: str, reason: str) -> None:
        owner = acting_as(an_administrator(Role.OWNER))
        with pytest.raises(UnableToSetRate, match=reason):
            set_rate(owner, currency="EUR", units_per_major=Decimal(units), valid_from=None)

    def test_may_have_eight_decimals_and_zeros_beyond(self) -> None:
        owner = acting_as(an_administrator(Role.OWNER))
        exact = set_rate(owner, currency="EUR", units_per_major=Decimal("0.1234567800"), valid_from=None)
        assert exact.answer.units_per_major == Decimal("0.12345678")

    def test_is_of_real_money_only(self) -> None:
        with pytest.raises(UnableTo):
            set_rate(
                acting_as(an_administrator(Role.OWNER)),
                currency="XCR",
                units_per_major=Decimal(1),
                valid_from=None,
            )


class TestABatch:
    def test_whose_cards_together_are_worth_more_than_the_books_can_hold_is_not_ordered(self) -> None:
        with pytest.raises(UnableToOrderBatch):
            a_made_batch(face=Money(MINOR_MAX, Money.parse("1", "EUR").currency))


class TestALockedAddress:
    def test_locks_nobody_elses_account(self) -> None:
        stranger, victim = locks.address("203.0.113.7"), locks.account("victim@example.org")
        for number in range(stranger.allowed):
            locks.begin_try(locks.account(f"player{number}@example.org"), stranger, at=NOW)
        for _ in range(victim.allowed * 2):
            assert locks.begin_try(victim, stranger, at=NOW)
        assert locks.begin_try(victim, locks.address("198.51.100.1"), at=NOW) is None


class TestAConsumer:
    def test_sets_no_event_aside_for_what_the_database_could_not_do_at_the_moment(self) -> None:
        publish("tests.busy")
        with pytest.raises(OperationalError):
            outbox.consume("tests", self._busy)
        heard: list[str] = []
        outbox.consume("tests", lambda event: heard.append(event.topic))
        assert "tests.busy" in heard

    def _busy(self, event: outbox.Event) -> None:
        if event.topic == "tests.busy":
            raise OperationalError("deadlock detected")


class TestTwo:
    def test_who_overtake_each_other_are_told_of_in_the_order_in_which_it_happened(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        player = a_player(with_units="2000")
        begun, go_on = threading.Event(), threading.Event()
        lock_set = LocalSubscriptions.lock_set

        def overtaken(**asked: Any) -> object:
            if threading.current_thread() is not threading.main_thread():
                begun.set()
                go_on.wait(10)
            return lock_set(**asked)

        def prolong() -> None:
            prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)

        def prolong_late() -> None:
            try:
                prolong()
            finally:
                connections.close_all()

        monkeypatch.setattr(LocalSubscriptions, "lock_set", staticmethod(overtaken))
        late = threading.Thread(target=prolong_late)
        late.start()
        assert begun.wait(10)
        prolong()
        go_on.set()
        late.join()
        changes = services.get(Subscriptions).entitlement_changes()
        ends = [change.until for change in changes]
        assert len(ends) == 2 and ends == sorted(ends)
        told = [
            event.payload["ends_at"] for _, event in feed.events() if event.topic == "subscriptions.prolonged"
        ]
        assert len(told) == 2 and told == sorted(told)


class TestMany:
    def test_who_spend_hold_capture_void_and_fund_one_wallet_at_once_leave_whole_books(self) -> None:
        player = a_player(with_units="3000")
        fund(player.id, units=units("500.01"), paid=Money.parse("1.999", "KWD"))
        fund(player.id, units=units("500"), paid=Money.parse("777", "JPY"))
        fund(player.id, units=units("33.33"), paid=Money.parse("0", "EUR"), source=Source.SCRATCH_CARD)
        cards = a_batch(quantity=8).cards
        failures: list[BaseException] = []

        def hold_and_end(number: int) -> None:
            hold = reserve_units(
                a_command(), player=player.id, amount=units("10.01"), purpose="x", expires_in_s=60
            ).answer
            if number % 3:
                capture_hold(a_command(), hold_id=hold.id, amount=units("7.77"))
            else:
                void_hold(a_command(), hold_id=hold.id)

        def work(number: int) -> None:
            try:
                for turn in range(4):
                    match (number + turn) % 4:
                        case 0:
                            prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
                        case 1:
                            hold_and_end(number + turn)
                        case 2:
                            activate_card(a_command(), player=player.id, code=cards[number].code)
                        case 3:
                            housekeeping.lapse_holds(at=NOW)
                            housekeeping.expire_lots(at=NOW)
                            fund(player.id, units=units("1"), paid=Money.parse("0.01", "EUR"))
            except UnableToSpend:
                pass
            except (Exception, TryAgain) as error:
                failures.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert_books_prove()
