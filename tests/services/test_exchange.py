"""Money in other currencies, as tables that an accountant can review. The functional currency is the euro."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders.books import assert_books_prove
from tests.builders.people import NOW, a_command, a_player, acting_as, an_administrator
from warchest.accounting.contract import (
    Accounting,
    ExchangeDifferences,
    UnableToConvert,
    UnableToExchange,
    UnableToSetRate,
)
from warchest.journeys.exchange_money import Exchanged, exchange_money
from warchest.journeys.set_currency_rate import set_currency_rate
from warchest.kernel.currency import UnableToFindCurrency, currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, EntryDraft, Ledger, credit, debit
from warchest.members.contract import Role, UnableToAdminister
from warchest.runtime.configuration import Community, Configuration
from warchest.runtime.services import services

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def money(text: str) -> Money:
    amount, code = text.split()
    return Money.parse(amount, code)


def a_rate(day: str, base: str, quote_per_base: str, quote: str) -> None:
    services.get(Accounting).set_currency_rate(
        base=base,
        quote=quote,
        quote_per_base=Decimal(quote_per_base),
        rate_date=date.fromisoformat(day),
        source="test",
        at=LATER,
    )


def book(day: str, *legs: tuple[str, str, str]) -> None:
    """Legs as (side, book/owner, amount)."""
    sides = {"Dr": debit, "Cr": credit}
    services.get(Ledger).post(
        entry=EntryDraft(
            id=new_id(),
            key=str(new_id()),
            kind="test",
            occurred_at=datetime.fromisoformat(f"{day}T12:00:00Z"),
            legs=tuple(
                sides[side](name.partition("/")[0], money(amount), owner=name.partition("/")[2])
                for side, name, amount in legs
            ),
        )
    )


def an_exchange(
    day: str, sold: str, bought: str, *, by: Role = Role.ACCOUNTANT, place: str = "bank"
) -> Exchanged:
    given, got = money(sold), money(bought)
    return exchange_money(
        acting_as(an_administrator(by), at=LATER),
        source=AccountRef(place, given.currency.code),
        sold=given,
        target=AccountRef("bank", got.currency.code),
        bought=got,
        day=date.fromisoformat(day),
        reference="statement 7",
    ).answer


def differences(since: datetime, until: datetime) -> ExchangeDifferences:
    return services.get(Accounting).exchange_differences(since=since, until=until)


def told(found: ExchangeDifferences) -> list[str]:
    return [
        f"{item.book}: {item.opening} to {item.closing}, "
        f"realised {item.realised.major}, unrealised {item.unrealised.major}"
        for item in found.items
    ]


@pytest.mark.usefixtures("database")
class TestExchange:
    def test_moves_each_currency_against_the_exchange_account(self) -> None:
        done = an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")

        entry = services.get(Ledger).entry(entry_id=done.entry_id)
        assert entry is not None
        assert [f"{leg.side} {leg.book} {leg.owner} {leg.amount}" for leg in entry.legs] == [
            "D exchange EUR-USD 90.00 EUR",
            "C bank  90.00 EUR",
            "D bank  100.00 USD",
            "C exchange EUR-USD 100.00 USD",
        ]
        assert (entry.kind, entry.reference) == ("exchange", "statement 7")
        assert entry.occurred_at == datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC)
        assert_books_prove()

    @pytest.mark.parametrize(
        ("sold", "bought", "rate"),
        [
            ("90.00 EUR", "100.00 USD", "10/9"),
            ("100.00 USD", "90.00 EUR", "0.9"),
            ("100 JPY", "0.61 EUR", "0.0061"),
            ("0.500 KWD", "5000 JPY", "10000"),
            ("3.00 EUR", "1.00 USD", "1/3"),
        ],
    )
    def test_keeps_the_rate_exactly(self, sold: str, bought: str, rate: str) -> None:
        done = an_exchange("2026-03-10", sold, bought)

        entry = services.get(Ledger).entry(entry_id=done.entry_id)
        assert entry is not None and entry.details["rate"] == done.rate == rate
        given, got = money(sold), money(bought)
        assert given.converted(Fraction(rate), got.currency) == got

    @pytest.mark.parametrize(
        ("sold", "bought", "day", "reason"),
        [
            ("1.00 EUR", "1.00 EUR", "2026-03-10", "currencies_alike"),
            ("0.00 EUR", "1.00 USD", "2026-03-10", "amount_not_positive"),
            ("1.00 EUR", "1.00 USD", "2026-06-02", "exchange_in_future"),
        ],
    )
    def test_is_refused_by_name(self, sold: str, bought: str, day: str, reason: str) -> None:
        with pytest.raises(UnableToExchange) as refused:
            an_exchange(day, sold, bought)
        assert refused.value.reason == reason
        assert services.get(Ledger).count_entries() == 0

    @pytest.mark.parametrize("place", ["wallet_funding", "provider_clearing", "deferred_revenue"])
    def test_touches_what_is_at_the_bank_alone(self, place: str) -> None:
        with pytest.raises(UnableToExchange) as refused:
            an_exchange("2026-03-10", "1.00 EUR", "1.00 USD", place=place)
        assert refused.value.reason == "book_not_exchanged"

    def test_is_the_accountants(self) -> None:
        with pytest.raises(UnableToAdminister):
            an_exchange("2026-03-10", "1.00 EUR", "1.00 USD", by=Role.SUPPORT)


@pytest.mark.usefixtures("database")
class TestRates:
    def test_are_those_of_the_last_day_and_of_that_day_the_last_word(self) -> None:
        a_rate("2026-03-01", "EUR", "1.10", "USD")
        a_rate("2026-03-03", "EUR", "1.20", "USD")
        a_rate("2026-03-03", "EUR", "1.25", "USD")

        rates = [rate(day, "EUR", "USD") for day in ("2026-03-01", "2026-03-02", "2026-03-03", "2026-04-01")]
        assert rates == [Fraction("1.10"), Fraction("1.10"), Fraction("1.25"), Fraction("1.25")]

    def test_work_both_ways_and_through_a_third_currency(self) -> None:
        a_rate("2026-03-01", "EUR", "1.25", "USD")
        a_rate("2026-03-01", "EUR", "160", "JPY")

        assert rate("2026-03-01", "USD", "EUR") == Fraction("0.8")
        assert rate("2026-03-01", "USD", "JPY") == 128
        assert rate("2026-03-01", "EUR", "EUR") == 1

    def test_that_are_younger_count_whichever_way_they_are_quoted(self) -> None:
        a_rate("2026-03-02", "USD", "0.5", "EUR")
        a_rate("2026-03-01", "EUR", "1.25", "USD")

        assert rate("2026-03-02", "EUR", "USD") == 2

    def test_that_are_missing_are_named(self) -> None:
        a_rate("2026-03-02", "EUR", "1.25", "USD")
        with pytest.raises(UnableToConvert) as refused:
            rate("2026-03-01", "USD", "EUR")
        assert refused.value.details == {"currency": "USD", "day": "2026-03-01"}

    @pytest.mark.parametrize(
        ("base", "number", "quote", "day", "reason"),
        [
            ("EUR", "1", "EUR", "2026-03-01", "currencies_alike"),
            ("EUR", "0", "USD", "2026-03-01", "rate_not_positive"),
            ("EUR", "NaN", "USD", "2026-03-01", "rate_not_a_number"),
            ("EUR", "1e12", "USD", "2026-03-01", "rate_too_large"),
            ("EUR", "1.00000000001", "USD", "2026-03-01", "rate_too_precise"),
            ("EUR", "1.1", "USD", "2026-06-02", "rate_in_future"),
        ],
    )
    def test_that_make_no_sense_are_refused(
        self, base: str, number: str, quote: str, day: str, reason: str
    ) -> None:
        with pytest.raises(UnableToSetRate) as refused:
            a_rate(day, base, number, quote)
        assert refused.value.reason == reason

    def test_have_no_units_in_them(self) -> None:
        with pytest.raises(UnableToFindCurrency):
            a_rate("2026-03-01", "EUR", "100", "XCR")

    def test_are_set_by_who_may(self) -> None:
        given = {
            "base": "EUR",
            "quote": "USD",
            "quote_per_base": Decimal("1.25"),
            "rate_date": date(2026, 3, 1),
            "source": "ECB",
        }
        assert set_currency_rate(acting_as(an_administrator(Role.ACCOUNTANT)), **given).answer.source == "ECB"
        with pytest.raises(UnableToAdminister):
            set_currency_rate(acting_as(an_administrator(Role.SUPPORT)), **given)


def rate(day: str, base: str, quote: str) -> Fraction:
    at = datetime.fromisoformat(f"{day}T12:00:00Z")
    return services.get(Accounting).exchange_rate(base=base, quote=quote, at=at)


class TestDifferences:
    """Rates are euros for one dollar: 0.90 in March, 0.95 from the 20th on, 1.00 in April."""

    @pytest.fixture(autouse=True)
    def rates(self, database: str) -> None:
        for day, rate in (
            ("2026-02-01", "0.80"),
            ("2026-03-01", "0.90"),
            ("2026-03-20", "0.95"),
            ("2026-04-01", "1"),
        ):
            a_rate(day, "USD", rate, "EUR")

    def test_what_was_bought_and_kept_gains_with_the_rate(self) -> None:
        an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")

        found = differences(MARCH, APRIL)
        assert told(found) == ["bank: 0.00 USD to 100.00 USD, realised 0.00, unrealised 5.00"]
        assert [(one.pair, one.result.major) for one in found.positions] == [("EUR-USD", "5.00")]

    def test_what_was_sold_again_is_realised_at_average_cost(self) -> None:
        an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")
        an_exchange("2026-03-21", "40.00 USD", "40.00 EUR")

        found = differences(MARCH, APRIL)
        # 40 dollars cost 36 euros; 60 cost 54, and are worth 57.
        assert told(found) == ["bank: 0.00 USD to 60.00 USD, realised 4.00, unrealised 3.00"]
        assert found.positions[0].result == money("7.00 EUR") == found.realised + found.unrealised

    def test_a_top_up_gains_as_a_claim_and_its_wallet_stays_as_it_was(self) -> None:
        book("2026-03-10", ("Dr", "provider_clearing", "100.00 USD"), ("Cr", "wallet_funding", "100.00 USD"))

        assert told(differences(MARCH, APRIL)) == [
            "provider_clearing: 0.00 USD to 100.00 USD, realised 0.00, unrealised 5.00"
        ]

    def test_a_claim_that_is_settled_in_its_currency_is_realised_and_the_money_begins_anew(self) -> None:
        book("2026-03-10", ("Dr", "provider_clearing", "100.00 USD"), ("Cr", "wallet_funding", "100.00 USD"))
        book("2026-03-20", ("Dr", "bank", "60.00 USD"), ("Cr", "provider_clearing", "60.00 USD"))

        assert told(differences(MARCH, APRIL)) == [
            "bank: 0.00 USD to 60.00 USD, realised 0.00, unrealised 0.00",
            "provider_clearing: 0.00 USD to 40.00 USD, realised 3.00, unrealised 2.00",
        ]

    def test_a_provider_that_settles_in_another_currency_realises(self) -> None:
        book("2026-03-10", ("Dr", "provider_clearing", "100.00 USD"), ("Cr", "wallet_funding", "100.00 USD"))
        book(
            "2026-03-20",
            ("Dr", "exchange/EUR-USD", "100.00 USD"),
            ("Cr", "provider_clearing", "100.00 USD"),
            ("Dr", "bank", "93.00 EUR"),
            ("Cr", "exchange/EUR-USD", "93.00 EUR"),
        )

        assert told(differences(MARCH, APRIL)) == [
            "provider_clearing: 0.00 USD to 0.00 USD, realised 3.00, unrealised 0.00"
        ]

    def test_what_we_owe_loses_when_the_rate_rises(self) -> None:
        book(
            "2026-03-10", ("Dr", "commission_cost", "100.00 USD"), ("Cr", "commission_on_hold", "100.00 USD")
        )

        assert told(differences(MARCH, APRIL)) == [
            "commission_on_hold: 0.00 USD to -100.00 USD, realised 0.00, unrealised -5.00"
        ]

    def test_a_period_begins_where_the_one_before_ended(self) -> None:
        an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")
        an_exchange("2026-04-02", "50.00 USD", "49.00 EUR")

        march, april, both = differences(MARCH, APRIL), differences(APRIL, MAY), differences(MARCH, MAY)
        assert told(april) == ["bank: 100.00 USD to 50.00 USD, realised 1.50, unrealised 2.50"]
        assert march.items[0].closing_value == april.items[0].opening_value == money("95.00 EUR")
        parts = [one.realised + one.unrealised for one in (march, april)]
        assert sum(parts, money("0.00 EUR")) == both.realised + both.unrealised == money("9.00 EUR")

    def test_an_exchange_that_is_reversed_leaves_nothing(self) -> None:
        done = an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")
        services.get(Ledger).reverse(
            entry_id=done.entry_id,
            key="undone",
            reversal_id=new_id(),
            occurred_at=datetime(2026, 3, 25, tzinfo=UTC),
        )

        found = differences(MARCH, APRIL)
        assert told(found) == ["bank: 0.00 USD to 0.00 USD, realised 0.00, unrealised 0.00"]
        assert found.positions == ()

    def test_between_two_foreign_currencies_what_was_given_counts(self) -> None:
        a_rate("2026-03-01", "EUR", "160", "JPY")
        an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")
        an_exchange("2026-03-10", "100.00 USD", "16000 JPY")

        # 16,000 yen for dollars worth 90 euros; worth 100.
        assert told(differences(MARCH, APRIL)) == [
            "bank: 0 JPY to 16000 JPY, realised 0.00, unrealised 10.00",
            "bank: 0.00 USD to 0.00 USD, realised 0.00, unrealised 0.00",
        ]

    def test_are_told_in_the_currency_of_the_house(self, monkeypatch: pytest.MonkeyPatch) -> None:
        swiss = Configuration(community=Community(functional_currency="CHF"))
        monkeypatch.setattr("warchest.accounting.currency_rates.configuration", lambda: swiss)
        a_rate("2026-02-01", "EUR", "0.50", "CHF")
        an_exchange("2026-03-10", "45.00 CHF", "100.00 USD")
        book("2026-03-11", ("Dr", "bank", "10.00 EUR"), ("Cr", "revenue", "10.00 EUR"))

        # A dollar is 0.95 euros, and these are 0.475 francs; a euro is half a franc throughout.
        assert told(differences(MARCH, APRIL)) == [
            "bank: 0.00 EUR to 10.00 EUR, realised 0.00, unrealised 0.00",
            "bank: 0.00 USD to 100.00 USD, realised 0.00, unrealised 2.50",
        ]

    def test_wallets_revenue_and_units_are_left_alone(self) -> None:
        a_player(with_units="2000", paid_in="USD", at=NOW)

        assert [item.book for item in differences(MARCH, APRIL).items] == ["provider_clearing"]

    def test_of_a_currency_without_a_rate_are_not_guessed(self) -> None:
        book("2026-03-10", ("Dr", "bank", "100 JPY"), ("Cr", "wallet_funding", "100 JPY"))

        with pytest.raises(UnableToConvert) as refused:
            differences(MARCH, APRIL)
        assert refused.value.details == {"currency": "JPY", "day": "2026-03-01"}

    @pytest.mark.parametrize("days", [0, -1, 401])
    def test_of_no_period_or_a_very_long_one_are_refused(self, days: int) -> None:
        with pytest.raises(UnableToConvert):
            differences(MARCH, MARCH + timedelta(days=days))

    def test_are_the_same_whether_the_books_are_folded_or_not(self) -> None:
        an_exchange("2026-03-10", "90.00 EUR", "100.00 USD")
        before = differences(MARCH, APRIL)
        services.get(Ledger).fold()

        assert differences(MARCH, APRIL) == before


def test_the_functional_currency_is_the_houses() -> None:
    assert services.get(Accounting).functional_currency() == "EUR" == currency("EUR").code
    assert a_command().at < LATER


class TestWhateverHappens:
    """Months of exchanges, claims and payments at daily rates, against a plain sum of what each was worth."""

    @given(data=st.data())
    @settings(max_examples=15, deadline=None)
    @pytest.mark.usefixtures("lasting")
    def test_no_cent_is_lost_between_periods_or_kinds(self, data: st.DataObject) -> None:
        with transaction.atomic():
            self.live_through(data)
            transaction.set_rollback(True)

    def live_through(self, data: st.DataObject) -> None:
        days = st.dates(date(2026, 3, 1), date(2026, 4, 29))
        number = st.decimals("0.50", "2.00", places=4)
        rates = {date(2026, 2, 1): data.draw(number)}
        rates |= data.draw(st.dictionaries(days, number, max_size=6))
        for day, rate in rates.items():
            a_rate(day.isoformat(), "USD", str(rate), "EUR")

        def worth(minor: int, day: date) -> int:
            in_force = max(known for known in rates if known <= day)
            return round(Fraction(rates[in_force]) * minor)

        quantity = value = exchanged_value = exchanged = 0
        moves = data.draw(
            st.lists(st.tuples(days, st.integers(1, 10**6), st.booleans(), st.booleans()), max_size=10)
        )
        # The books sum up what is no exchange by book and by rate, and round each sum once.
        others: Counter[tuple[date, bool]] = Counter()
        for day, minor, comes, is_exchange in moves:
            sign = 1 if comes else -1
            quantity += sign * minor
            usd = str(Money(minor, currency("USD")))
            if is_exchange:
                eur = data.draw(st.integers(1, 10**6))
                value += sign * eur
                exchanged_value += sign * eur
                exchanged += sign * minor
                sold, bought = (
                    (f"{Money(eur, currency('EUR'))}", usd)
                    if comes
                    else (usd, f"{Money(eur, currency('EUR'))}")
                )
                self.exchange(day, sold, bought)
            else:
                others[max(known for known in rates if known <= day), comes] += sign * minor
                sides = ("Dr", "Cr") if comes else ("Cr", "Dr")
                book(day.isoformat(), (sides[0], "bank", usd), (sides[1], "wallet_funding", usd))
        value += sum(worth(minor, day) for (day, _comes), minor in others.items())

        whole = differences(MARCH, MAY)
        closing = worth(quantity, date(2026, 4, 30))
        assert (whole.realised + whole.unrealised).minor == closing - value
        assert (
            sum(one.result.minor for one in whole.positions)
            == worth(exchanged, date(2026, 4, 30)) - exchanged_value
        )

        months = differences(MARCH, APRIL), differences(APRIL, MAY)
        parts = sum(one.realised.minor + one.unrealised.minor for one in months)
        # A rate that is in force over the end of March is summed up in two parts, and so rounded twice.
        assert abs(parts - (closing - value)) <= 2

    @staticmethod
    def exchange(day: date, sold: str, bought: str) -> None:
        given, got = money(sold), money(bought)
        legs = services.get(Accounting).exchange_legs(
            source=AccountRef("bank", given.currency.code),
            sold=given,
            target=AccountRef("bank", got.currency.code),
            bought=got,
        )
        services.get(Ledger).post(
            entry=EntryDraft(
                id=new_id(),
                key=str(new_id()),
                kind="exchange",
                occurred_at=datetime.combine(day, time(13), UTC),
                legs=legs,
            )
        )


@pytest.fixture(scope="class")
def lasting(lasting_database):
    with lasting_database():
        yield
