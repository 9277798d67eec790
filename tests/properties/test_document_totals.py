"""Whatever entries say: documents add up to them, by country and to the last minor unit."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from warchest.accounting import document_rules, rules
from warchest.accounting.contract import DocumentKind
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, Leg, credit, debit

PLAYER = UUID(int=7)
RATES = {"DE": (1900, 1600), "FR": (2000,), "LU": (1700, 300), "US": ()}

codes = st.sampled_from(["EUR", "JPY", "KWD"])
amounts = st.integers(min_value=1, max_value=10**9)
places = st.sampled_from(sorted(RATES))


def entry_of(legs: tuple[Leg, ...], *, kind: str = "sale") -> Entry:
    return Entry(
        id=new_id(),
        position=1,
        key="k",
        cluster="main",
        kind=kind,
        occurred_at=datetime(2026, 3, 15, tzinfo=UTC),
        recorded_at=datetime(2026, 3, 15, tzinfo=UTC),
        legs=legs,
        reference="",
        details={},
        reverses=None,
    )


def mirrored(legs: tuple[Leg, ...]) -> tuple[Leg, ...]:
    return tuple(Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in legs)


def rate_in(country: str, draw: st.DrawFn) -> int:
    return draw(st.sampled_from(RATES[country] or (0,)))


@st.composite
def sales(draw: st.DrawFn) -> tuple[tuple[Leg, ...], list[tuple[str, int, Money]]]:
    """A purchase of lots in up to three currencies: its legs, and (country, rate, gross) of each."""
    country = draw(places)
    taxed, told = [], []
    for code in draw(st.lists(codes, min_size=1, max_size=3, unique=True)):
        gross, rate = Money(draw(amounts), currency(code)), rate_in(country, draw)
        taxed.append(rules.tax_within(gross=gross, country=country, rate_bps=rate))
        told.append((country, rate, gross))
    spend = draw(st.sampled_from([rules.spend_legs, rules.immediate_spend_legs]))
    return spend(player=PLAYER, units=Money.units(draw(amounts)), taxed=taxed), told


@given(sales())
def test_an_invoice_is_the_sale_in_each_currency(sale) -> None:
    legs, told = sale
    due = document_rules.due_of(entry_of(legs))
    assert [one.kind for one in due] == [DocumentKind.TAX_INVOICE] * len(told)
    assert {one.gross for one in due} == {gross for _, _, gross in told}
    for one in due:
        assert one.player == PLAYER
        (country, rate, gross) = next(each for each in told if each[2].currency == one.gross.currency)
        (line,) = one.lines
        written = document_rules.with_rate(line, kind=one.kind, country=country, rates_bps=RATES[country])
        assert written.net + written.tax == gross
        exact = rules.tax_within(gross=gross, country=country, rate_bps=written.rate_bps)
        assert (exact.net, exact.tax) == (written.net, written.tax)
        # Of small amounts two rates make the same tax: then either says the truth.
        same = rules.tax_within(gross=gross, country=country, rate_bps=rate)
        assert (same.net, same.tax) == (written.net, written.tax)


@given(sales())
def test_a_credit_note_is_the_mirror_of_the_sale(sale) -> None:
    legs, told = sale
    due = document_rules.due_of(entry_of(mirrored(legs)))
    assert {one.kind for one in due} == {DocumentKind.CREDIT_NOTE}
    assert {one.gross for one in due} == {gross for _, _, gross in told}


@given(
    st.lists(st.tuples(places, amounts), max_size=5),
    st.integers(min_value=0, max_value=10**9),
    st.integers(min_value=0, max_value=10**9),
    st.booleans(),
    st.data(),
)
def test_a_refund_is_what_is_undone_of_it_by_country(parts, funding, debt, from_dispute, data) -> None:
    euro = currency("EUR")
    unserved = [
        rules.tax_within(gross=Money(gross, euro), country=country, rate_bps=rate_in(country, data.draw))
        for country, gross in parts
    ]
    given_back = funding + debt + sum(gross for _, gross in parts)
    if not given_back:
        return
    legs = [
        *([debit("wallet_funding", Money(funding, euro))] if funding else []),
        *(
            leg
            for part in unserved
            for leg in (
                *([debit("deferred_revenue", part.net)] if part.net else []),
                *([debit("tax_payable", part.tax, owner=part.country)] if part.tax else []),
            )
        ),
        *([debit("player_debt", Money(debt, euro), owner=PLAYER)] if debt else []),
        credit("disputed_funds" if from_dispute else "provider_clearing", Money(given_back, euro), owner="p"),
    ]
    due = document_rules.due_of(entry_of(tuple(legs), kind="refund"))
    # What had been used stays bought, and its tax stays due: a debt is corrected by no document.
    undone = given_back - debt
    assert sum(one.gross.minor for one in due) == undone
    assert {one.kind for one in due} <= {DocumentKind.CREDIT_NOTE}
    booked: dict[str, int] = {}
    for part in unserved:
        booked[part.country] = booked.get(part.country, 0) + part.tax.minor
    written: dict[str, int] = {}
    for one in due:
        for line in one.lines:
            written[line.country] = written.get(line.country, 0) + line.tax.minor
    assert {country: tax for country, tax in written.items() if tax} == {
        country: tax for country, tax in booked.items() if tax
    }
    prepaid = sum(line.net.minor for one in due for line in one.lines if not line.taxed)
    assert prepaid == funding


@given(amounts, st.integers(min_value=0, max_value=10**9), codes)
def test_a_receipt_is_all_that_came_in_a_debt_set_off_included(paid, debt, code) -> None:
    unit = currency(code)
    debt = min(debt, paid - 1)
    legs = (
        debit("provider_clearing", Money(paid, unit), owner="sandbox"),
        *([credit("player_debt", Money(debt, unit), owner=PLAYER)] if debt else []),
        credit("wallet_funding", Money(paid - debt, unit)),
        debit("units_issued", Money.units(100)),
        credit("wallet_units", Money.units(100), owner=PLAYER),
    )
    (due,) = document_rules.due_of(entry_of(legs, kind="top_up"))
    assert (due.kind, due.gross) == (DocumentKind.RECEIPT, Money(paid, unit))


def test_nothing_else_asks_for_a_document() -> None:
    euro = lambda amount: Money.parse(amount, "EUR")  # noqa: E731
    some, code = new_id(), "sandbox"
    for legs in (
        rules.recognition_legs(earned=[euro("4.20")], day=datetime(2026, 3, 15, tzinfo=UTC).date()),
        rules.expiry_legs(player=PLAYER, units=Money.units(100), consideration=euro("1.00")),
        rules.card_activated_legs(batch=some, player=PLAYER, face=euro("1.00"), units=Money.units(100)),
        rules.batch_delivered_legs(batch=some, reseller="r", face=euro("10.00"), margin=euro("1.00")),
        rules.promotion_legs(player=PLAYER, units=Money.units(100)),
        rules.transfer_legs(sender=PLAYER, recipient=some, units=Money.units(100)),
        rules.went_across_legs(player=PLAYER, cluster="b", units=Money.units(100), paid=[euro("1.00")]),
        rules.came_across_legs(player=PLAYER, cluster="b", units=Money.units(100), paid=[euro("1.00")]),
        rules.netting_legs(cluster="b", payable=euro("5.00"), receivable=euro("1.00")),
        (
            debit("disputed_funds", euro("1.00"), owner=code),
            credit("provider_clearing", euro("1.00"), owner=code),
        ),
        (debit("provider_fees", euro("1.00")), credit("provider_clearing", euro("1.00"), owner=code)),
        (debit("bank", euro("1.00")), credit("provider_clearing", euro("1.00"), owner=code)),
        (debit("bad_debts", euro("1.00")), credit("player_debt", euro("1.00"), owner=PLAYER)),
        (
            debit("provider_clearing", euro("1.00"), owner=code),
            credit("payer_surplus", euro("1.00"), owner=PLAYER),
        ),
    ):
        for each in (legs, mirrored(legs)):
            assert document_rules.due_of(entry_of(each)) == (), each
