"""Which documents a set of entries becomes. Pure.

Every document says whole entries, or an entry's part in one currency, and entries balance in each currency: so every journal
balances, however entries are mixed. What moves units alone becomes nothing, since units are no money.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from uuid import UUID

from warchest.accounting.contract import (
    ANY,
    HOUSE,
    PERSON,
    AccountKey,
    ControlTotal,
    MappedAccount,
    Series,
    Treatment,
)
from warchest.kernel.currency import INNER, currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Entry, Leg, Side
from warchest.sdk import erp

_RESERVED = frozenset({ANY, HOUSE, PERSON})


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry of the queue, and how it was to be treated when it was taken."""

    entry: Entry
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class Draft:
    """A document without its number. ``customer`` is a receipt's."""

    series: Series
    treatment: Treatment
    day: date
    currency: str
    amount_minor: int
    text: str
    body: erp.Journal | erp.CashReceipt
    entries: tuple[UUID, ...]
    customer: str = ""


def day_of(entry: Entry) -> date:
    return entry.occurred_at.astimezone(UTC).date()


def money_legs(entry: Entry) -> list[Leg]:
    return [leg for leg in entry.legs if leg.amount.currency != INNER]


def treatment_of(
    entry: Entry, *, rules: Mapping[str, Treatment], receipt_currencies: frozenset[str]
) -> Treatment:
    """Detail where one of its books wants it; a receipt where all that came in came on books that want receipts."""
    legs = money_legs(entry)
    if not legs:
        return Treatment.UNITS
    usual = rules.get("", Treatment.SUMMARY)
    wanted = {leg.book: rules.get(leg.book, usual) for leg in legs}
    if _comes_in(legs, wanted) and {leg.amount.currency.code for leg in legs} <= receipt_currencies:
        return Treatment.RECEIPT
    return Treatment.SUMMARY if set(wanted.values()) == {Treatment.SUMMARY} else Treatment.DETAIL


def _comes_in(legs: Sequence[Leg], wanted: Mapping[str, Treatment]) -> bool:
    return len({leg.amount.currency for leg in legs}) == 1 and all(
        (wanted[leg.book] is Treatment.RECEIPT) == (leg.side is Side.DEBIT) for leg in legs
    )


def owner_class(owner: str) -> str:
    """The class of owners that an account's owner is in. Who is called like one of ours has a mark before the name."""
    if not owner:
        return HOUSE
    try:
        UUID(owner)
    except ValueError:
        return f"={owner}" if owner in _RESERVED else owner
    return PERSON


def keys_of(account: AccountRef) -> tuple[AccountKey, ...]:
    """The keys under which an account may be mapped, the narrowest first."""
    owners, codes = (owner_class(account.owner), ANY), (account.currency, ANY)
    return tuple(AccountKey(account.book, owner, code) for owner in owners for code in codes)


def mapped(account: AccountRef, mappings: Mapping[AccountKey, MappedAccount]) -> MappedAccount | None:
    return next((found for key in keys_of(account) if (found := mappings.get(key))), None)


def missing(taken: Taken, mappings: Mapping[AccountKey, MappedAccount]) -> list[AccountKey]:
    """The accounts for want of whose mapping there is no document of this entry, each once."""
    found: dict[AccountKey, None] = {}
    for leg in money_legs(taken.entry):
        target = mapped(leg.account, mappings)
        if taken.treatment is Treatment.RECEIPT:
            # What comes in is told by its customer; the ERP knows itself where that customer's money goes.
            is_there = leg.side is Side.CREDIT or bool(target and target.customer)
        else:
            is_there = target is not None
        if not is_there:
            found[keys_of(leg.account)[0]] = None
    return list(found)


def drafts(taken: Sequence[Taken], mappings: Mapping[AccountKey, MappedAccount]) -> list[Draft]:
    """The documents: those of single entries in the order of the books, then the summaries by day and currency."""
    return [
        *(draft for one in taken for draft in _of_one(one, mappings)),
        *_summaries([one for one in taken if one.treatment is Treatment.SUMMARY], mappings),
    ]


def _of_one(one: Taken, mappings: Mapping[AccountKey, MappedAccount]) -> Iterator[Draft]:
    if one.treatment is Treatment.DETAIL:
        yield from _details(one.entry, mappings)
    elif one.treatment is Treatment.RECEIPT:
        yield from _receipts(one.entry, mappings)


