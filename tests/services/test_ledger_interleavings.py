"""Orders of events that would break the books, each played step by step over connections of its own."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

import pytest
from django.db import connections, transaction

from tests.builders.books import assert_books_prove
from tests.services.test_ledger import issue, ledger, purse, units
from warchest.ledger.contract import EntryDraft, Ledger
from warchest.runtime.services import services

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

    def test_within_a_transaction_leaves_alone_what_began_since(self, ledger: Ledger) -> None:
        with transaction.atomic():
            ledger.post(entry=issue("anna", 7))
            with posted_but_not_committed(issue("ben", 1)):
                ledger.fold()
            ledger.fold()
        assert fold_all(ledger) == 2
        assert_books_prove()
