"""Accounts as lists: each with its balance, now or at a moment, folded or not, page by page."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.builders.people import NOW
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import (
    AccountRef,
    Book,
    BookKind,
    EntryDraft,
    EntryFilter,
    Ledger,
    Leg,
    Side,
    credit,
    debit,
)
from warchest.runtime.services import services

pytestmark = pytest.mark.usefixtures("database")

LATER = NOW + timedelta(hours=1)


def eur(text: str) -> Money:
    return Money.parse(text, "EUR")


def post(*legs: Leg, at: datetime = NOW) -> None:
    identity = new_id()
    services.get(Ledger).post(
        entry=EntryDraft(id=identity, key=str(identity), kind="test", occurred_at=at, legs=legs)
    )


@pytest.fixture
def ledger() -> Ledger:
    ledger = services.get(Ledger)
    ledger.define_books(
        books=[
            Book("purse", BookKind.MEMORANDUM, Side.CREDIT, floored=True),
            Book("shelf", BookKind.ASSET, Side.DEBIT),
        ]
    )
    for owner, amount in (("anna", "10.00"), ("ben", "4.00"), ("cleo", "1.00")):
        post(debit("shelf", eur(amount)), credit("purse", eur(amount), owner=owner))
    post(debit("purse", eur("3.00"), owner="anna"), credit("shelf", eur("3.00")), at=LATER)
    return ledger


@pytest.mark.parametrize("is_folded", [True, False])
def test_of_a_book_have_their_balances_page_by_page(ledger: Ledger, is_folded: bool) -> None:
    if is_folded:
        ledger.fold()
    account = AccountRef("purse", "EUR", "ben")
    ledger.hold(hold_id=new_id(), account=account, amount=eur("1.50"), reason="", expires_at=LATER)
    first, second = ledger.accounts(book="purse", limit=2)
    (third,) = ledger.accounts(book="purse", after=second.account, limit=2)
    assert [(one.account.owner, one.posted, one.held) for one in (first, second, third)] == [
        ("anna", eur("7.00"), eur("0.00")),
        ("ben", eur("4.00"), eur("1.50")),
        ("cleo", eur("1.00"), eur("0.00")),
    ]
    (shelf,) = ledger.accounts(book="shelf")
    assert (shelf.side, shelf.posted) == (Side.DEBIT, eur("12.00"))


@pytest.mark.parametrize("is_folded", [True, False])
def test_at_a_moment_count_what_had_occurred_before_it(ledger: Ledger, is_folded: bool) -> None:
    if is_folded:
        ledger.fold()
    anna, *_ = ledger.accounts(book="purse", until=LATER)
    (shelf,) = ledger.accounts(book="shelf", until=LATER)
    assert (anna.posted, shelf.posted) == (eur("10.00"), eur("15.00"))
    assert ledger.accounts(book="purse", until=NOW)[0].posted == eur("0.00")


def test_of_one_owner_are_found_in_every_book(ledger: Ledger) -> None:
    post(debit("shelf", eur("2.00"), owner="anna"), credit("shelf", eur("2.00")))
    assert [one.account.book for one in ledger.accounts(owner="anna")] == ["purse", "shelf"]
    assert ledger.accounts(owner="anna", currency="USD") == ledger.accounts(owner="nobody") == ()


def test_open_holds_of_one_owner_are_those_of_nobody_else(ledger: Ledger) -> None:
    for owner in ("anna", "ben"):
        account = AccountRef("purse", "EUR", owner)
        ledger.hold(hold_id=new_id(), account=account, amount=eur("1.00"), reason=owner, expires_at=LATER)
    assert [hold.reason for hold in ledger.open_holds(book="purse", owner="ben")] == ["ben"]


class TestFindingEntries:
    """Whatever legs are few or many: the two ways of finding them answer the same."""

    @pytest.mark.parametrize("few", [5000, 1])
    @pytest.mark.parametrize("is_folded", [True, False])
    def test_answers_the_same_on_either_way(
        self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, few: int, is_folded: bool
    ) -> None:
        if is_folded:
            ledger.fold()
        monkeypatch.setattr("warchest.ledger.entry_queries._FEW_LEGS", few)
        post(
            debit("shelf", Money.parse("3.00", "USD")), credit("shelf", Money.parse("3.00", "USD"), owner="x")
        )
        for only, owners in (
            (EntryFilter(book="purse"), ["anna", "cleo", "ben", "anna"]),
            (EntryFilter(owner="anna"), ["anna", "anna"]),
            (EntryFilter(amount=eur("3.00")), ["anna"]),
            (EntryFilter(amount=eur("4.00"), book="purse"), ["ben"]),
            (EntryFilter(amount=eur("4.00"), owner="anna"), []),
            (EntryFilter(book="shelf", owner="x"), ["x"]),
            (EntryFilter(book="shelf", occurred_until=LATER), ["x", "cleo", "ben", "anna"]),
        ):
            found = ledger.find_entries(only=only)
            assert [next(leg.owner for leg in entry.legs if leg.owner) for entry in found] == owners, only