def _details(entry: Entry, mappings: Mapping[AccountKey, MappedAccount]) -> Iterator[Draft]:
    by_currency: dict[str, list[Leg]] = {}
    for leg in money_legs(entry):
        by_currency.setdefault(leg.amount.currency.code, []).append(leg)
    for code, legs in by_currency.items():
        lines = tuple(
            erp.JournalLine(
                account=_account(leg, mappings),
                side=erp.Side(leg.side.value),
                amount=leg.amount,
                text=_words(entry.kind),
                reference=f"E{entry.position}",
            )
            for leg in legs
        )
        yield Draft(
            series=Series.JOURNAL,
            treatment=Treatment.DETAIL,
            day=day_of(entry),
            currency=code,
            amount_minor=sum(leg.amount.minor for leg in legs if leg.side is Side.DEBIT),
            text=f"E{entry.position} {_words(entry.kind)}",
            body=erp.Journal(lines),
            entries=(entry.id,),
        )


def _receipts(entry: Entry, mappings: Mapping[AccountKey, MappedAccount]) -> Iterator[Draft]:
    sums: dict[tuple[str, erp.Method], Money] = {}
    for leg in money_legs(entry):
        if leg.side is Side.DEBIT:
            target = mapped(leg.account, mappings)
            assert target and target.method
            key = (target.customer, target.method)
            sums[key] = sums[key] + leg.amount if key in sums else leg.amount
    for (customer, method), amount in sums.items():
        yield Draft(
            series=Series.RECEIPT,
            treatment=Treatment.RECEIPT,
            day=day_of(entry),
            currency=amount.currency.code,
            amount_minor=amount.minor,
            text=f"E{entry.position} {_words(entry.kind)}",
            body=erp.CashReceipt(customer=customer, amount=amount, method=method),
            entries=(entry.id,),
            customer=customer,
        )


def _summaries(taken: Iterable[Taken], mappings: Mapping[AccountKey, MappedAccount]) -> Iterator[Draft]:
    """Debits and credits of an account stay apart, so that the lines sum to what the books say on each side."""
    sums: dict[tuple[date, str], dict[tuple[str, str, Side], int]] = {}
    entries: dict[tuple[date, str], dict[UUID, None]] = {}
    for one in taken:
        day = day_of(one.entry)
        for leg in money_legs(one.entry):
            place = (day, leg.amount.currency.code)
            lines = sums.setdefault(place, {})
            line = (_account(leg, mappings), leg.book, leg.side)
            lines[line] = lines.get(line, 0) + leg.amount.minor
            entries.setdefault(place, {})[one.entry.id] = None
    for (day, code), lines in sorted(sums.items()):
        unit = currency(code)
        in_order = sorted(lines.items(), key=lambda line: (line[0][0], line[0][1], line[0][2] is Side.CREDIT))
        yield Draft(
            series=Series.JOURNAL,
            treatment=Treatment.SUMMARY,
            day=day,
            currency=code,
            amount_minor=sum(minor for (_, _, side), minor in lines.items() if side is Side.DEBIT),
            text=f"Warchest {day} {code}",
            body=erp.Journal(
                tuple(
                    erp.JournalLine(
                        account=account,
                        side=erp.Side(side.value),
                        amount=Money(minor, unit),
                        text=_words(book),
                    )
                    for (account, book, side), minor in in_order
                ),
                is_summary=True,
            ),
            entries=tuple(entries[day, code]),
        )


def totals(taken: Iterable[Taken]) -> list[ControlTotal]:
    """What the entries posted, all legs included, by treatment, book and currency."""
    sums: dict[tuple[Treatment, str, str], list[int]] = {}
    for one in taken:
        for leg in one.entry.legs:
            code = leg.amount.currency.code
            # Units are left here, whatever becomes of the entry's money.
            treatment = Treatment.UNITS if leg.amount.currency == INNER else one.treatment
            sides = sums.setdefault((treatment, leg.book, code), [0, 0])
            sides[leg.side is Side.CREDIT] += leg.amount.minor
    return [ControlTotal(*key, debit_minor=sides[0], credit_minor=sides[1]) for key, sides in sums.items()]


def _account(leg: Leg, mappings: Mapping[AccountKey, MappedAccount]) -> str:
    target = mapped(leg.account, mappings)
    assert target, leg.account
    return target.account


def _words(code: str) -> str:
    return code.replace("_", " ")
