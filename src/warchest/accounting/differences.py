"""Gains and losses on other currencies, read from the books and the dated rates. Nothing is booked here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID

from warchest.accounting import currency_rates, exchange
from warchest.accounting.chart import CHART, MONETARY_BOOKS
from warchest.accounting.contract import (
    ExchangeDifferences,
    ExchangePosition,
    MonetaryItem,
    UnableToConvert,
)
from warchest.accounting.exchange import EXCHANGE_BOOK, Pool, RateTable
from warchest.accounting.opening import OPENING_CHART
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Entry, EntryFilter, Ledger, Side
from warchest.runtime.services import services

DAYS_MAX = 400
_PAGE = 500
_MOMENT = timedelta(microseconds=1)
_SIDES = {book.code: book.side for book in (*CHART, *OPENING_CHART)}

# Debits and credits in minor units, by book and currency.
Sums = Mapping[tuple[str, str], tuple[int, int]]


class _Rates:
    """The rates of one day after another."""

    def __init__(self, *, since: date, last: date) -> None:
        self.functional = currency(currency_rates.functional_currency())
        self._table = RateTable(currency_rates.in_force(since))
        self._later = currency_rates.between(since, last)
        self._day = since

    def days(self) -> set[date]:
        return {rate.rate_date for rate in self._later}

    def on(self, day: date) -> RateTable:
        """Days are asked for in their order."""
        for rate in self._later:
            if self._day < rate.rate_date <= day:
                self._table.put(rate)
        self._day = max(self._day, day)
        return self._table

    def value(self, amount: Money, day: date) -> int:
        if not amount:
            return 0
        rate = self.on(day).rate(amount.currency.code, self.functional.code)
        if rate is None:
            raise UnableToConvert("exchange_rate_missing", currency=amount.currency.code, day=f"{day}")
        return exchange.value_of(amount, rate, self.functional)


def exchange_differences(*, since: datetime, until: datetime) -> ExchangeDifferences:
    if since >= until:
        raise UnableToConvert("days_malformed")
    if until - since > timedelta(days=DAYS_MAX):
        raise UnableToConvert("days_too_many")
    before, last = _day(since - _MOMENT), _day(until - _MOMENT)
    rates = _Rates(since=before, last=last)
    functional = rates.functional
    moments = sorted(
        {since, until} | {begin for day in rates.days() if since < (begin := _begin(day)) < until}
    )
    balances = _balances(until)
    exchanges = _exchanges(balances, since, until)

    sums = _monetary_sums(since, functional.code)
    opening = {place: debits - credits for place, (debits, credits) in sums.items()}
    pools = {
        place: Pool(quantity, rates.value(Money(quantity, currency(place[1])), before))
        for place, quantity in opening.items()
    }
    opening_values = {place: pool.cost_minor for place, pool in pools.items()}
    moved_values: dict[tuple[str, str], int] = {}

    def move(place: tuple[str, str], quantity: int, value: int) -> None:
        pools.setdefault(place, Pool()).move(quantity, value)
        moved_values[place] = moved_values.get(place, 0) + value

    for begin, end in pairwise(moments):
        day = _day(begin)
        later = _monetary_sums(end, functional.code)
        exchanged = [entry for entry in exchanges if begin <= entry.occurred_at < end]
        others = _less(later, sums, exchanged)
        sums = later
        # What grows a book comes first, then the exchanges one after the other, then what shrinks it.
        for grows in (True, False):
            for place in sorted(others):
                debits, credits = others[place]
                quantity = debits if (_SIDES[place[0]] is Side.DEBIT) is grows else -credits
                if quantity:
                    move(place, quantity, rates.value(Money(quantity, currency(place[1])), day))
            for entry in exchanged if grows else ():
                value = exchange.exchange_value(entry.legs, table=rates.on(day), functional=functional)
                if value is None:
                    raise UnableToConvert(
                        "exchange_rate_missing", currency=entry.legs[0].amount.currency.code, day=f"{day}"
                    )
                for place, steps in exchange.moves(entry.legs, value, functional=functional).items():
                    for step in steps:
                        move(place, *step)

    items = []
    for (book, code), pool in sorted(pools.items()):
        closing = Money(pool.quantity_minor, currency(code))
        items.append(
            MonetaryItem(
                book=book,
                opening=Money(opening.get((book, code), 0), currency(code)),
                closing=closing,
                opening_value=Money(opening_values.get((book, code), 0), functional),
                moved_value=Money(moved_values.get((book, code), 0), functional),
                closing_value=Money(rates.value(closing, last), functional),
                realised=Money(pool.realised_minor, functional),
            )
        )
    zero = Money.zero(functional)
    return ExchangeDifferences(
        since=since,
        until=until,
        items=tuple(items),
        positions=_positions(balances, rates, last),
        realised=sum((item.realised for item in items), zero),
        unrealised=sum((item.unrealised for item in items), zero),
    )


def _monetary_sums(until: datetime, functional: str) -> Sums:
    return {
        (line.book, line.currency): (line.debit_minor, line.credit_minor)
        for line in services.get(Ledger).trial_balance(until=until)
        if line.book in MONETARY_BOOKS and line.currency not in (functional, INNER.code)
    }


def _less(later: Sums, earlier: Sums, exchanged: list[Entry]) -> dict[tuple[str, str], tuple[int, int]]:
    """What moved from one moment to another otherwise than by these exchanges."""
    found = {}
    for place, (debits, credits) in later.items():
        debits_before, credits_before = earlier.get(place, (0, 0))
        found[place] = debits - debits_before, credits - credits_before
    for leg in (leg for entry in exchanged for leg in entry.legs):
        if (place := (leg.book, leg.amount.currency.code)) in found:
            debits, credits = found[place]
            minor = leg.amount.minor
            found[place] = (debits - minor, credits) if leg.side is Side.DEBIT else (debits, credits - minor)
    return found


def _exchanges(pairs: Iterable[str], since: datetime, until: datetime) -> list[Entry]:
    """Entries of exchanges in the order in which they happened. Asked for by pair, which an index serves."""
    found: dict[UUID, Entry] = {}
    for pair in pairs:
        only = EntryFilter(book=EXCHANGE_BOOK, owner=pair, occurred_from=since, occurred_until=until)
        before = None
        while page := services.get(Ledger).find_entries(only=only, before=before, limit=_PAGE):
            found |= {entry.id: entry for entry in page}
            before = page[-1].id
    return sorted(found.values(), key=lambda entry: (entry.occurred_at, entry.position))


def _balances(until: datetime) -> dict[str, list[Money]]:
    """What stands on the exchange accounts, by pair."""
    balances: dict[str, list[Money]] = {}
    after: AccountRef | None = None
    while page := services.get(Ledger).accounts(book=EXCHANGE_BOOK, until=until, after=after, limit=_PAGE):
        for one in page:
            balances.setdefault(one.account.owner, []).append(one.posted)
        after = page[-1].account
    return balances


def _positions(
    balances: Mapping[str, list[Money]], rates: _Rates, last: date
) -> tuple[ExchangePosition, ...]:
    return tuple(
        ExchangePosition(
            pair=pair,
            balances=tuple(amounts),
            value=Money(sum(rates.value(amount, last) for amount in amounts), rates.functional),
        )
        for pair, amounts in sorted(balances.items())
        if any(amounts)
    )


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
