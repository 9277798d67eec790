"""Exports and other currencies in the back office, as an accountant meets them."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta

import pytest
from beancount import loader
from beancount.core import data

from tests.builders.backoffice import BackOffice, Visitor
from tests.builders.people import a_player
from warchest.audit.contract import Audit, OperationFilter
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, EntryFilter, Ledger
from warchest.members.contract import Role
from warchest.runtime.services import services


@pytest.fixture
def accountant(office: BackOffice) -> Visitor:
    return office.signed_in(Role.ACCOUNTANT)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html).replace("\u00a0", " "))


class TestExportOfTheJournal:
    PAGE = "/journal/export"

    def test_comes_as_csv_with_all_legs(self, accountant: Visitor) -> None:
        a_player(with_units="500", paid_in="JPY")

        answer = accountant.submit(self.PAGE, format="csv", by="occurred")

        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert re.search(r'filename="journal-1-\d+\.csv"', answer.headers["Content-Disposition"])
        assert "Content-Length" not in answer.headers
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert len({row["entry_id"] for row in rows}) == services.get(Ledger).count_entries()
        assert {"JPY", "XCR"} <= {row["currency"] for row in rows}

    def test_comes_as_text_that_beancount_finds_right(self, accountant: Visitor) -> None:
        a_player(with_units="500")

        answer = accountant.submit(self.PAGE, format="beancount", by="recorded", with_balances="on")

        directives, errors, _options = loader.load_string(answer.text)
        assert not errors
        entries = sum(isinstance(one, data.Transaction) for one in directives)
        assert entries == services.get(Ledger).count_entries()

    def test_may_be_of_some_days_and_begin_behind_another(self, accountant: Visitor) -> None:
        a_player(with_units="500", at=datetime(2026, 2, 10, 9, tzinfo=UTC))
        ledger = services.get(Ledger)
        last = ledger.folding().position + ledger.folding().behind

        of_the_day = accountant.submit(
            self.PAGE, format="csv", by="occurred", from_day="2026-02-10", to_day="2026-02-10"
        )
        behind = accountant.submit(self.PAGE, format="csv", by="occurred", after=str(last))

        days = {row["occurred_at"][:10] for row in csv.DictReader(of_the_day.text.splitlines())}
        assert days == {"2026-02-10"}
        assert len(behind.text.splitlines()) == 1

    def test_tells_beforehand_how_long_it_will_be(self, accountant: Visitor) -> None:
        a_player(with_units="500")

        text = words(accountant.get(self.PAGE).text)
        assert re.search(r"CSV, a row for each leg \d+ [\d.]+ (bytes|KB)", text)
        assert "position, entry_id, key" in text

    def test_stands_in_the_record_of_operations(self, accountant: Visitor) -> None:
        accountant.submit(self.PAGE, format="csv", by="occurred", from_day="2026-02-01")
        accountant.submit(self.PAGE, format="beancount", by="occurred")

        asked = OperationFilter(name="journal.export", actor_id=str(accountant.administrator.id))
        later, first = services.get(Audit).operations(where=asked).items
        assert (first.details["format"], later.details["format"]) == ("csv", "beancount")
        assert first.details["since"].startswith("2026-02-01")

    def test_is_refused_to_support(self, office: BackOffice) -> None:
        assert office.signed_in(Role.SUPPORT).get(self.PAGE).status_code == 403

    def test_says_when_days_are_the_wrong_way_round(self, accountant: Visitor) -> None:
        answer = accountant.submit(
            self.PAGE, format="csv", by="occurred", from_day="2026-02-10", to_day="2026-02-09"
        )

        assert "The last day must follow the first." in answer.text


class TestExchange:
    def look(self, visitor: Visitor, **said: str):
        given = {
            "day": f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}",
            "source": "bank|",
            "sold_amount": "90.00",
            "sold_currency": "EUR",
            "target": "bank|",
            "bought_currency": "USD",
            "reference": "statement 7",
        }
        return visitor.submit("/exchange", **(given | said))

    def confirm(self, visitor: Visitor, page) -> str:
        from bs4 import BeautifulSoup

        form = BeautifulSoup(page.text, "html.parser").select_one('form[action="/exchange/confirm"]')
        assert form, words(page.text)[:800]
        said = {one["name"]: one.get("value", "") for one in form.select("input[name]")}
        return visitor.post("/exchange/confirm", referer="/exchange", **said).text

    def bank(self, code: str) -> Money:
        return services.get(Ledger).balance(account=AccountRef("bank", code)).posted

    def test_is_looked_at_and_then_booked_once(self, accountant: Visitor) -> None:
        euros, dollars = self.bank("EUR"), self.bank("USD")

        page = self.look(accountant, bought_amount="100.00")
        assert "One EUR brought 1.11111111 USD" in words(page.text)
        assert self.bank("USD") == dollars
        for _time in range(2):
            text = words(self.confirm(accountant, page))
            assert "The exchange is booked." in text and "10/9" in text

        assert self.bank("EUR") == euros - Money.parse("90.00", "EUR")
        assert self.bank("USD") == dollars + Money.parse("100.00", "USD")

    def test_follows_from_a_rate_and_is_compared_with_the_one_kept(self, accountant: Visitor) -> None:
        day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
        told = accountant.submit(
            "/currency-rates", base="EUR", quote="USD", quote_per_base="1.10", rate_date=day, source="ECB"
        )
        assert "One EUR was 1.1 USD" in words(told.text)

        text = words(self.look(accountant, rate="1.111").text)

        assert "99.99 USD" in text
        assert "The rate kept for that day is 1.1: a difference of 1 %" in text

    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ({}, "Say which amount came, or the rate."),
            ({"bought_amount": "1", "rate": "2"}, "Say either the amount or the rate"),
            ({"bought_amount": "1", "bought_currency": "EUR"}, "Choose two different currencies."),
            ({"bought_amount": "1.001"}, "USD has 2 decimals"),
            ({"bought_amount": "0"}, "The amount must be more than zero."),
        ],
    )
    def test_says_what_is_wrong_with_it(
        self, accountant: Visitor, said: dict[str, str], sentence: str
    ) -> None:
        assert sentence in words(self.look(accountant, **said).text)

    def test_is_not_supports(self, office: BackOffice) -> None:
        assert office.signed_in(Role.SUPPORT).get("/exchange").status_code == 403


class TestDifferences:
    def test_are_told_for_a_period_with_what_they_come_from(self, accountant: Visitor) -> None:
        day = datetime.now(UTC) - timedelta(days=2)
        # Other tests have left claims in these currencies.
        for number, at in (("1.25", datetime(2026, 1, 1)), ("1.00", day + timedelta(days=1))):
            for code in ("USD", "CHF", "JPY", "KWD"):
                accountant.submit(
                    "/currency-rates",
                    base="EUR",
                    quote=code,
                    quote_per_base=number,
                    rate_date=f"{at:%Y-%m-%d}",
                    source="test",
                )
        exchange = TestExchange()
        page = exchange.look(
            accountant,
            day=f"{day:%Y-%m-%d}",
            bought_currency="CHF",
            bought_amount="100.00",
            sold_amount="80.00",
        )
        exchange.confirm(accountant, page)

        found = accountant.get(
            "/exchange-differences", from_day=f"{day:%Y-%m-%d}", to_day=f"{datetime.now(UTC):%Y-%m-%d}"
        )
        text = words(found.text)
        assert "At the bank 0.00 CHF 100.00 CHF 0.00 EUR 80.00 EUR 100.00 EUR 0.00 EUR 20.00 EUR" in text
        assert "CHF-EUR" in text
        (entry,) = services.get(Ledger).find_entries(only=EntryFilter(book="exchange", owner="CHF-EUR"))
        assert entry.details["rate"] == "1.25"

    def test_that_lack_a_rate_say_which(self, accountant: Visitor) -> None:
        a_player(with_units="500", paid_in="USD", at=datetime(2021, 5, 5, tzinfo=UTC))

        text = words(accountant.get("/exchange-differences", from_day="2021-05-01", to_day="2021-05-31").text)
        assert "No rate for USD is kept for" in text and "Currency rates" in text

    def test_are_for_those_who_read_the_books(self, office: BackOffice) -> None:
        assert office.signed_in(Role.SUPPORT).get("/exchange-differences").status_code == 403
