"""However entries are mixed and told, summaries, details and the ledger say the same to the last minor unit."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from warchest.accounting.contract import ANY, AccountKey, MappedAccount, Treatment
from warchest.accounting.erp import rules
from warchest.accounting.erp.rules import Draft, Taken
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, Leg, Side
from warchest.sdk.erp import CashReceipt, Journal, Method
from warchest.sdk.erp import Side as ErpSide

_BOOKS = ("bank", "provider_clearing", "wallet_funding", "revenue", "tax_payable")
_OWNERS = ("", "DE", "sandbox", "0190a000-0000-7000-8000-000000000001")
_START = datetime(2026, 3, 14, 20, tzinfo=UTC)
_Place = tuple[str, str]

# Two books share an account, so that a summary's lines have to be told apart.
_MAPPINGS = {
    (key := AccountKey(book, owner, code)): MappedAccount(
        key, f"{'shared' if book in ('revenue', 'tax_payable') else book}/{owner}/{code}", "CARDS", Method.CARD
    )
    for book in _BOOKS
    for owner in (ANY, "DE")
    for code in (ANY, "EUR")
}  # fmt: skip


@st.composite
def _sides(draw: st.DrawFn, code: str) -> list[Leg]:
    """Legs in one currency that balance."""
    unit, account = currency(code), st.tuples(st.sampled_from(_BOOKS), st.sampled_from(_OWNERS))
    total = draw(st.integers(1, 10**12))

    def cut(side: Side) -> list[Leg]:
        parts = Money(total, unit).split(draw(st.lists(st.integers(1, 9), min_size=1, max_size=3)))
        return [Leg(side, *_ordered(draw(account), part)) for part in parts if part]

    return cut(Side.DEBIT) + cut(Side.CREDIT)


def _ordered(account: tuple[str, str], amount: Money) -> tuple[str, Money, str]:
    return account[0], amount, account[1]


@st.composite
def _entries(draw: st.DrawFn) -> list[Entry]:
    made = []
    for position in range(1, draw(st.integers(1, 12)) + 1):
        codes = draw(st.lists(st.sampled_from(["EUR", "JPY", "KWD"]), max_size=2, unique=True))
        legs = [leg for code in codes for leg in draw(_sides(code))]
        if draw(st.booleans()) or not legs:
            units = Money.units(draw(st.integers(1, 10**9)))
            legs += [
                Leg(Side.DEBIT, "units_issued", units),
                Leg(Side.CREDIT, "wallet_units", units, _OWNERS[3]),
            ]
        at = _START + timedelta(hours=draw(st.integers(0, 60)))
        made.append(
            Entry(
                UUID(int=position),
                position,
                f"k{position}",
                "main",
                "top_up",
                at,
                at,
                tuple(legs),
                "",
                {},
                None,
            )
        )
    return made


_RULES = st.dictionaries(
    st.sampled_from(["", *_BOOKS]), st.sampled_from([Treatment.DETAIL, Treatment.SUMMARY, Treatment.RECEIPT])
).map(lambda found: {book: each for book, each in found.items() if book or each is not Treatment.RECEIPT})


@given(entries=_entries(), told=_RULES, receipts=st.sampled_from([frozenset[str](), frozenset({"EUR"})]))
@settings(max_examples=300, deadline=None)
def test_any_mix_says_what_the_ledger_says(
    entries: list[Entry], told: dict[str, Treatment], receipts: frozenset[str]
) -> None:
    taken = [
        Taken(entry, rules.treatment_of(entry, rules=told, receipt_currencies=receipts)) for entry in entries
    ]
    drafts = rules.drafts(taken, _MAPPINGS)

    assert _by_account(drafts) == _by_account(
        rules.drafts([Taken(one.entry, _alone(one.treatment)) for one in taken], _MAPPINGS)
    )
    for draft in drafts:
        _is_whole(draft)
    _says_each_entry_once(taken, drafts)
    _totals_are_the_ledgers(taken, drafts)


def _alone(treatment: Treatment) -> Treatment:
    """The same entries, none of them in a summary."""
    return Treatment.DETAIL if treatment is Treatment.SUMMARY else treatment


def _by_account(drafts: list[Draft]) -> Counter[tuple[str, str, str]]:
    sums: Counter[tuple[str, str, str]] = Counter()
    for draft in drafts:
        if isinstance(draft.body, Journal):
            for line in draft.body.lines:
                sums[line.account, line.side, line.amount.currency.code] += line.amount.minor
        else:
            sums[draft.body.customer, "receipt", draft.currency] += draft.body.amount.minor
    return sums


def _is_whole(draft: Draft) -> None:
    if isinstance(draft.body, CashReceipt):
        assert draft.body.amount == Money(draft.amount_minor, currency(draft.currency))
        return
    assert len(draft.body.lines) >= 2
    sides = Counter[str]()
    for line in draft.body.lines:
        assert line.amount.minor > 0 and line.amount.currency.code == draft.currency != "XCR"
        sides[line.side] += line.amount.minor
    assert sides[ErpSide.DEBIT] == sides[ErpSide.CREDIT] == draft.amount_minor


def _says_each_entry_once(taken: list[Taken], drafts: list[Draft]) -> None:
    """Each entry, in each of its currencies: in one journal, or in the receipts of one entry."""
    said: Counter[tuple[UUID, str]] = Counter()
    for draft in drafts:
        for entry_id in draft.entries:
            said[entry_id, draft.currency] += 1
        days = {rules.day_of(one.entry) for one in taken if one.entry.id in draft.entries}
        assert days == {draft.day}
    for one in taken:
        for code in {leg.amount.currency.code for leg in rules.money_legs(one.entry)}:
            times = said.pop((one.entry.id, code))
            assert times == 1 or one.treatment is Treatment.RECEIPT
    assert not said


def _totals_are_the_ledgers(taken: list[Taken], drafts: list[Draft]) -> None:
    booked: Counter[tuple[_Place, str]] = Counter()
    for one in taken:
        for leg in one.entry.legs:
            booked[(leg.book, leg.amount.currency.code), leg.side] += leg.amount.minor
    totals = rules.totals(taken)
    said: Counter[tuple[_Place, str]] = Counter()
    debits: Counter[tuple[Treatment, str]] = Counter()
    for total in totals:
        said[(total.book, total.currency), Side.DEBIT] += total.debit_minor
        said[(total.book, total.currency), Side.CREDIT] += total.credit_minor
        debits[total.treatment, total.currency] += total.debit_minor
    assert +said == +booked
    documents: Counter[tuple[Treatment, str]] = Counter()
    for draft in drafts:
        documents[draft.treatment, draft.currency] += draft.amount_minor
    assert documents == Counter({place: n for place, n in debits.items() if place[0] is not Treatment.UNITS})


@given(entries=_entries())
@settings(max_examples=50, deadline=None)
def test_a_summary_has_one_journal_for_a_day_and_currency(entries: list[Entry]) -> None:
    taken = [
        Taken(entry, Treatment.SUMMARY if rules.money_legs(entry) else Treatment.UNITS) for entry in entries
    ]
    drafts = rules.drafts(taken, _MAPPINGS)
    places: list[tuple[date, str]] = [(draft.day, draft.currency) for draft in drafts]
    assert len(places) == len(set(places))
    for draft in drafts:
        assert isinstance(draft.body, Journal)
        lines = [(line.account, line.text, line.side) for line in draft.body.lines]
        assert len(lines) == len(set(lines))
