"""Funding lots: what a hold reserves, what expires when, what comes back of a spend, what may be moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tests.builders.books import assert_books_prove
from tests.builders.lots import (
    a_lot,
    a_promotion,
    give_back,
    left_in,
    move,
    spend,
    spend_set,
    units,
)
from tests.builders.people import NOW, a_command, a_player
from warchest.charging import holds
from warchest.charging.contract import Charging, UnableToReturn, UnableToSpend, UnableToTransfer, Wallet
from warchest.charging.models import Wallet as WalletRow
from warchest.charging.rules import RETURNED_TERM
from warchest.jobs import housekeeping
from warchest.journeys.hold_units import capture_hold, reserve_units, void_hold
from warchest.kernel.ids import new_id
from warchest.ledger.contract import AccountRef, Hold, Ledger, UnableToHold
from warchest.runtime import invariants
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

DAY = timedelta(days=1)
EARLY, LATE = NOW + DAY, NOW + 2 * DAY


@pytest.fixture
def anna() -> UUID:
    return a_player().id


@pytest.fixture
def ben() -> UUID:
    return a_player().id


def a_hold(player: UUID, amount: str, *, at: datetime = NOW, days: int = 10) -> Hold:
    return reserve_units(
        a_command(at=at),
        player=player,
        amount=units(amount),
        purpose="match",
        expires_in_s=days * 86_400,
    ).answer


def wallet(player: UUID, *, at: datetime = NOW) -> Wallet:
    return services.get(Charging).wallet(player=player, at=at)


def stands(player: UUID, *, at: datetime = NOW) -> tuple[str, str, str, str]:
    """Posted, held, expired, available."""
    now = wallet(player, at=at)
    return now.posted.major, now.held.major, now.expired.major, now.available.major


def posted_to(book: str, currency: str = "EUR") -> str:
    return services.get(Ledger).balance(account=AccountRef(book, currency)).posted.major


def freeze(player: UUID, state: str = "frozen") -> None:
    WalletRow.objects.filter(player_id=player).update(state=state)


class TestHold:
    def test_reserves_what_a_spend_would_use_now(self, anna: UUID) -> None:
        a_lot(anna, "30", paid="3.00 EUR")
        a_lot(anna, "20", paid="2.00 EUR", expires_at=LATE)
        a_promotion(anna, "10")

        a_hold(anna, "15")
        a_hold(anna, "20")
        assert left_in(anna) == [
            ("promotion", "10.00", "10.00", "0.00 EUR"),
            ("card_payment", "20.00", "20.00", "2.00 EUR"),
            ("card_payment", "30.00", "5.00", "3.00 EUR"),
        ]
        assert stands(anna) == ("60.00", "35.00", "0.00", "25.00")
        assert_books_prove()

    def test_keeps_what_it_reserved_from_spends_and_other_holds(self, anna: UUID) -> None:
        a_lot(anna, "100", paid="1.00 EUR")
        a_hold(anna, "60")

        with pytest.raises(UnableToSpend, match="insufficient_funds") as refusal:
            spend(anna, "40.01")
        assert refusal.value.details == {} or refusal.value.details["missing_minor"] == 1
        with pytest.raises(UnableToSpend, match="insufficient_funds"):
            a_hold(anna, "40.01")
        spend(anna, "40")
        assert left_in(anna) == [("card_payment", "60.00", "60.00", "0.60 EUR")]
        assert_books_prove()

    def test_passes_over_what_is_expired(self, anna: UUID) -> None:
        a_lot(anna, "20", expires_at=EARLY)
        a_lot(anna, "30")

        a_hold(anna, "30", at=EARLY)
        with pytest.raises(UnableToSpend, match="insufficient_funds"):
            a_hold(anna, "0.01", at=EARLY)
        assert [reserved for _, _, reserved, _ in left_in(anna)] == ["0.00", "30.00"]

    def test_captured_in_part_takes_the_first_reserved_and_frees_the_rest(self, anna: UUID) -> None:
        a_promotion(anna, "10")
        a_lot(anna, "20", paid="1.00 EUR", expires_at=LATE)
        a_lot(anna, "30", paid="9.00 EUR")
        hold = a_hold(anna, "25")

        # These stand before what was reserved in the order of use, and are not what the hold is about.
        a_promotion(anna, "5")
        taken = capture_hold(a_command(), hold_id=hold.id, amount=units("13")).answer
        assert taken.hold.captured == units("13")
        assert left_in(anna) == [
            ("promotion", "5.00", "0.00", "0.00 EUR"),
            ("card_payment", "17.00", "0.00", "0.85 EUR"),
            ("card_payment", "30.00", "0.00", "9.00 EUR"),
        ]
        assert stands(anna) == ("52.00", "0.00", "0.00", "52.00")
        assert_books_prove()

    def test_captured_whole_takes_just_what_it_reserved(self, anna: UUID) -> None:
        a_lot(anna, "20", paid="1.00 EUR", expires_at=LATE)
        a_lot(anna, "30", paid="9.00 EUR")
        first, second = a_hold(anna, "15"), a_hold(anna, "15")

        capture_hold(a_command(), hold_id=second.id, amount=None)
        assert left_in(anna) == [
            ("card_payment", "15.00", "15.00", "0.75 EUR"),
            ("card_payment", "20.00", "0.00", "6.00 EUR"),
        ]
        capture_hold(a_command(), hold_id=first.id, amount=None)
        assert left_in(anna) == [("card_payment", "20.00", "0.00", "6.00 EUR")]
        assert_books_prove()

    def test_let_go_frees_its_lots_once(self, anna: UUID) -> None:
        a_lot(anna, "100", paid="1.00 EUR")
        hold = a_hold(anna, "60")
        for _ in range(2):
            void_hold(a_command(), hold_id=hold.id)
        with pytest.raises(UnableToHold, match="hold_closed"):
            capture_hold(a_command(), hold_id=hold.id, amount=None)
        assert left_in(anna) == [("card_payment", "100.00", "0.00", "1.00 EUR")]
        assert_books_prove()

    def test_lapses_with_its_lots_in_bulk(
        self, anna: UUID, ben: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(housekeeping, "PORTION", 2)
        for player in (anna, ben):
            a_lot(player, "100", paid="1.00 EUR")
            for days in (1, 1, 3):
                a_hold(player, "10", days=days)
        assert housekeeping.lapse_holds(at=LATE) == 4
        assert housekeeping.lapse_holds(at=LATE) == 0
        for player in (anna, ben):
            assert left_in(player) == [("card_payment", "100.00", "10.00", "1.00 EUR")]
        assert_books_prove()

    def test_killed_while_it_lapses_stays_whole(self, anna: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        a_lot(anna, "100")
        a_hold(anna, "10", days=1)

        def die(_: object) -> None:
            raise SystemExit("as planned")

        with monkeypatch.context() as patched:
            patched.setattr(holds, "free", die)
            with pytest.raises(SystemExit):
                housekeeping.lapse_holds(at=LATE)
        assert stands(anna) == ("100.00", "10.00", "0.00", "90.00")
        assert_books_prove()
        assert housekeeping.lapse_holds(at=LATE) == 1
        assert_books_prove()

    def test_asked_for_twice_under_one_id_is_one_hold(self, anna: UUID) -> None:
        a_lot(anna, "100")
        hold_id = new_id()
        for _ in range(2):
            with transaction.atomic():
                services.get(Charging).hold(
                    hold_id=hold_id, player=anna, units=units("10"), purpose="x", at=NOW, expires_at=LATE
                )
        assert left_in(anna) == [("card_payment", "100.00", "10.00", "0.00 EUR")]
        void_hold(a_command(), hold_id=hold_id)
        assert_books_prove()

    def test_in_a_frozen_wallet_is_let_go_but_not_captured(self, anna: UUID) -> None:
        a_lot(anna, "100")
        first, second, _ = (a_hold(anna, "10", days=1) for _ in range(3))
        freeze(anna)
        with pytest.raises(UnableToSpend, match="wallet_frozen"):
            capture_hold(a_command(), hold_id=first.id, amount=None)
        void_hold(a_command(), hold_id=second.id)
        assert housekeeping.lapse_holds(at=LATE) == 2
        assert stands(anna) == ("100.00", "0.00", "0.00", "100.00")
        assert_books_prove()


class TestExpiry:
    def test_ends_spending_at_once_and_leaves_the_wallet_with_the_next_run(self, anna: UUID) -> None:
        a_lot(anna, "20", paid="2.00 EUR", expires_at=EARLY)
        a_lot(anna, "30", paid="3.00 EUR")

        assert stands(anna, at=EARLY - timedelta(seconds=1)) == ("50.00", "0.00", "0.00", "50.00")
        assert stands(anna, at=EARLY) == ("50.00", "0.00", "20.00", "30.00")
        with pytest.raises(UnableToSpend, match="insufficient_funds"):
            spend(anna, "30.01", at=EARLY)
        assert housekeeping.expire_lots(at=EARLY) == 1
        assert stands(anna, at=EARLY) == ("30.00", "0.00", "0.00", "30.00")
        assert (posted_to("breakage_revenue"), posted_to("wallet_funding")) == ("2.00", "3.00")
        assert_books_prove()

    def test_of_what_nobody_paid_for_moves_units_only(self, anna: UUID) -> None:
        lot = a_promotion(anna, "20", expires_at=EARLY)
        housekeeping.expire_lots(at=EARLY)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT entry_id FROM ledger_postedkey WHERE digest = ledger_key_digest(%s)",
                [f"expiry:{lot}:0"],
            )
            (entry,) = cursor.fetchone()
        legs = services.get(Ledger).entry(entry_id=entry).legs
        assert [(leg.side.value, leg.book, leg.amount.major) for leg in legs] == [
            ("D", "wallet_units", "20.00"),
            ("C", "units_issued", "20.00"),
        ]
        assert_books_prove()

    def test_runs_in_portions_and_takes_nothing_twice(
        self, anna: UUID, ben: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(housekeeping, "PORTION", 2)
        for player in (anna, ben):
            for _ in range(3):
                a_lot(player, "10", paid="0.33 EUR", expires_at=EARLY)
            a_lot(player, "10", paid="0.33 EUR", expires_at=LATE)
        assert housekeeping.expire_lots(at=EARLY) == 6
        assert housekeeping.expire_lots(at=EARLY) == 0
        assert posted_to("breakage_revenue") == "1.98"
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM runtime_outboxevent WHERE topic = 'lots.expired'")
            assert cursor.fetchone() == (6,)
        assert_books_prove()

    def test_spares_a_frozen_wallet_until_it_opens(self, anna: UUID) -> None:
        a_lot(anna, "10", expires_at=EARLY)
        freeze(anna)
        assert housekeeping.expire_lots(at=EARLY) == 0
        freeze(anna, "open")
        assert housekeeping.expire_lots(at=EARLY) == 1

    def test_leaves_to_a_hold_what_it_reserved(self, anna: UUID) -> None:
        a_lot(anna, "30", paid="1.00 EUR", expires_at=EARLY)
        hold = a_hold(anna, "20")

        assert stands(anna, at=EARLY) == ("30.00", "20.00", "10.00", "0.00")
        assert housekeeping.expire_lots(at=EARLY) == 1
        assert left_in(anna) == [("card_payment", "20.00", "20.00", "0.67 EUR")]
        assert_books_prove()
        capture_hold(a_command(at=LATE), hold_id=hold.id, amount=None)
        assert left_in(anna) == []
        assert (posted_to("breakage_revenue"), posted_to("wallet_funding")) == ("0.33", "0.00")
        assert_books_prove()

    def test_takes_what_a_hold_lets_go_after_the_term(self, anna: UUID) -> None:
        a_lot(anna, "30", paid="1.00 EUR", expires_at=EARLY)
        voided, captured, lapsed = a_hold(anna, "5"), a_hold(anna, "10"), a_hold(anna, "7", days=2)
        housekeeping.expire_lots(at=EARLY)

        void_hold(a_command(at=EARLY), hold_id=voided.id)
        assert stands(anna, at=EARLY) == ("22.00", "17.00", "5.00", "0.00")
        assert housekeeping.expire_lots(at=EARLY) == 1
        capture_hold(a_command(at=EARLY), hold_id=captured.id, amount=units("4"))
        assert stands(anna, at=EARLY) == ("13.00", "7.00", "6.00", "0.00")
        assert housekeeping.expire_lots(at=EARLY) == 1
        housekeeping.lapse_holds(at=lapsed.expires_at)
        assert stands(anna, at=LATE) == ("7.00", "0.00", "7.00", "0.00")
        assert housekeeping.expire_lots(at=LATE) == 1
        assert stands(anna, at=LATE) == ("0.00", "0.00", "0.00", "0.00")
        assert_books_prove()


class TestReturn:
    def test_goes_back_to_what_was_used_last_at_its_own_rate(self, anna: UUID) -> None:
        a_promotion(anna, "10")
        a_lot(anna, "20", paid="2.00 EUR", expires_at=LATE)
        a_lot(anna, "30", paid="9.00 EUR")
        spend(anna, "40", reference="sale")

        # 30 of the 40 come back: 10 of the third lot at 0.30, 20 of the second at 0.10; the bonus stays spent.
        back = give_back(anna, "sale", "30")
        assert [(lot.issued.major, str(lot.consideration)) for lot in back] == [
            ("10.00", "3.00 EUR"),
            ("20.00", "2.00 EUR"),
        ]
        assert_books_prove()
        rest = give_back(anna, "sale")
        assert [(lot.source.value, lot.issued.major, str(lot.consideration)) for lot in rest] == [
            ("promotion", "10.00", "0.00 EUR")
        ]
        assert left_in(anna) == [
            ("promotion", "10.00", "0.00", "0.00 EUR"),
            ("card_payment", "20.00", "0.00", "2.00 EUR"),
            ("card_payment", "20.00", "0.00", "6.00 EUR"),
            ("card_payment", "10.00", "0.00", "3.00 EUR"),
        ]
        assert_books_prove()

    def test_keeps_terms_age_and_origin(self, anna: UUID) -> None:
        first = a_lot(anna, "20", paid="2.00 EUR", expires_at=LATE, transferable=True, payable_out=True)
        before = wallet(anna).lots[0]
        spend(anna, "20", reference="sale", at=EARLY)
        (back,) = give_back(anna, "sale", at=EARLY)
        assert (back.origin, back.terms, back.opened_at, back.source) == (
            first,
            before.terms,
            before.opened_at,
            before.source,
        )
        spend(anna, "20", reference="again", at=EARLY)
        (once_more,) = give_back(anna, "again", at=EARLY)
        assert (once_more.origin, once_more.issued, once_more.consideration) == (
            first,
            before.units,
            before.consideration,
        )
        assert_books_prove()

    def test_after_the_term_gets_a_new_one(self, anna: UUID) -> None:
        a_lot(anna, "20", paid="2.00 EUR", expires_at=EARLY)
        spend(anna, "15", reference="sale")
        housekeeping.expire_lots(at=LATE)
        (back,) = give_back(anna, "sale", "10", at=LATE)
        assert back.terms.expires_at == LATE + RETURNED_TERM
        spend(anna, "10", at=LATE)
        assert_books_prove()

    def test_in_parts_sums_to_the_cent(self, anna: UUID) -> None:
        a_lot(anna, "0.07", paid="1.00 EUR")
        spend(anna, "0.07", reference="sale")
        parts = [give_back(anna, "sale", "0.01")[0].consideration.minor for _ in range(7)]
        assert sum(parts) == 100 and max(parts) - min(parts) <= 1
        with pytest.raises(UnableToReturn, match="return_exceeds_spend"):
            give_back(anna, "sale", "0.01")
        with pytest.raises(UnableToReturn, match="return_exceeds_spend"):
            give_back(anna, "sale")
        assert_books_prove()

    def test_under_one_key_happens_once(self, anna: UUID) -> None:
        a_lot(anna, "20", paid="2.00 EUR")
        spend(anna, "20", reference="sale")
        first = give_back(anna, "sale", "5", key="refund:1")
        assert [lot.id for lot in give_back(anna, "sale", "5", key="refund:1")] == [lot.id for lot in first]
        with pytest.raises(UnableToReturn, match="return_key_reused"):
            give_back(anna, "sale", "6", key="refund:1")
        assert stands(anna)[0] == "5.00"
        assert_books_prove()

    def test_is_refused_by_name(self, anna: UUID, ben: UUID) -> None:
        a_lot(anna, "20", transferable=True)
        spend(anna, "10", reference="sale")
        move(anna, ben, "5")
        for player, reference, amount, reason in (
            (ben, "sale", "1", "spend_unknown"),
            (anna, "another", "1", "spend_unknown"),
            (anna, "sale", "10.01", "return_exceeds_spend"),
            (anna, "sale", "0", "amount_not_positive"),
        ):
            with pytest.raises(UnableToReturn, match=reason):
                give_back(player, reference, amount)


class TestTransfer:
    def test_moves_units_with_all_that_is_said_of_them(self, anna: UUID, ben: UUID) -> None:
        first = a_lot(anna, "20", paid="2.00 EUR", expires_at=LATE, transferable=True)
        a_lot(anna, "30", paid="3.00 EUR", transferable=True, payable_out=True)
        before = wallet(anna).lots

        moved = move(anna, ben, "30", at=EARLY)
        assert [(lot.player, lot.issued.major, str(lot.consideration)) for lot in moved] == [
            (ben, "20.00", "2.00 EUR"),
            (ben, "10.00", "1.00 EUR"),
        ]
        assert [(lot.terms, lot.opened_at, lot.origin) for lot in moved] == [
            (lot.terms, lot.opened_at, lot.id) for lot in before
        ]
        assert left_in(anna) == [("card_payment", "20.00", "0.00", "2.00 EUR")]
        (back, *_) = move(ben, anna, "20", at=EARLY)
        assert back.origin == first
        assert_books_prove()

    def test_of_a_promotion_stays_a_promotion(self, anna: UUID, ben: UUID) -> None:
        a_promotion(anna, "20", transferable=True)
        (moved,) = move(anna, ben, "20")
        assert (moved.source.value, moved.terms.payable_out) == ("promotion", False)

    def test_leaves_what_may_not_be_moved_what_is_held_and_what_is_over(self, anna: UUID, ben: UUID) -> None:
        a_lot(anna, "10", transferable=True, expires_at=EARLY)
        a_lot(anna, "20", transferable=True)
        a_lot(anna, "40")
        a_hold(anna, "15")
        with pytest.raises(UnableToTransfer, match="not_transferable"):
            move(anna, ben, "15.01", at=EARLY)
        with pytest.raises(UnableToTransfer, match="insufficient_funds"):
            move(anna, ben, "55.01", at=EARLY)
        move(anna, ben, "15", at=EARLY)
        assert left_in(ben) == [("card_payment", "15.00", "0.00", "0.00 EUR")]
        assert_books_prove()

    def test_is_refused_by_name(self, anna: UUID, ben: UUID) -> None:
        a_lot(anna, "10", transferable=True)
        frozen = a_player().id
        freeze(frozen)
        for sender, recipient, amount, reason in (
            (anna, anna, "1", "recipient_is_sender"),
            (anna, new_id(), "1", "wallet_unknown"),
            (anna, frozen, "1", "wallet_frozen"),
            (frozen, anna, "1", "wallet_frozen"),
            (anna, ben, "0", "amount_not_positive"),
        ):
            with pytest.raises(UnableToTransfer, match=reason):
                move(sender, recipient, amount)


class TestSet:
    def test_accepts_or_refuses_each_by_itself(self, anna: UUID, ben: UUID) -> None:
        a_lot(anna, "30", paid="1.00 EUR")
        a_promotion(anna, "5")
        a_lot(ben, "10", paid="1.00 EUR")
        frozen = a_player(with_units="10").id
        freeze(frozen)

        answers = spend_set(
            (anna, "20"), (ben, "10.01"), (anna, "10"), (ben, "10"), (anna, "5.01"),
            (new_id(), "1"), (frozen, "1"), (ben, "0"), (anna, "5"),
        )  # fmt: skip
        assert [
            one if isinstance(one, str) else [(part.units.major, str(part.consideration)) for part in one]
            for one in answers
        ] == [
            [("5.00", "0.00 EUR"), ("15.00", "0.50 EUR")],
            "insufficient_funds",
            [("10.00", "0.33 EUR")],
            [("10.00", "1.00 EUR")],
            "insufficient_funds",
            "wallet_unknown",
            "wallet_frozen",
            "amount_not_positive",
            [("5.00", "0.17 EUR")],
        ]
        assert (left_in(anna), left_in(ben)) == ([], [])
        assert_books_prove()

    def test_asks_the_database_twice_however_many_there_are(self, anna: UUID, ben: UUID) -> None:
        for player in (anna, ben):
            a_lot(player, "10")
            a_promotion(player, "10")
        for spends in ([(anna, "1")], [(anna, "2"), (ben, "11"), (anna, "12"), (ben, "3")]):
            asked: list[str] = []

            def note(execute: Callable[..., Any], sql: str, *rest: Any, asked: list[str] = asked) -> Any:
                asked.append(sql)
                return execute(sql, *rest)

            with connection.execute_wrapper(note):
                spend_set(*spends)
            ours = [sql for sql in asked if "charging_" in sql]
            assert len(ours) == 2, ours

    def test_of_nothing_is_nothing(self) -> None:
        assert spend_set() == []


class TestDatabaseRefuses:
    def refused(self, statement: str, *values: object, constraint: str = "") -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, values)
        except DatabaseError as error:
            # Refused by a right, by a rule or by a constraint, and not for a slip of the test.
            assert error.__cause__.sqlstate in ("42501", "WC001", "23514", "23505"), error
            assert constraint in str(error), error
            return True
        return False

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE charging_lot SET reserved_minor = 1",
            "UPDATE charging_lot SET units_left_minor = 1",
            "UPDATE charging_reservation SET units_minor = 1",
            "TRUNCATE charging_reservation",
            "DELETE FROM charging_lotslice",
            "INSERT INTO charging_lotslice (id, lot_id, use, reference, units_minor, consideration_minor, occurred_at)"
            " SELECT gen_random_uuid(), id, 'spend', 'x', 1, 0, now() FROM charging_lot",
            "INSERT INTO charging_reservation (hold_id, lot_id, units_minor)"
            " SELECT gen_random_uuid(), id, 10001 FROM charging_lot",
            "SELECT charging_take('spend', now(), '{00000000-0000-0000-0000-000000000001}',"
            " '{00000000-0000-0000-0000-000000000001}', '{x}', '{1}', '{0}')",
        ],
    )
    def test_the_role_that_does_the_work(self, anna: UUID, statement: str) -> None:
        a_lot(anna, "100", paid="1.00 EUR")
        a_hold(anna, "10")
        assert self.refused(statement)

    def test_to_take_from_one_lot_that_there_is_and_one_that_there_is_not(self, anna: UUID) -> None:
        lot = a_lot(anna, "100", paid="1.00 EUR")
        take = (
            "SELECT charging_take('spend', now(), ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()],"
            " ARRAY[%s, %s, %s]::uuid[], '{x,y,z}', '{1,2,3}', '{0,0,0}')"
        )
        assert self.refused(take, lot, lot, UUID(int=1))
        assert not self.refused(take, lot, lot, lot)

    def test_to_take_more_than_is_left_or_what_is_reserved(self, anna: UUID) -> None:
        lot, free = a_lot(anna, "100", paid="1.00 EUR"), a_lot(anna, "1", paid="1.00 EUR")
        a_hold(anna, "10")
        take = (
            "SELECT charging_take('spend', now(), ARRAY[gen_random_uuid()], ARRAY[%s]::uuid[], '{x}', ARRAY[%s],"
            " ARRAY[%s])"
        )
        assert self.refused(take, lot, 9001, 90, constraint="lot_reserved_within")
        assert self.refused(take, lot, 9000, 101, constraint="lot_consideration_within")
        assert self.refused(take, free, 101, 100, constraint="lot_")
        assert self.refused(take, free, 100, 99, constraint="lot_empty_of_both")
        assert not self.refused(take, free, 100, 100)
        assert not self.refused(take, lot, 9000, 90)

    @pytest.mark.parametrize(
        "change",
        [
            {"payable_out": "true"},
            {"transferable": "true"},
            {"source": "'prize'"},
            {"opened_at": "now()"},
            {"expires_at": "expires_at - interval '1 second'"},
            {"expires_at": "NULL"},
            {"issued_minor": "issued_minor + 1", "units_left_minor": "units_left_minor + 1"},
            {
                "consideration_minor": "consideration_minor - 1",
                "consideration_left_minor": "consideration_left_minor - 1",
            },
            {"units_left_minor": "units_left_minor - 1"},
            {"wallet_id": "(SELECT player_id FROM charging_wallet ORDER BY player_id DESC LIMIT 1)"},
        ],
        ids=lambda change: ",".join(change),
    )
    def test_a_lot_that_is_more_than_what_it_is_made_of(
        self, anna: UUID, ben: UUID, change: dict[str, str]
    ) -> None:
        lot = a_lot(anna, "100", paid="1.00 EUR", expires_at=LATE)
        (spent,) = spend(anna, "50", reference="sale")
        made = {
            "id": "gen_random_uuid()",
            "issued_minor": str(spent.units.minor),
            "units_left_minor": str(spent.units.minor),
            "consideration_minor": str(spent.consideration.minor),
            "consideration_left_minor": str(spent.consideration.minor),
            "reserved_minor": "0",
            "origin_id": "id",
            "from_slice_id": "(SELECT id FROM charging_lotslice)",
            **{
                name: name
                for name in (
                    "wallet_id", "source", "reference", "currency", "refundable", "transferable", "payable_out",
                    "expires_at", "opened_at",
                )
            },
        }  # fmt: skip
        insert = "INSERT INTO charging_lot ({}) SELECT {} FROM charging_lot WHERE id = %s"
        wrong = {name: value.replace(name, made[name]) for name, value in change.items()}
        for values, is_refused in ((made | wrong, True), (made, False), (made, True)):
            statement = insert.format(", ".join(values), ", ".join(values.values()))
            assert self.refused(statement, lot) is is_refused


class TestProve:
    @pytest.mark.parametrize(
        ("tampering", "rule"),
        [
            ("UPDATE charging_lot SET units_left_minor = units_left_minor - 1", "wallet_lots"),
            (
                "UPDATE charging_lot SET consideration_left_minor = consideration_left_minor - 1",
                "wallet_funding",
            ),
            ("UPDATE charging_lotslice SET units_minor = units_minor - 1", "lot_slices"),
            ("UPDATE charging_lotslice SET units_minor = 1 WHERE use = 'spend'", "lot_descent"),
            ("UPDATE charging_lotslice SET units_minor = 100000 WHERE use = 'transfer'", "lot_descent"),
            ("UPDATE charging_lotslice SET use = 'expiry' WHERE use = 'spend'", "lot_descent"),
            ("UPDATE charging_lot SET reserved_minor = reserved_minor + 1", "lot_reservations"),
            ("DELETE FROM charging_reservation", "hold_reservations"),
            ("UPDATE charging_reservation SET units_minor = units_minor - 1", "hold_reservations"),
            ("UPDATE charging_reservation SET hold_id = gen_random_uuid()", "hold_reservations"),
            ("UPDATE ledger_hold SET state = 'voided'", "hold_reservations"),
        ],
    )
    def test_names_what_was_tampered_with(
        self, anna: UUID, ben: UUID, superuser_dsn: str, tampering: str, rule: str
    ) -> None:
        a_lot(anna, "100", paid="1.00 EUR", transferable=True)
        spend(anna, "10", reference="sale")
        give_back(anna, "sale", "5")
        move(anna, ben, "20")
        a_hold(anna, "30")
        assert_books_prove()
        with psycopg.connect(superuser_dsn) as superuser:
            superuser.execute("SET session_replication_role = replica")
            superuser.execute(tampering)
        assert rule in {checked.invariant.name for checked in invariants.check_all() if checked.places}
