"""Accounts named by their numbers: what a connection has seen it names without being asked, and never wrongly."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.builders.books import assert_books_prove
from tests.services.test_ledger import entry, issue, ledger, move, purse, units
from warchest.ledger import numbers
from warchest.ledger.contract import Ledger, Posted, Refused, credit, debit
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")
__all__ = ["ledger"]


def known() -> set[str]:
    """The owners of the accounts that this connection names by number."""
    return {owner for _, owner, _ in numbers.seen()}


class TestNumbers:
    def test_are_kept_once_they_are_committed(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("ada", 100))
        assert "ada" in known()
        ledger.post(entry=move("ada", "bo", 30))
        assert known() >= {"ada", "bo"}
        assert ledger.balance(account=purse("ada")).posted == units(70)
        assert ledger.balance(account=purse("bo")).posted == units(30)
        assert_books_prove()

    def test_of_an_account_whose_opening_was_undone_are_forgotten(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("ada", 100))
        with pytest.raises(ZeroDivisionError), transaction.atomic(using=services.alias("ledger")):
            ledger.post(entry=move("ada", "gone", 10))
            ledger.post(entry=move("gone", "ada", 10))
            raise ZeroDivisionError
        assert "gone" not in known()
        # Another gets the next number; whoever trusted the one that is gone would pay it.
        ledger.post(entry=move("ada", "bo", 20))
        ledger.post(entry=move("ada", "gone", 5))
        assert ledger.balance(account=purse("bo")).posted == units(20)
        assert ledger.balance(account=purse("gone")).posted == units(5)
        assert_books_prove()

    def test_end_with_their_connection(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("ada", 100))
        connection.close()
        assert known() == set()
        ledger.post(entry=move("ada", "bo", 30))
        assert ledger.balance(account=purse("ada")).posted == units(70)

    def test_are_no_more_than_a_connection_should_keep(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(numbers, "KEPT_MAX", 6)
        ledger.post_set(entries=[issue(f"player-{number}", 10) for number in range(4)])
        ledger.post_set(entries=[issue(f"other-{number}", 10) for number in range(4)])
        assert known() == {f"other-{number}" for number in range(4)}
        assert_books_prove()

    def test_and_names_mix_in_one_set_and_in_one_round_trip(self, ledger: Ledger) -> None:
        ledger.post(entry=issue("ada", 100))
        with CaptureQueriesContext(connection) as asked:
            outcomes = ledger.post_set(
                entries=[
                    move("ada", "bo", 60),
                    move("ada", "cy", 60),
                    move("bo", "dee", 60),
                    move("ada", "bo", 40),
                ]
            )
        assert len(asked) == 1
        assert [type(outcome) for outcome in outcomes] == [Posted, Refused, Posted, Posted]
        left = {owner: ledger.balance(account=purse(owner)).posted for owner in ("ada", "bo", "cy", "dee")}
        assert left == {"ada": units(0), "bo": units(40), "cy": units(0), "dee": units(60)}
        assert_books_prove()

    def test_of_a_book_that_is_none_are_asked_again(self, ledger: Ledger) -> None:
        lost = entry(debit("issued", units(10)), credit("nowhere", units(10), owner="ada"))
        outcomes = ledger.post_set(entries=[lost, issue("ada", 5)])
        assert outcomes[0] == Refused("book_unknown")
        assert ("nowhere", "ada", "XCR") not in numbers.seen()
        assert ledger.balance(account=purse("ada")).posted == units(5)
