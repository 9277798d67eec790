"""The journal as files: read back by the csv module and by beancount itself, they come to what the ledger says."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from beancount import loader
from beancount.core import data, realization
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.builders.house import ARENA_MONTH
from tests.builders.people import NOW, a_command, a_player
from warchest.journeys.hold_units import capture_hold, reserve_units
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import BookKind, EntryDraft, Ledger, Side, credit, debit
from warchest.runtime.services import services
from warchest.views import journal_export
from warchest.views.journal_beancount import book_component, owner_component
from warchest.views.journal_csv import COLUMNS
from warchest.views.journal_export import By, Extent, Format, export

ROOTS = {
    BookKind.ASSET: "Assets",
    BookKind.LIABILITY: "Liabilities",
    BookKind.INCOME: "Income",
    BookKind.EXPENSE: "Expenses",
    BookKind.MEMORANDUM: "Equity",
}


def ledger() -> Ledger:
    return services.get(Ledger)


def everything(**given: object) -> Extent:
    """All that is booked, settled as the worker does it all the time."""
    ledger().fold()
    return Extent(upto=ledger().folding().position, **given)


def post(*, key: str, amount: str = "10.00 EUR", owner: str = "", at: datetime = NOW, reference: str = ""):
    number, code = amount.split()
    money = Money.parse(number, code)
    draft = EntryDraft(
        id=new_id(),
        key=key,
        kind="test",
        occurred_at=at,
        legs=(debit("provider_clearing", money, owner=owner), credit("wallet_funding", money)),
        reference=reference,
    )
    return ledger().post(entry=draft).entry_id


@pytest.fixture
def business(database: str) -> Iterator[None]:
    """Several currencies, a purchase with commissions, a captured hold, a reversal and part of another."""
    sponsor = a_player()
    for code in ("EUR", "USD", "JPY", "KWD"):
        player = a_player(with_units="2000", paid_in=code, sponsor=sponsor, at=NOW + timedelta(hours=1))
        prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        hold = reserve_units(
            a_command(),
            player=player.id,
            amount=Money.parse("80", "XCR"),
            purpose="for Anna",
            expires_in_s=600,
        ).answer
        capture_hold(a_command(), hold_id=hold.id, amount=Money.parse("30", "XCR"))
    wrong = post(key="wrong", owner="sandbox", at=NOW - timedelta(days=40))
    ledger().reverse(entry_id=wrong, key="wrong:undone", reversal_id=new_id(), occurred_at=NOW)
    ledger().reverse(
        entry_id=post(key="too much", owner='a "bank" = é'),
        key="too much:partly",
        reversal_id=new_id(),
        occurred_at=NOW,
        legs=(
            debit("provider_clearing", Money.parse("2.50", "EUR"), owner='a "bank" = é'),
            credit("wallet_funding", Money.parse("2.50", "EUR")),
        ),
    )
    yield


def as_text(extent: Extent, format: Format, **given: bool) -> str:
    return "".join(export(extent=extent, format=format, **given))


def as_rows(extent: Extent) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(as_text(extent, Format.CSV), newline="")))


def load(text: str) -> list[data.Directive]:
    directives, errors, _options = loader.load_string(text)
    assert not errors, errors[:3]
    return directives


def balances(directives: list[data.Directive]) -> dict[tuple[str, str], Decimal]:
    """What beancount makes of them: per account and currency."""
    root = realization.realize(directives)
    return {
        (account.account, position.units.currency): position.units.number
        for account in realization.iter_children(root)
        for position in account.balance
    }


class TestBeancount:
    pytestmark = pytest.mark.usefixtures("business")

    def test_has_the_balances_of_the_ledger_on_every_account(self) -> None:
        found = balances(load(as_text(everything(), Format.BEANCOUNT)))

        expected = {}
        for book in ledger().books():
            for (owner, code), minor in ledger().book_sums_by_owner(book=book.code).items():
                sign = 1 if book.side is Side.DEBIT else -1
                parts = ROOTS[book.kind], book_component(book.code), code, owner_component(owner)
                if minor:
                    expected[":".join(parts), code] = Decimal(Money(sign * minor, currency(code)).major)
        assert found == expected
        assert {code for _account, code in found} == {"EUR", "USD", "JPY", "KWD", "XCR"}

    def test_has_the_trial_balance_of_the_ledger(self) -> None:
        sums: Counter[tuple[str, str]] = Counter()
        for (account, code), number in balances(load(as_text(everything(), Format.BEANCOUNT))).items():
            sums[account.split(":")[1], code] += number

        for line in ledger().trial_balance():
            net = Money(line.debit_minor - line.credit_minor, currency(line.currency))
            assert sums.pop((book_component(line.book), line.currency), 0) == Decimal(net.major)
        assert not sums

    def test_tells_of_each_entry_where_it_comes_from(self) -> None:
        directives = load(as_text(everything(), Format.BEANCOUNT))

        found = {one.meta["id"]: one for one in directives if isinstance(one, data.Transaction)}
        booked = ledger().journal(limit=1000)
        assert len(found) == len(booked) == ledger().count_entries()
        for entry in booked:
            told = found[str(entry.id)]
            assert (told.date, told.narration) == (entry.occurred_at.date(), entry.kind)
            assert told.meta["position"] == entry.position and told.meta["key"] == entry.key
            assert told.meta.get("reference", "") == entry.reference
            assert told.meta.get("reverses") == (str(entry.reverses) if entry.reverses else None)
            assert datetime.fromisoformat(told.meta["recorded-at"]) == entry.recorded_at
            assert len(told.postings) == len(entry.legs)

    def test_opens_each_account_in_its_currency(self) -> None:
        opened = [one for one in load(as_text(everything(), Format.BEANCOUNT)) if isinstance(one, data.Open)]

        assert all(one.currencies == [one.account.split(":")[2]] for one in opened)

    def test_ends_with_assertions_that_beancount_checks_to_the_cent(self) -> None:
        text = as_text(everything(), Format.BEANCOUNT, with_balances=True)

        assert any(isinstance(one, data.Balance) for one in load(text))
        *lines, last = text.splitlines()
        number = last.split()[3]
        wrong = last.replace(f" {number} ", f" {Decimal(number) + Decimal(1).scaleb(-2)} ")
        _directives, errors, _options = loader.load_string("\n".join([*lines, wrong, ""]))
        assert len(errors) == 1 and "Balance failed" in errors[0].message

    def test_is_the_same_whenever_it_is_made(self) -> None:
        extent = everything()
        text = as_text(extent, Format.BEANCOUNT, with_balances=True)
        post(key="later", amount="1 JPY", owner="new")
        ledger().fold()

        assert as_text(extent, Format.BEANCOUNT, with_balances=True) == text


class TestOwners:
    @given(
        owners=st.lists(
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=64)
        )
    )
    @example(owners=["", "House", "X-", "X--", "-", "X-House", "a", "A", "X-61-", "ä", "EUR", "a b", "a-b"])
    @settings(max_examples=200, deadline=None)
    def test_are_told_apart_by_valid_names(self, owners: list[str]) -> None:
        names = {owner: owner_component(owner) for owner in owners}

        assert len(set(names.values())) == len(names)
        lines = (f"1970-01-01 open Assets:Bank:EUR:{name} EUR\n" for name in names.values())
        assert len(load("".join(lines))) == len(names)

    @given(
        books=st.sets(st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=8))
    )
    @example(books={"x_foo", "Foo", "foo", "x", "X", "a_b", "a-b", "a__b", "1", "a_1", "_"})
    @settings(max_examples=200, deadline=None)
    def test_nor_do_two_books_share_a_name(self, books: set[str]) -> None:
        names = {book_component(book) for book in books}

        assert len(names) == len(books)
        load("".join(f"1970-01-01 open Assets:{name}:EUR:House EUR\n" for name in names))

    @given(
        entries=st.lists(
            st.tuples(
                st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=64),
                st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
                st.integers(1, 10**15),
                st.sampled_from(["EUR", "JPY", "KWD", "XCR"]),
            ),
            min_size=1,
            max_size=6,
        )
    )
    @settings(max_examples=25, deadline=None)
    @pytest.mark.usefixtures("lasting")
    def test_of_any_kind_come_back_from_beancount(self, entries: list[tuple[str, str, int, str]]) -> None:
        ledger().fold()
        begin = ledger().folding().position
        expected: Counter[tuple[str, str]] = Counter()
        for owner, reference, minor, code in entries:
            amount = Money(minor, currency(code))
            post(key=str(new_id()), amount=str(amount), owner=owner, reference=reference)
            expected[f"Assets:Provider-Clearing:{code}:{owner_component(owner)}", code] += Decimal(
                amount.major
            )
            expected[f"Liabilities:Wallet-Funding:{code}:House", code] -= Decimal(amount.major)

        directives = load(as_text(everything(after=begin), Format.BEANCOUNT, with_balances=True))
        assert balances(directives) == expected
        told = [one.meta.get("reference", "") for one in directives if isinstance(one, data.Transaction)]
        assert sorted(told) == sorted(reference for _owner, reference, _minor, _code in entries)


@pytest.fixture(scope="class")
def lasting(lasting_database):
    with lasting_database():
        yield


class TestCsv:
    pytestmark = pytest.mark.usefixtures("business")

    def test_sums_to_the_trial_balance(self) -> None:
        sums: Counter[tuple[str, str, str]] = Counter()
        for row in as_rows(everything()):
            amount = Money.parse(row["amount"], row["currency"])
            sums[row["book"], row["currency"], row["side"]] += amount.minor

        for line in ledger().trial_balance():
            assert sums.pop((line.book, line.currency, "debit"), 0) == line.debit_minor
            assert sums.pop((line.book, line.currency, "credit"), 0) == line.credit_minor
        assert not sums

    def test_has_a_row_for_each_leg_in_the_order_of_the_books(self) -> None:
        rows = iter(as_rows(everything()))

        for entry in ledger().journal(limit=1000):
            for number, leg in enumerate(entry.legs, 1):
                row = next(rows)
                assert tuple(row) == COLUMNS
                assert (row["position"], row["entry_id"], row["leg"]) == (
                    str(entry.position),
                    str(entry.id),
                    str(number),
                )
                assert (row["book"], row["owner"], row["key"]) == (leg.book, leg.owner, entry.key)
                assert datetime.fromisoformat(row["occurred_at"]) == entry.occurred_at
                assert row["reverses"] == str(entry.reverses or "")
        assert next(rows, None) is None

    def test_is_read_alike_by_all_who_keep_to_the_rule(self) -> None:
        raw = as_text(everything(), Format.CSV).encode()

        # RFC 4180: lines end with CR and LF, a quote within quotes is doubled.
        assert raw.endswith(b"\r\n") and raw.count(b"\n") == raw.count(b"\r\n")
        assert 'a ""bank"" = é'.encode() in raw

    def test_lets_no_spreadsheet_calculate(self) -> None:
        post(key="=1+1", owner="@SUM(A1)", reference="-2+3")
        *_, debited, credited = as_rows(everything())

        assert (debited["key"], debited["owner"], debited["reference"]) == ("'=1+1", "'@SUM(A1)", "'-2+3")
        assert credited["key"] == "'=1+1"


class TestExtent:
    pytestmark = pytest.mark.usefixtures("database")

    def keys(self, extent: Extent) -> list[str]:
        return list(dict.fromkeys(row["key"] for row in as_rows(extent)))

    @pytest.mark.parametrize("by", By)
    def test_is_a_half_open_time(self, by: By) -> None:
        for number in range(4):
            post(key=f"day {number}", at=NOW + timedelta(days=number))
        ledger().fold()
        moments = [getattr(entry, f"{by}_at") for entry in ledger().journal()]

        assert self.keys(everything(by=by, since=moments[1], until=moments[3])) == ["day 1", "day 2"]
        assert self.keys(everything(by=by, until=moments[1])) == ["day 0"]
        assert self.keys(everything(by=by, since=moments[3])) == ["day 3"]

    def test_goes_on_where_another_ended(self) -> None:
        post(key="first")
        before = everything()
        post(key="second")
        after = everything(after=before.upto)

        assert self.keys(before) == ["first"] and self.keys(after) == ["second"]

    def test_is_empty_where_nothing_was_booked(self) -> None:
        assert as_rows(everything()) == []
        assert load(as_text(everything(), Format.BEANCOUNT, with_balances=True)) == []

    def test_tells_how_long_the_file_will_be(self) -> None:
        for number in range(20):
            post(key=f"entry {number:02}")
        extent = everything()

        for format in Format:
            told, found = journal_export.expected(extent=extent, format=format), as_text(extent, format)
            assert told.entries_max == 20
            assert 0.8 < len(found.encode()) / told.size_bytes < 1.2


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("format", Format)
def test_reads_a_portion_at_a_time(format: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_export, "PORTION", 5)
    for number in range(23):
        post(key=f"entry {number}", owner=f"owner {number}")
    extent = everything()

    pieces = export(extent=extent, format=format)
    next(pieces)
    for size in (5, 5, 5, 5, 3):
        with CaptureQueriesContext(connection) as queries:
            piece = next(pieces)
        # The entries, and their accounts.
        assert len(queries) == 2
        assert piece.count("entry ") == size * (2 if format is Format.CSV else 1)


@pytest.mark.usefixtures("business")
@pytest.mark.parametrize("format", Format)
def test_tells_nothing_of_people(format: Format) -> None:
    text = as_text(everything(), format)

    assert "example.org" not in text and "Anna" not in text and "player1" not in text
    assert text.isascii() or format is Format.CSV
    assert datetime.now(UTC).strftime("%Y-%m-%d") in text
