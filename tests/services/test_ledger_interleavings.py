"""Orders of events that would break the books, each played step by step over connections of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from threading import Event
from typing import TypeVar

import psycopg
import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.services.test_ledger import entry, issue, ledger, move, purse, units
from tests.services.test_ledger_archive import in_month, seal_all
from warchest.kernel.ids import new_id
from warchest.ledger.contract import (
    Book,
    BookKind,
    EntryDraft,
    Ledger,
    Leg,
    Posted,
    Refused,
    Side,
    UnableToArchive,
    UnableToPost,
    credit,
    debit,
)
from warchest.runtime.services import services

T = TypeVar("T")

__all__ = ["ledger"]

pytestmark = pytest.mark.usefixtures("database")


@contextmanager
def posted_but_not_committed(*entries: EntryDraft, roll_back: bool = False) -> Iterator[None]:
    """While the block runs, another connection has posted these entries in a transaction that is still open."""
    has_posted, may_end = Event(), Event()

    def post() -> None:
        try:
            with transaction.atomic():
                services.get(Ledger).post_set(entries=entries)
                has_posted.set()
                assert may_end.wait(30)
                transaction.set_rollback(roll_back)
        finally:
            has_posted.set()
            connections.close_all()

    with ThreadPoolExecutor(1) as thread:
        posting = thread.submit(post)
        assert has_posted.wait(30)
        try:
            yield
        finally:
            may_end.set()
            posting.result()


@pytest.fixture(autouse=True)
def accounts_are_open(database: str, ledger: Ledger) -> None:
    """Who opens an account keeps others waiting who would open it too; that is not what is shown here."""
    ledger.post_set(entries=[issue(owner, 1_000) for owner in ("anna", "ben", "cleo")])
    assert fold_all(ledger) == 3


def closing(work: Callable[[], T]) -> Callable[[], T]:
    """The same in a thread, whose connections end with it."""

    def closed() -> T:
        try:
            return work()
        finally:
            connections.close_all()

    return closed


def on_another_connection(work: Callable[[], T]) -> T:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(closing(work)).result(20)


def fold_all(ledger: Ledger) -> int:
    return sum(ledger.fold() for _ in range(3))


class TestFolding:
    """What is open when folding runs is folded later, whatever has its place before or behind it in the books."""

    def test_waits_for_the_newest_transaction_when_it_is_the_only_one(self, ledger: Ledger) -> None:
        with posted_but_not_committed(issue("anna", 7)):
            assert fold_all(ledger) == 0
        assert fold_all(ledger) == 1
        assert_books_prove()

    def test_waits_for_an_older_transaction_while_newer_ones_end(self, ledger: Ledger) -> None:
        with posted_but_not_committed(issue("anna", 7)):
            ledger.post(entry=issue("ben", 1))
            assert fold_all(ledger) == 0
            assert ledger.balance(account=purse("ben")).posted == units(1_001)
        assert fold_all(ledger) == 2
        assert_books_prove()

    def test_folds_what_is_behind_a_transaction_that_began_later(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("anna", 7))
        with posted_but_not_committed(issue("ben", 1)):
            ledger.fold()
            with posted_but_not_committed(issue("cleo", 1)):
                assert fold_all(ledger) == 0
        assert fold_all(ledger) == 3
        assert_books_prove()

    def test_steps_over_what_was_given_up(self, ledger: Ledger) -> None:
        with posted_but_not_committed(issue("anna", 7), roll_back=True):
            ledger.post(entry=issue("ben", 1))
            ledger.fold()
        assert fold_all(ledger) == 1
        assert ledger.folding().behind == 0
        assert_books_prove()

    def test_waits_for_what_was_posted_after_a_savepoint(self, ledger: Ledger) -> None:
        with transaction.atomic():
            ledger.post(entry=issue("anna", 7))
            with posted_but_not_committed(issue("ben", 1)), transaction.atomic():
                ledger.post(entry=issue("anna", 8))
            assert on_another_connection(lambda: fold_all(ledger)) == 0
        assert fold_all(ledger) == 3
        assert_books_prove()

    def test_waits_for_a_prepared_transaction(self, ledger: Ledger) -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            ledger.post(entry=issue("anna", 7))
            cursor.execute("PREPARE TRANSACTION 'between two databases'")
            ledger.post(entry=issue("ben", 1))
            assert fold_all(ledger) == 0
            cursor.execute("COMMIT PREPARED 'between two databases'")
        assert fold_all(ledger) == 2
        assert_books_prove()

    def test_in_one_snapshot_leaves_alone_what_ended_since(self, ledger: Ledger) -> None:
        with posted_but_not_committed(issue("ben", 1)):
            ledger.fold()
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("SELECT count(*) FROM ledger_journalentry")
                on_another_connection(lambda: ledger.post(entry=issue("anna", 7)))
                ledger.fold()
        assert fold_all(ledger) == 2
        assert_books_prove()

    def test_within_a_transaction_leaves_alone_what_began_since(self, ledger: Ledger) -> None:
        with transaction.atomic():
            ledger.post(entry=issue("anna", 7))
            with posted_but_not_committed(issue("ben", 1)):
                ledger.fold()
            ledger.fold()
        assert fold_all(ledger) == 2
        assert_books_prove()


def while_waiting(entries: Sequence[EntryDraft], other: Callable[[], T], *, roll_back: bool = False) -> T:
    """What ``other`` answers on another connection, which has to wait until these entries are committed, or given up."""
    with ThreadPoolExecutor(1) as thread:
        with posted_but_not_committed(*entries, roll_back=roll_back):
            answer = thread.submit(closing(other))
            with connection.cursor() as cursor:
                until = time.monotonic() + 10
                while not waits(cursor):
                    assert not answer.done(), "it did not have to wait"
                    assert time.monotonic() < until
        return answer.result(20)


def waits(cursor: CursorWrapper) -> bool:
    cursor.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    return bool(cursor.fetchone()[0])


class TestPosting:
    def test_of_the_same_key_waits_and_then_answers_as_the_first(self, ledger: Ledger) -> None:
        first = move("anna", "ben", 10, key="k")
        again = move("anna", "ben", 10, key="k")

        outcomes = while_waiting([first], lambda: ledger.post_set(entries=[again, issue("ben", 1)]))

        assert outcomes[0] == Posted(first.id, replayed=True)
        assert isinstance(outcomes[1], Posted)
        assert_books_prove()

    def test_of_the_same_key_with_other_contents_is_refused(self, ledger: Ledger) -> None:
        outcomes = while_waiting(
            [move("anna", "ben", 10, key="k")],
            lambda: ledger.post_set(entries=[move("cleo", "ben", 10, key="k")]),
        )
        assert outcomes == (Refused("entry_key_reused"),)
        assert_books_prove()

    def test_of_a_key_that_was_given_up_takes_it(self, ledger: Ledger) -> None:
        again = move("cleo", "ben", 10, key="k")

        outcomes = while_waiting(
            [move("anna", "ben", 10, key="k")], lambda: ledger.post_set(entries=[again]), roll_back=True
        )

        assert outcomes == (Posted(again.id),)
        assert_books_prove()

    @pytest.mark.parametrize("roll_back", [True, False])
    def test_decides_by_what_the_other_has_left(self, ledger: Ledger, roll_back: bool) -> None:
        """Each of a set by itself: the second fits only if the other gave up, the third only if he did not."""
        wanted = [
            move("ben", "cleo", 1),
            move("anna", "cleo", 600),
            move("anna", "cleo", 500),
            move("anna", "cleo", 101),
        ]

        outcomes = while_waiting(
            [move("anna", "ben", 500)], lambda: ledger.post_set(entries=wanted), roll_back=roll_back
        )

        fits = (True, True, False, True) if roll_back else (True, False, True, False)
        assert tuple(isinstance(outcome, Posted) for outcome in outcomes) == fits
        assert_books_prove()

    def test_opens_an_account_that_another_opens(self, ledger: Ledger) -> None:
        for roll_back in (True, False):
            outcomes = while_waiting(
                [move("anna", "new", 1)],
                lambda: ledger.post_set(entries=[move("anna", "new", 1), move("new", "ben", 1)]),
                roll_back=roll_back,
            )
            assert all(isinstance(outcome, Posted) for outcome in outcomes)
        assert_books_prove()


def part(minor: int) -> list[Leg]:
    return [debit("issued", units(minor)), credit("purse", units(minor), owner="anna")]


class TestReversing:
    @pytest.mark.parametrize("is_whole", [True, False])
    @pytest.mark.parametrize("second_is_whole", [True, False])
    @pytest.mark.parametrize("gives_up", [True, False])
    def test_at_the_same_moment_never_exceeds_the_entry(
        self, ledger: Ledger, is_whole: bool, second_is_whole: bool, gives_up: bool
    ) -> None:
        original = ledger.post(entry=issue("anna", 100)).entry_id

        def reverse(whole: bool) -> Posted | str:
            try:
                return ledger.reverse(
                    entry_id=original,
                    key=str(new_id()),
                    reversal_id=new_id(),
                    occurred_at=NOW,
                    legs=None if whole else part(60),
                )
            except UnableToPost as refusal:
                return refusal.reason

        has_reversed, may_end = Event(), Event()

        def first() -> None:
            with transaction.atomic():
                assert isinstance(reverse(is_whole), Posted)
                has_reversed.set()
                assert may_end.wait(10)
                transaction.set_rollback(gives_up)

        with ThreadPoolExecutor(2) as threads:
            one = threads.submit(closing(first))
            assert has_reversed.wait(10)
            other = threads.submit(closing(lambda: reverse(second_is_whole)))
            with connection.cursor() as cursor:
                while not waits(cursor):
                    assert not other.done()
            may_end.set()
            one.result()
        outcome = other.result()

        if gives_up:
            assert isinstance(outcome, Posted)
        else:
            assert outcome == ("entry_already_reversed" if second_is_whole else "reversal_exceeds_entry")
        assert_books_prove()

    def test_of_many_parts_at_once_reaches_just_the_whole(self, ledger: Ledger) -> None:
        """No account with a floor keeps them in order, and each names its legs in an order of its own."""
        books = [f"income{number}" for number in range(6)]
        ledger.define_books(books=[Book(book, BookKind.INCOME, Side.CREDIT) for book in books])
        legs = [debit("issued", units(60)), *(credit(book, units(10)) for book in books)]
        original = ledger.post(entry=entry(*legs)).entry_id

        def reverse(number: int) -> bool:
            wanted = books[number % 6 :] + books[: number % 6]
            if number % 2:
                wanted.reverse()
            legs = [debit("issued", units(6)), *(credit(book, units(1)) for book in wanted)]
            try:
                ledger.reverse(
                    entry_id=original, key=f"part {number}", reversal_id=new_id(), occurred_at=NOW, legs=legs
                )
                return True
            except UnableToPost as refusal:
                assert refusal.reason == "reversal_exceeds_entry"
                return False
            finally:
                connections.close_all()

        with ThreadPoolExecutor(12) as threads:
            assert sum(threads.map(reverse, range(24))) == 10
        assert_books_prove()


class TestArchiving:
    def test_leaves_a_month_alone_into_which_somebody_posts_just_then(self, ledger: Ledger) -> None:
        month = date(2024, 1, 1)
        ledger.open_months(at=datetime(2024, 1, 1, tzinfo=UTC))
        ledger.post(entry=in_month(issue("anna", 1), month))
        seal_all()
        is_done = Event()

        def archive() -> str:
            try:
                ledger.archive_month(month=month)
            except (UnableToArchive, OperationalError) as refusal:
                return str(refusal)
            finally:
                is_done.set()
            return ""

        with ThreadPoolExecutor(1) as thread:
            with posted_but_not_committed(in_month(issue("anna", 2), month)):
                answer = thread.submit(closing(archive))
                is_done.wait(0.1)
            archived = not answer.result()

        fold_all(ledger)
        assert ledger.folding().behind == 0
        assert_books_prove()
        assert not archived or ledger.statement(account=purse("anna"))[0].amount == units(2)


class TestMonths:
    def test_takes_an_entry_whose_month_gets_its_table_just_then(
        self, ledger: Ledger, superuser_dsn: str
    ) -> None:
        month = date(2031, 5, 1)
        early = in_month(issue("anna", 1), month)
        with psycopg.connect(superuser_dsn) as opening, ThreadPoolExecutor(1) as thread:
            opening.execute("SELECT ledger_ensure_months(%s, %s)", [month, month])
            answer = thread.submit(closing(lambda: ledger.post(entry=early)))
            with connection.cursor() as cursor:
                while not waits(cursor):
                    assert not answer.done()
            opening.commit()
            assert answer.result() == Posted(early.id)
        assert_books_prove()
        fold_all(ledger)
        assert_books_prove()
