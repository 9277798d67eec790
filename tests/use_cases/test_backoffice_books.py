"""The books in the back office: from a figure to the accounts, to the entries, to the document, and back out again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from bs4 import BeautifulSoup

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.deployment import is_apart
from tests.builders.house import ARENA_MONTH
from tests.builders.people import a_command, a_player
from warchest.journeys.prolong_subscription import prolong_subscription
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, EntryFilter, Ledger, credit, debit
from warchest.members.contract import Role
from warchest.runtime.services import services

OCCURRED = datetime(2026, 2, 10, 9, 30, tzinfo=UTC)
ROWS = "table.wb-books tbody tr"


@pytest.fixture
def ledger(office: BackOffice) -> Ledger:
    return services.get(Ledger)


@pytest.fixture
def accountant(office: BackOffice) -> Visitor:
    return office.signed_in(Role.ACCOUNTANT)


def a_correction(amount: str, *, owner: str, reference: str = "", at: datetime = OCCURRED) -> UUID:
    """An entry that nothing but the books knows of."""
    identity, money = new_id(), Money.parse(amount, "EUR")
    services.get(Ledger).post(
        entry=EntryDraft(
            id=identity,
            key=str(identity),
            kind="correction",
            occurred_at=at,
            legs=(debit("reseller_receivable", money, owner=owner), credit("revenue", money)),
            reference=reference,
        )
    )
    return identity


def words(page: BeautifulSoup) -> str:
    return re.sub(r"\s+", " ", page.get_text(" ", strip=True).replace("\u00a0", " "))


def found(page: BeautifulSoup) -> list[str]:
    """The entries that a page of the journal lists."""
    return [link["href"].rsplit("/", 1)[1] for link in page.select(f"{ROWS} > td:first-child a")]


class TestJournal:
    @pytest.mark.use_case("ACC-14")
    def test_finds_entries_by_reference_amount_date_and_account(self, accountant: Visitor) -> None:
        player = a_player(nickname="Bookworm", with_units="77")
        one = a_correction("31.17", owner="booth-1", reference="memo 31")
        other = a_correction("31.17", owner="booth-2", at=OCCURRED + timedelta(days=1))
        for asked, entries in (
            ({"reference": "memo 31"}, [one]),
            ({"amount": "31.17", "currency": "EUR"}, [other, one]),
            ({"amount": "31.17", "currency": "USD"}, []),
            ({"amount": "31.17", "currency": "EUR", "from_day": "2026-02-11"}, [other]),
            ({"amount": "31.17", "currency": "EUR", "to_day": "2026-02-10"}, [one]),
            ({"amount": "31.17", "owner": "booth-1"}, [one]),
            ({"book": "reseller_receivable", "owner": "booth-2"}, [other]),
            ({"owner": "booth-1", "kind": "correction"}, [one]),
            ({"owner": "booth-1", "kind": "top_up"}, []),
        ):
            assert found(accountant.page("/journal", **asked)) == [str(entry) for entry in entries], asked
        chosen = accountant.page("/journal", owner="booth-1").select("#id_currency option[selected]")
        assert [one["value"] for one in chosen] == ["EUR"]
        for text in ("bookworm", "Bookworm@example.org", str(player.id)):
            (entry,) = found(accountant.page("/journal", owner=text, kind="top_up"))
            assert services.get(Ledger).entry(entry_id=UUID(entry)).kind == "top_up"

    def test_names_players_whose_nickname_only_begins_so(self, accountant: Visitor) -> None:
        player = a_player(nickname="Halfway-there", with_units="7")
        page = accountant.page("/journal", owner="halfway")
        (link,) = page.select(".wb-note a")
        assert not found(page) and link.get_text() == "Halfway-there"
        assert len(found(accountant.page(link["href"]))) == 1
        assert str(player.id) in link["href"]

    def test_goes_back_page_by_page(self, accountant: Visitor) -> None:
        entries = [str(a_correction("1.00", owner="kiosk-pages")) for _ in range(53)]
        page = accountant.page("/journal", owner="kiosk-pages")
        first = found(page)
        second = found(accountant.page(page.select_one("a[rel=next]")["href"]))
        assert first + second == entries[::-1] and len(first) == 50

    def test_says_what_is_wrong_with_what_was_asked(self, accountant: Visitor) -> None:
        for asked in ({"amount": "lots"}, {"from_day": "yesterday"}, {"to_day": "9999-12-31"}, {"book": "x"}):
            page = accountant.page("/journal", **asked)
            assert page.select_one(".wb-error") and not found(page), asked
        assert "No entry is like this" in words(accountant.page("/journal", reference="of nothing"))
        assert accountant.get("/journal", before="nonsense", kind="\x00", reference="x").status_code == 200

    def test_takes_as_many_queries_as_for_one_row(
        self, statements: Callable[[], int], accountant: Visitor
    ) -> None:
        for _ in range(12):
            a_player(with_units="5")
        accountant.page("/journal")
        before = statements()
        rows = accountant.page("/journal").select(ROWS)
        # Who is signed in, and the page: chart, entries with their accounts, players, batches.
        assert statements() - before <= 14 and len(rows) >= 12


class TestEntry:
    @pytest.mark.use_case("ACC-13")
    def test_is_there_at_once_with_its_legs_and_its_document(
        self, accountant: Visitor, ledger: Ledger
    ) -> None:
        player = a_player(nickname="Legible", with_units="600")
        prolong_subscription(a_command(), player=player.id, plan=ARENA_MONTH, periods=1)
        (entry,) = ledger.find_entries(only=EntryFilter(kind="subscription", owner=str(player.id)))
        page = accountant.page(f"/journal/{entry.id}")
        legs = [words(row) for row in page.select(ROWS)]
        assert "Units in wallets Legible 500 credits" in legs
        assert "Tax payable Germany 0.80 EUR" in legs
        assert [words(row) for row in page.select("tfoot tr")] == [
            "Sum in credits 500 credits 500 credits",
            "Sum in EUR 5.00 EUR 5.00 EUR",
        ]
        (document,) = page.select("a[href*='/subscriptions/subscription/'][href$='/change/']")
        assert str(entry.reference) in document["href"]
        assert accountant.get(document["href"]).status_code == 200
        account = page.select_one(f"a[href*='/account?'][href*='{player.id}']")
        assert "Units in wallets: Legible" in words(accountant.page(account["href"]))

    def test_says_whether_it_is_sealed(self, accountant: Visitor, ledger: Ledger) -> None:
        entry = a_correction("1.00", owner="kiosk")
        assert "Sealed not yet" in words(accountant.page(f"/journal/{entry}"))
        ledger.fold()
        while ledger.seal():
            pass
        assert "Sealed yes" in words(accountant.page(f"/journal/{entry}"))

    def test_that_is_not_there_is_not_found(self, accountant: Visitor) -> None:
        assert accountant.get(f"/journal/{new_id()}").status_code == 404

    def test_takes_few_queries(self, statements: Callable[[], int], accountant: Visitor) -> None:
        entry = a_correction("1.00", owner="kiosk")
        accountant.page(f"/journal/{entry}")
        before = statements()
        accountant.page(f"/journal/{entry}")
        assert statements() - before <= 12


class TestReversing:
    @pytest.mark.use_case("ACC-06")
    def test_shows_the_mirror_image_and_books_it(self, accountant: Visitor, ledger: Ledger) -> None:
        entry = a_correction("12.00", owner="kiosk-twice")
        place = f"/journal/{entry}/reverse"
        assert accountant.page(f"/journal/{entry}").select_one(f'a[href="{place}"]')
        shown = [words(row) for row in accountant.page(place).select(ROWS)]
        assert shown == ["Owed by resellers kiosk-twice 12.00 EUR", "Revenue – 12.00 EUR"]
        assert not ledger.reversals(entry_id=entry)

        done = accountant.submit(place, reason="Booked twice")
        (mirror,) = ledger.reversals(entry_id=entry)
        assert done.url.path == f"/journal/{mirror}" and "The entry is reversed." in done.text
        for one, other in ((entry, mirror), (mirror, entry)):
            page = accountant.page(f"/journal/{one}")
            assert page.select_one(f'a[href="/journal/{other}"]')
            assert f"Reversed by {accountant.administrator.username}" in words(page)
            assert "Booked twice" in words(page)
        assert not accountant.page(f"/journal/{entry}").select_one(f'a[href="{place}"]')
        again = accountant.client.get(place, follow_redirects=True)
        assert again.url.path == f"/journal/{entry}" and "This entry was reversed before." in again.text

    def test_sent_twice_books_once(self, accountant: Visitor, ledger: Ledger) -> None:
        entry = a_correction("12.00", owner="kiosk-once")
        form = accountant.page(f"/journal/{entry}/reverse").select_one("main form[method=post]")
        said = {one["name"]: one.get("value", "") for one in form.select("input")} | {"reason": "Twice"}
        for _ in range(2):
            answer = accountant.post(f"/journal/{entry}/reverse", **said)
            assert "This is its mirror image." in answer.text
        assert len(ledger.reversals(entry_id=entry)) == 1

    def test_needs_a_reason(self, accountant: Visitor, ledger: Ledger) -> None:
        entry = a_correction("12.00", owner="kiosk-why")
        answer = accountant.submit(f"/journal/{entry}/reverse", reason=" ")
        assert "wb-error" in answer.text and not ledger.reversals(entry_id=entry)

    def test_says_what_to_do_instead_where_something_hangs_on_it(
        self, accountant: Visitor, ledger: Ledger
    ) -> None:
        player = a_player(with_units="10")
        (entry,) = ledger.find_entries(only=EntryFilter(owner=str(player.id)))
        page = accountant.page(f"/journal/{entry.id}")
        assert "Undo it by refunding the payment" in words(page)
        assert not page.select_one('a[href$="/reverse"]')
        led_back = accountant.client.get(f"/journal/{entry.id}/reverse", follow_redirects=True)
        assert led_back.url.path == f"/journal/{entry.id}" and "refunding the payment" in led_back.text

    def test_is_not_for_who_lacks_the_right(self, office: BackOffice, ledger: Ledger) -> None:
        entry, support = a_correction("12.00", owner="kiosk"), office.signed_in(Role.SUPPORT)
        page = support.page(f"/journal/{entry}")
        assert not page.select_one('a[href$="/reverse"]') and not page.select_one('a[href*="/account?"]')
        assert support.get(f"/journal/{entry}/reverse").status_code == 403
        token = support.client.cookies["warchest_backoffice_csrf"]
        answer = support.post(f"/journal/{entry}/reverse", reason="No", csrfmiddlewaretoken=token)
        assert "Your role does not allow this." in answer.text and not ledger.reversals(entry_id=entry)


class TestAccount:
    @pytest.mark.use_case("ACC-12")
    @pytest.mark.parametrize("is_folded", [True, False])
    def test_shows_its_entries_with_the_balance_after_each(
        self, accountant: Visitor, ledger: Ledger, is_folded: bool
    ) -> None:
        owner = f"kiosk-balance-{is_folded}"
        for amount in ("5.00", "7.50", "0.25"):
            a_correction(amount, owner=owner)
        if is_folded:
            ledger.fold()
        place = f"/account?book=reseller_receivable&currency=EUR&owner={owner}"
        page = accountant.page(place)
        assert f"Owed by resellers: {owner}" in words(page) and "Balance 12.75 EUR" in words(page)
        amounts = [[words(cell) for cell in row.select("td.wb-number")] for row in page.select(ROWS)]
        assert amounts == [
            ["0.25 EUR", "", "12.75 EUR"],
            ["7.50 EUR", "", "12.50 EUR"],
            ["5.00 EUR", "", "5.00 EUR"],
        ]

    def test_shows_only_the_lines_that_are_asked_for_page_by_page(self, accountant: Visitor) -> None:
        place = "/account?book=reseller_receivable&currency=EUR&owner=kiosk-many"
        for number in range(52):
            a_correction("1.00", owner="kiosk-many", at=OCCURRED + timedelta(days=number % 2))
        page = accountant.page(place)
        rest = accountant.page(page.select_one("a[rel=next]")["href"])
        assert (len(page.select(ROWS)), len(rest.select(ROWS))) == (50, 2)
        for asked, rows in (
            ("&from_day=2026-02-11", 26),
            ("&to_day=2026-02-10", 26),
            ("&at=2026-02-11T09:30", 26),
            ("&side=C", 0),
            ("&side=D&from_day=2026-02-11", 26),
            ("&kind=top_up", 0),
        ):
            assert len(accountant.page(place + asked).select(ROWS)) == rows, asked
        assert "before Feb 11, 2026, 09:30:00 26.00 EUR" in words(
            accountant.page(f"{place}&at=2026-02-11T09:30")
        )

    def test_that_is_not_there_is_not_found(self, accountant: Visitor) -> None:
        for asked in ("", "?book=revenue", "?book=revenue&currency=XXX", "?book=%00&currency=EUR"):
            assert accountant.get(f"/account{asked}").status_code == 404, asked

    def test_takes_few_queries(self, statements: Callable[[], int], accountant: Visitor) -> None:
        for _ in range(15):
            a_correction("1.00", owner="kiosk-queries")
        place = "/account?book=reseller_receivable&currency=EUR&owner=kiosk-queries"
        accountant.page(place)
        before = statements()
        rows = accountant.page(place).select(ROWS)
        assert statements() - before <= 10 < len(rows)


class TestBalances:
    def test_a_trial_balance_leads_to_accounts_that_sum_to_it_and_to_their_entries(
        self, accountant: Visitor
    ) -> None:
        for owner, day in (("kiosk-a", 1), ("kiosk-b", 2), ("kiosk-a", 3)):
            a_correction("100.00", owner=owner, at=datetime(2024, 5, day, tzinfo=UTC))
        page = accountant.page("/trial-balance", at="2024-05-03T00:00")
        row = next(row for row in page.select(ROWS) if "Owed by resellers" in words(row))
        assert words(row) == "Owed by resellers 200.00 EUR 0.00 EUR 200.00 EUR"
        assert words(page.select("tfoot tr")[-1]).endswith("balanced")
        accounts = accountant.page(row.select_one("a")["href"])
        listed = [words(row) for row in accounts.select(ROWS)]
        assert [one for one in listed if " 0.00 EUR" not in one] == [
            "Owed by resellers, EUR kiosk-a asset 100.00 EUR",
            "Owed by resellers, EUR kiosk-b asset 100.00 EUR",
        ]
        account = accountant.page(accounts.select_one("a[href*='owner=kiosk-a']")["href"])
        (line,) = account.select(ROWS)
        assert "100.00 EUR" in words(accountant.page(line.select_one("a")["href"]))

    def test_before_anything_was_booked_is_empty_and_says_so(self, accountant: Visitor) -> None:
        assert "Nothing had been booked by then" in words(
            accountant.page("/trial-balance", at="2001-01-01T00:00")
        )
        for at in ("soon", "0001-01-01T00:00", "9999-12-31T23:59"):
            assert accountant.page("/trial-balance", at=at).select_one(".wb-error"), at
            assert accountant.page("/owed-for-wallets", at=at).select_one(".wb-error"), at

    @pytest.mark.use_case("ACC-19")
    def test_what_is_owed_for_wallets_is_told_for_any_moment_and_drawn(self, accountant: Visitor) -> None:
        first = datetime(2023, 3, 1, 12, tzinfo=UTC)
        for weeks, paid_in in ((0, "EUR"), (2, "EUR"), (3, "USD")):
            a_player(with_units="100", paid_in=paid_in, at=first + timedelta(weeks=weeks))
        for at, figures in (
            ("2023-03-01T11:59", []),
            ("2023-03-01T12:01", ["Units in wallets 100 credits", "Paid for units in wallets 1.00 EUR"]),
            (
                "2023-03-31T00:00",
                [
                    "Units in wallets 300 credits",
                    "Paid for units in wallets 2.00 EUR",
                    "Paid for units in wallets 1.09 USD",
                ],
            ),
        ):
            page = accountant.page("/owed-for-wallets", at=at)
            told = [words(tile).split(" Mar ")[0] for tile in page.select(".wb-tile")]
            assert told == figures, at
        assert len(page.select("figure polyline")) == 3
        assert "Units in wallets: 0 credits became 300 credits in 12 weeks." in words(page)
        weeks = [words(row) for row in page.select(ROWS)]
        assert len(weeks) == 13
        assert weeks[1].endswith("300 credits 2.00 EUR 1.09 USD") and weeks[3].endswith(
            "100 credits 1.00 EUR 0.00 USD"
        )
        tile = accountant.page(page.select_one("a.wb-tile")["href"])
        assert sum("100 credits" in words(row) for row in tile.select(ROWS)) == 3

    def test_is_for_who_keeps_the_books(self, office: BackOffice) -> None:
        for role, status in ((Role.OWNER, 200), (Role.SUPPORT, 403), (Role.OPERATOR, 403)):
            visitor = office.signed_in(role)
            for path in ("/trial-balance", "/owed-for-wallets", "/accounts"):
                assert visitor.get(path).status_code == status, (role, path)

    @pytest.mark.parametrize(
        ("path", "most"), [("/trial-balance", 8), ("/owed-for-wallets", 20), ("/accounts", 12)]
    )
    def test_takes_a_number_of_queries_that_never_grows(
        self, statements: Callable[[], int], accountant: Visitor, path: str, most: int
    ) -> None:
        for _ in range(15):
            a_player(with_units="5")
        accountant.page(path)
        before = statements()
        accountant.page(path)
        # A service that is asked in another process first sees whether its connection still stands.
        assert statements() - before <= (2 * most if is_apart() else most)
