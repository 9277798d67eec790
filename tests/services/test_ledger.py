"""The ledger's promises, kept by the database: balance, floors, keys, immutability, holds."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, connections, transaction

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from warchest.kernel.ids import new_id
from warchest.kernel.money import CurrencyMismatch, Money
from warchest.ledger.contract import (
    AMOUNT_MINOR_MAX,
    AccountRef,
    Book,
    BookKind,
    EntryDraft,
    HoldState,
    Ledger,
    Posted,
    Refused,
    Side,
    UnableToHold,
    UnableToPost,
    credit,
    debit,
)
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def ledger() -> Ledger:
    """A ledger with two books of its own, so that no other app's rules apply to them."""
    ledger = services.get(Ledger)
    ledger.define_books(
        books=[
            Book("purse", BookKind.MEMORANDUM, Side.CREDIT, floored=True),
            Book("issued", BookKind.MEMORANDUM, Side.DEBIT),
        ]
    )
    return ledger


def units(amount: int) -> Money:
    return Money.units(amount)


def purse(owner: str) -> AccountRef:
    return AccountRef("purse", "XCR", owner)


def issue(owner: str, amount: int, key: str | None = None) -> EntryDraft:
    return entry(debit("issued", units(amount)), credit("purse", units(amount), owner=owner), key=key)


def move(one: str, other: str, amount: int, key: str | None = None) -> EntryDraft:
    return entry(
        debit("purse", units(amount), owner=one), credit("purse", units(amount), owner=other), key=key
    )


def entry(*legs, key: str | None = None) -> EntryDraft:
    identity = new_id()
    return EntryDraft(id=identity, key=key or str(identity), kind="test", occurred_at=NOW, legs=legs)


class TestPost:
    def test_moves_exactly_what_it_says(self, ledger: Ledger) -> None:
        ledger.post_set(entries=[issue("anna", 1000), move("anna", "ben", 300)])

        assert ledger.balance(account=purse("anna")).available == units(700)
        assert ledger.balance(account=purse("ben")).available == units(300)
        assert ledger.balance(account=AccountRef("issued", "XCR")).posted == units(1000)
        assert_books_prove()

    def test_accepts_or_refuses_each_of_a_set_by_itself(self, ledger: Ledger) -> None:
        first, poor, third = ledger.post_set(
            entries=[issue("anna", 100), move("ben", "anna", 1), move("anna", "ben", 100)]
        )

        assert isinstance(first, Posted) and isinstance(third, Posted)
        assert poor == Refused("insufficient_funds")
        assert_books_prove()

    @pytest.mark.parametrize(
        ("legs", "reason"),
        [
            ([debit("revenue", units(5)), credit("issued", units(4))], "entry_unbalanced"),
            ([debit("revenue", units(5)), credit("issued", Money.parse("0.05", "EUR"))], "entry_unbalanced"),
            ([debit("revenue", units(5)), credit("moon", units(5))], "book_unknown"),
            ([debit("revenue", units(0)), credit("issued", units(0))], "entry_empty"),
            ([], "entry_empty"),
        ],
    )
    def test_refuses_what_is_no_entry(self, ledger: Ledger, legs: list, reason: str) -> None:
        with pytest.raises(UnableToPost) as refusal:
            ledger.post(entry=entry(*legs))

        assert refusal.value.reason == reason
        assert not ledger.trial_balance()

    def test_answers_a_repeated_key_as_the_first_time(self, ledger: Ledger) -> None:
        first = ledger.post(entry=issue("anna", 100, key="k"))
        again = ledger.post(entry=issue("anna", 100, key="k"))

        assert again == Posted(first.entry_id, replayed=True)
        assert ledger.balance(account=purse("anna")).posted == units(100)

    def test_posts_the_same_key_twice_in_one_set_once(self, ledger: Ledger) -> None:
        outcomes = ledger.post_set(entries=[issue("anna", 100, key="k"), issue("anna", 100, key="k")])

        assert [outcome.replayed for outcome in outcomes if isinstance(outcome, Posted)] == [False, True]
        assert ledger.balance(account=purse("anna")).posted == units(100)

    def test_refuses_another_body_under_the_same_key(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100, key="k"))

        with pytest.raises(UnableToPost, match="entry_key_reused"):
            ledger.post(entry=issue("anna", 101, key="k"))

    def test_keeps_no_reference_that_folding_could_not_take(self, ledger: Ledger) -> None:
        long = dataclasses.replace(issue("anna", 100), reference="r" * 81)

        with pytest.raises(IntegrityError, match="entry_texts_short"):
            ledger.post(entry=long)
        ledger.post(entry=dataclasses.replace(long, reference="r" * 80))
        assert ledger.fold() == 1
        assert_books_prove()

    def test_leaves_a_refused_entrys_key_free(self, ledger: Ledger) -> None:
        with pytest.raises(UnableToPost, match="insufficient_funds"):
            ledger.post(entry=move("anna", "ben", 1, key="k"))
        ledger.post(entry=issue("anna", 1))

        assert not ledger.post(entry=move("anna", "ben", 1, key="k")).replayed

    def test_never_breaks_a_floor_under_50_threads(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 20))
        start = Barrier(50)

        def spend(number: int) -> bool:
            start.wait()
            try:
                ledger.post(entry=move("anna", f"shop{number % 3}", 1))
                return True
            except UnableToPost:
                return False
            finally:
                connections.close_all()

        with ThreadPoolExecutor(50) as threads:
            assert sum(threads.map(spend, range(50))) == 20
        assert ledger.balance(account=purse("anna")).posted == units(0)
        assert_books_prove()

    def test_does_not_deadlock_when_two_accounts_pay_each_other(self, ledger: Ledger) -> None:
        ledger.post_set(entries=[issue("anna", 10_000), issue("ben", 10_000)])

        def pay(number: int) -> None:
            pair = ("anna", "ben") if number % 2 else ("ben", "anna")
            ledger.post_set(entries=[move(*pair, 1), move(*reversed(pair), 2)])
            if number % 16 == 0:
                connections.close_all()

        with ThreadPoolExecutor(16) as threads:
            list(threads.map(pay, range(160)))
        total = sum(ledger.balance(account=purse(name)).posted.minor for name in ("anna", "ben"))
        assert total == 20_000
        assert_books_prove()
        connections.close_all()


