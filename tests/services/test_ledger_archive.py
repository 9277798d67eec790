"""A month of long ago leaves the tables of every day, while the house goes on working; nothing that was readable is lost."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, date, datetime
from uuid import UUID

import psycopg
import pytest
from django.db import connections

from tests.builders.books import assert_books_prove
from tests.builders.people import a_command
from tests.services.test_ledger import issue, ledger, move, purse, units
from warchest.journeys.archive_month import archive_month
from warchest.kernel.ids import new_id
from warchest.ledger.contract import EntryDraft, Ledger, UnableToArchive
from warchest.runtime.services import services

__all__ = ["ledger"]

pytestmark = pytest.mark.usefixtures("database")

JANUARY, FEBRUARY = date(2024, 1, 1), date(2024, 2, 1)


def in_month(draft: EntryDraft, month: date, number: int = 0) -> EntryDraft:
    """The draft as it would have been made in the middle of that month."""
    at = datetime(month.year, month.month, 15, tzinfo=UTC)
    random = new_id().int & ((1 << 62) - 1)
    identity = UUID(int=(int(at.timestamp() * 1000) + number << 80) | 0x7 << 76 | 0b10 << 62 | random)
    return dataclasses.replace(draft, id=identity, occurred_at=at)


def seal_all() -> None:
    ledger = services.get(Ledger)
    while ledger.fold():
        pass
    while ledger.seal():
        pass


@pytest.fixture
def two_months(ledger: Ledger) -> tuple[EntryDraft, EntryDraft]:
    """Anna got 1000 in January, and gave Ben 300 in February."""
    ledger.open_months(at=datetime(2024, 1, 1, tzinfo=UTC))
    january = in_month(issue("anna", 1000, key="january"), JANUARY)
    february = in_month(move("anna", "ben", 300, key="february"), FEBRUARY)
    ledger.post_set(entries=[january, february])
    return january, february


def archived(month: date) -> int:
    return archive_month(a_command(), month=month).answer


def test_all_that_was_readable_stays_so(ledger: Ledger, two_months: tuple[EntryDraft, EntryDraft]) -> None:
    january, february = two_months
    seal_all()
    before = ledger.statement(account=purse("anna")), ledger.trial_balance()

    assert archived(JANUARY) == 1

    assert (ledger.statement(account=purse("anna")), ledger.trial_balance()) == before
    assert ledger.balance_at(account=purse("anna"), at=january.occurred_at) == units(0)
    assert ledger.balance_at(account=purse("anna"), at=february.occurred_at) == units(1000)
    assert ledger.entry(entry_id=january.id)
    assert ledger.post(entry=january).replayed
    assert_books_prove()
    assert archived(FEBRUARY) == 1
    assert (ledger.statement(account=purse("anna")), ledger.trial_balance()) == before
    assert_books_prove()


def test_an_archived_entry_can_still_be_reversed(
    ledger: Ledger, two_months: tuple[EntryDraft, EntryDraft]
) -> None:
    _, february = two_months
    seal_all()
    archived(JANUARY)
    archived(FEBRUARY)

    ledger.reverse(entry_id=february.id, key="r", reversal_id=new_id(), occurred_at=february.occurred_at)

    assert ledger.balance(account=purse("anna")).posted == units(1000)
    assert_books_prove()


@pytest.mark.parametrize(
    ("month", "sealed", "reason"),
    [
        (FEBRUARY, True, "month_not_oldest"),
        (JANUARY, False, "month_not_sealed"),
        (date(2024, 7, 1), True, "month_unknown"),
    ],
)
def test_refuses_a_month_that_is_not_ready(
    two_months: tuple[EntryDraft, EntryDraft], month: date, sealed: bool, reason: str
) -> None:
    if sealed:
        seal_all()

    with pytest.raises(UnableToArchive, match=reason):
        archived(month)


def test_refuses_a_month_that_is_not_over(ledger: Ledger) -> None:
    today = datetime.now(UTC)
    ledger.post(entry=issue("anna", 100))
    seal_all()

    with pytest.raises(UnableToArchive, match="month_not_over"):
        archived(today.date().replace(day=1))


def test_nobody_changes_what_is_archived(
    two_months: tuple[EntryDraft, EntryDraft], superuser_dsn: str
) -> None:
    seal_all()
    archived(JANUARY)

    for statement in (
        "UPDATE archive.ledger_journalentry_202401 SET kind = 'x'",
        "DELETE FROM archive.ledger_posting_202401",
        "TRUNCATE archive.ledger_journalentry_202401",
        "INSERT INTO archive.ledger_journalentry_202401 SELECT * FROM archive.ledger_journalentry_202401",
    ):
        with psycopg.connect(superuser_dsn) as superuser, pytest.raises(psycopg.Error, match="append-only"):
            superuser.execute(statement)


def test_sales_go_on_meanwhile(ledger: Ledger, two_months: tuple[EntryDraft, EntryDraft]) -> None:
    seal_all()
    stop, failures, posted = threading.Event(), [], []

    def sell(number: int) -> None:
        try:
            while not stop.is_set():
                posted.append(ledger.post(entry=issue(f"player{number}", 1)))
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    sellers = [threading.Thread(target=sell, args=(number,)) for number in range(4)]
    for seller in sellers:
        seller.start()
    try:
        while len(posted) < 50 and not failures:
            stop.wait(0.01)
        assert archived(JANUARY) == 1
        enough = len(posted) + 50
        while len(posted) < enough and not failures:
            stop.wait(0.01)
    finally:
        stop.set()
        for seller in sellers:
            seller.join()

    assert not failures
    assert sum(ledger.balance(account=purse(f"player{number}")).posted.minor for number in range(4)) == len(
        posted
    )
    assert_books_prove()
