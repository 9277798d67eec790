"""A call of the ledger alone that got in another's way begins again, and tells its caller nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import OperationalError, connection, connections, transaction
from psycopg import errors as postgres

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW
from tests.services.test_ledger import issue, ledger, move, purse, units
from tests.services.test_ledger_interleavings import closing, posted_but_not_committed
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Hold, Ledger, Posted
from warchest.runtime import busy
from warchest.runtime.busy import repeated_while_busy

T = TypeVar("T")

__all__ = ["ledger"]


def impatient(work: Callable[[], T]) -> Callable[[], T]:
    """The same on a connection that waits for no lock longer than a tenth of a second: eight times, so most of one."""

    def run() -> T:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        return work()

    return closing(run)


def hold_of(ledger: Ledger, owner: str) -> Hold:
    return ledger.hold(
        hold_id=new_id(), account=purse(owner), amount=units(1), reason="match", expires_at=NOW
    )


@pytest.mark.usefixtures("database")
class TestWhoeverMeetsAnother:
    @pytest.fixture(autouse=True)
    def two_purses(self, database: str, ledger: Ledger) -> None:
        # In this order: that of their numbers is that in which they are locked.
        for owner in ("anna", "ben"):
            ledger.post(entry=issue(owner, 1_000))

    def test_posts_in_the_end_where_a_lock_is_kept_longer_than_one_waits(self, ledger: Ledger) -> None:
        entries = [move("anna", "ben", 10)]
        with ThreadPoolExecutor(1) as thread:
            with posted_but_not_committed(move("anna", "ben", 1)):
                posting = thread.submit(impatient(lambda: ledger.post_set(entries=entries)))
                time.sleep(0.15)
                assert not posting.done()
            assert posting.result() == (Posted(entries[0].id),)
        assert ledger.balance(account=purse("ben")).posted == units(1_011)
        assert_books_prove()

    def test_holds_in_the_end(self, ledger: Ledger) -> None:
        with ThreadPoolExecutor(1) as thread:
            with posted_but_not_committed(move("anna", "ben", 1)):
                holding = thread.submit(impatient(lambda: hold_of(ledger, "anna")))
                time.sleep(0.15)
                assert not holding.done()
            assert holding.result().amount == units(1)
        assert ledger.balance(account=purse("anna")).held == units(1)
        assert_books_prove()

    def test_is_told_to_try_again_where_it_comes_to_nothing(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(busy, "_TRIES_MAX", 3)
        entry = move("anna", "ben", 10)
        with ThreadPoolExecutor(1) as thread, posted_but_not_committed(move("anna", "ben", 1)):
            posting = thread.submit(impatient(lambda: ledger.post(entry=entry)))
            with pytest.raises(TryAgain) as failure:
                posting.result()
            assert failure.value.reason == "busy"

        assert ledger.balance(account=purse("ben")).posted == units(1_001)
        assert ledger.post(entry=entry) == Posted(entry.id)
        assert_books_prove()

    def test_posts_though_it_was_ended_to_break_a_ring(self, ledger: Ledger) -> None:
        """It locks Anna and waits for Ben, whom the other has locked, who then comes for Anna."""
        ordered = move("anna", "ben", 10)
        with ThreadPoolExecutor(1) as thread:
            with transaction.atomic():
                post(ledger, [issue("ben", 1)])
                posting = thread.submit(closing(lambda: ledger.post(entry=ordered)))
                wait_until_somebody_waits()
                # The one who waited first looks first, finds the ring, and is ended.
                post(ledger, [issue("anna", 1)])
            assert posting.result() == Posted(ordered.id)
        assert ledger.balance(account=purse("ben")).posted == units(1_011)
        assert_books_prove()


def post(ledger: Ledger, entries: Sequence[EntryDraft]) -> None:
    assert all(isinstance(outcome, Posted) for outcome in ledger.post_set(entries=entries))


def wait_until_somebody_waits() -> None:
    with connections["default"].cursor() as cursor:
        for _ in range(500):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits")


class TestBeginningAgain:
    def test_ends_after_so_many_tries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pauses: list[float] = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        with pytest.raises(TryAgain):
            repeated_while_busy("test", failing(100, postgres.DeadlockDetected))
        assert len(pauses) == busy._TRIES_MAX - 1
        assert sum(pauses) < 2

    def test_ends_after_one_lock_that_was_kept_for_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        moments = iter([0.0, 10.1])
        monkeypatch.setattr(time, "monotonic", lambda: next(moments))
        with pytest.raises(TryAgain):
            repeated_while_busy("test", failing(1, postgres.LockNotAvailable))

    def test_ends_after_so_long(self, monkeypatch: pytest.MonkeyPatch) -> None:
        moments = iter([0.0, 5.0, 10.1])
        monkeypatch.setattr(time, "monotonic", lambda: next(moments))
        with pytest.raises(TryAgain):
            repeated_while_busy("test", failing(3, postgres.LockNotAvailable))

    def test_answers_as_soon_as_it_can(self) -> None:
        assert repeated_while_busy("test", failing(2, postgres.SerializationFailure)) == 3

    def test_is_not_for_other_failures(self) -> None:
        with pytest.raises(OperationalError):
            repeated_while_busy("test", failing(1, postgres.DiskFull))


def failing(times: int, cause: type[Exception]) -> Callable[[], int]:
    """What fails so many times, and then answers how often it was tried."""
    tries = 0

    def once() -> int:
        nonlocal tries
        tries += 1
        if tries <= times:
            raise OperationalError from cause()
        return tries

    return once