class TestReverse:
    @pytest.mark.use_case("ACC-06")
    def test_books_the_mirror_image_once(self, ledger: Ledger) -> None:
        posted = ledger.post(entry=issue("anna", 100))

        ledger.reverse(entry_id=posted.entry_id, key="r1", reversal_id=new_id(), occurred_at=NOW)
        with pytest.raises(UnableToPost, match="entry_already_reversed"):
            ledger.reverse(entry_id=posted.entry_id, key="r2", reversal_id=new_id(), occurred_at=NOW)

        assert ledger.balance(account=purse("anna")).posted == units(0)
        assert_books_prove()

    def test_takes_no_other_entry_under_the_key_of_a_reversal(self, ledger: Ledger) -> None:
        one, other = (ledger.post(entry=issue("anna", 100)) for _ in range(2))

        first = ledger.reverse(entry_id=one.entry_id, key="r", reversal_id=new_id(), occurred_at=NOW)
        again = ledger.reverse(entry_id=one.entry_id, key="r", reversal_id=new_id(), occurred_at=NOW)
        with pytest.raises(UnableToPost, match="entry_key_reused"):
            ledger.reverse(entry_id=other.entry_id, key="r", reversal_id=new_id(), occurred_at=NOW)

        assert again == Posted(first.entry_id, replayed=True)
        assert ledger.balance(account=purse("anna")).posted == units(100)
        assert_books_prove()


class TestHold:
    def test_counts_against_the_floor(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))
        ledger.hold(hold_id=new_id(), account=purse("anna"), amount=units(80), reason="match", expires_at=NOW)

        with pytest.raises(UnableToPost, match="insufficient_funds"):
            ledger.post(entry=move("anna", "ben", 21))
        with pytest.raises(UnableToHold, match="insufficient_funds"):
            ledger.hold(
                hold_id=new_id(), account=purse("anna"), amount=units(21), reason="match", expires_at=NOW
            )
        assert ledger.balance(account=purse("anna")).available == units(20)

    def test_lets_the_rest_go_when_a_part_is_captured(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))
        hold = new_id()
        later = NOW + timedelta(hours=1)
        ledger.hold(hold_id=hold, account=purse("anna"), amount=units(80), reason="match", expires_at=later)
        with transaction.atomic():
            closed = ledger.release_for_capture(hold_id=hold, amount=units(30), at=NOW)
            ledger.post(entry=move("anna", "ben", 30))

        assert (closed.state, closed.captured) == (HoldState.CAPTURED, units(30))
        assert ledger.balance(account=purse("anna")).available == units(70)
        with pytest.raises(UnableToHold, match="hold_closed"):
            ledger.void(hold_id=hold)
        assert_books_prove()

    def test_sets_nothing_aside_in_another_currency(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))

        with pytest.raises(CurrencyMismatch):
            ledger.hold(
                hold_id=new_id(),
                account=purse("anna"),
                amount=Money.parse("0.01", "EUR"),
                reason="match",
                expires_at=NOW,
            )

    @pytest.mark.parametrize(
        ("account", "amount", "reason"),
        [
            (purse("anna"), 0, "amount_not_positive"),
            (purse("anna"), -1, "amount_not_positive"),
            (AccountRef("issued", "XCR"), 1, "book_without_floor"),
            (AccountRef("moon", "XCR"), 1, "insufficient_funds"),
        ],
    )
    def test_refuses_what_cannot_be_held(
        self, ledger: Ledger, account: AccountRef, amount: int, reason: str
    ) -> None:
        ledger.post(entry=issue("anna", 100))

        with pytest.raises(UnableToHold, match=reason):
            ledger.hold(hold_id=new_id(), account=account, amount=units(amount), reason="x", expires_at=NOW)

    def test_answers_the_same_id_once_and_refuses_another_amount_under_it(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))
        hold = new_id()
        first = ledger.hold(hold_id=hold, account=purse("anna"), amount=units(10), reason="x", expires_at=NOW)

        assert first == ledger.hold(
            hold_id=hold, account=purse("anna"), amount=units(10), reason="x", expires_at=NOW
        )
        with pytest.raises(UnableToHold, match="hold_id_reused"):
            ledger.hold(hold_id=hold, account=purse("anna"), amount=units(11), reason="x", expires_at=NOW)

    def test_lapses_by_itself(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))
        hold = new_id()
        ledger.hold(hold_id=hold, account=purse("anna"), amount=units(80), reason="match", expires_at=NOW)

        assert ledger.lapse(at=NOW) == (hold,)
        assert ledger.balance(account=purse("anna")).available == units(100)
        assert_books_prove()

    def test_lapses_those_that_are_named_and_expired(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 100))
        late, early, other = new_id(), new_id(), new_id()
        for hold, expires_at in (
            (late, NOW + timedelta(hours=2)),
            (early, NOW + timedelta(hours=1)),
            (other, NOW),
        ):
            ledger.hold(
                hold_id=hold, account=purse("anna"), amount=units(10), reason="match", expires_at=expires_at
            )
        at = NOW + timedelta(hours=1)

        assert [hold.id for hold in ledger.open_holds(book="purse")] == [other, early, late]
        assert [hold.id for hold in ledger.open_holds(book="purse", expired_at=at, limit=1)] == [other]
        assert ledger.lapse(hold_ids=[early, late], at=at) == (early,)
        assert [hold.id for hold in ledger.open_holds(book="purse")] == [other, late]


class TestDatabaseRefuses:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_journalentry SET kind = 'x'",
            "DELETE FROM ledger_journalentry",
            "TRUNCATE ledger_journalentry CASCADE",
            "UPDATE ledger_posting SET amount_minor = 1",
            "DELETE FROM ledger_posting",
            "INSERT INTO ledger_postedkey (digest, entry_id) VALUES (gen_random_uuid(), gen_random_uuid())",
            "SELECT nextval('ledger_position')",
            "SELECT ledger_unfold(0, 1)",
            "UPDATE ledger_journalentry_other SET kind = 'x'",
            "UPDATE ledger_balance SET posted_minor = 1000000",
            "UPDATE runtime_operation SET name = 'x'",
            "DELETE FROM runtime_operation",
            "DELETE FROM charging_lotslice",
        ],
    )
    def test_changes_by_those_who_run_the_business(self, ledger: Ledger, statement: str) -> None:
        ledger.post(entry=issue("anna", 100))

        with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_journalentry SET kind = 'x'",
            "DELETE FROM ledger_posting",
            "TRUNCATE ledger_journalentry CASCADE",
        ],
    )
    def test_changes_by_the_owner_and_the_superuser_too(
        self, ledger: Ledger, superuser_dsn: str, statement: str
    ) -> None:
        ledger.post(entry=issue("anna", 100))
        ledger.fold()

        with psycopg.connect(superuser_dsn) as superuser, pytest.raises(psycopg.Error, match="append-only"):
            superuser.execute(statement)

    def test_an_unbalanced_entry_written_past_the_function(self, ledger: Ledger, superuser_dsn: str) -> None:
        ledger.post(entry=issue("anna", 100))

        with psycopg.connect(superuser_dsn) as superuser, pytest.raises(psycopg.errors.CheckViolation):
            superuser.execute(
                "INSERT INTO ledger_journalentry SELECT position + 1, occurred_at, recorded_at, gen_random_uuid(), NULL,"
                " cluster, kind, 'x', reference, details, sides, currencies, accounts, ARRAY[5, 6]"
                " FROM ledger_journalentry"
            )


class TestFold:
    def test_sums_outgrow_64_bits(self, ledger: Ledger) -> None:
        most = units(AMOUNT_MINOR_MAX)
        legs = [debit("issued", most), credit("revenue", most)] * 500
        ledger.post_set(entries=[entry(*legs) for _ in range(20)])

        assert ledger.fold(entries_max=0) == 1
        assert ledger.fold() == 19
        assert ledger.balance(account=AccountRef("issued", "XCR")).posted.minor == 20 * 500 * AMOUNT_MINOR_MAX
        assert ledger.statement(account=AccountRef("issued", "XCR"))[0].balance_after.minor > 2**63
        ledger.post(entry=entry(*legs))
        assert ledger.balance(account=AccountRef("issued", "XCR")).posted.minor == 21 * 500 * AMOUNT_MINOR_MAX


class TestMonths:
    def test_have_their_tables_ready_before_they_begin(self, ledger: Ledger) -> None:
        at = datetime(2031, 11, 30, tzinfo=UTC)

        assert ledger.open_months(at=at) == 3
        assert ledger.open_months(at=at) == 0

    def test_take_their_entries_and_keep_them_closed(self, ledger: Ledger, superuser_dsn: str) -> None:
        ledger.open_months(at=datetime(2031, 11, 30, tzinfo=UTC))
        late = UUID(
            int=(int(datetime(2031, 12, 31, 23, 59, tzinfo=UTC).timestamp() * 1000) << 80) | 0x7 << 76
        )
        draft = dataclasses.replace(issue("anna", 100), id=late)
        ledger.post(entry=draft)
        ledger.fold()

        with connection.cursor() as cursor:
            cursor.execute("SELECT tableoid::regclass::text FROM ledger_journalentry")
            assert cursor.fetchall() == [("ledger_journalentry_203112",)]
        for statement in (
            "TRUNCATE ledger_journalentry_203112",
            "DELETE FROM ledger_posting_203112",
            "UPDATE ledger_journalentry_203112 SET kind = 'x'",
        ):
            with pytest.raises(DatabaseError, match="permission denied"), connection.cursor() as cursor:
                cursor.execute(statement)
            with (
                psycopg.connect(superuser_dsn) as superuser,
                pytest.raises(psycopg.Error, match="append-only"),
            ):
                superuser.execute(statement)
        assert_books_prove()

    def test_an_id_of_no_month_is_kept_all_the_same(self, ledger: Ledger) -> None:
        ledger.post(entry=dataclasses.replace(issue("anna", 100), id=UUID(int=1)))
        ledger.fold()

        assert ledger.statement(account=purse("anna"))[0].entry_id == UUID(int=1)
        assert_books_prove()
