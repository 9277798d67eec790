"""Which documents an entry of the journal asks for, and what stands in them. Pure.

The legs say it, and no kind of entry has to be known: money that came in for units asks for a receipt, a sale for a tax
invoice, and either of them going back for a credit note (VAT Directive, articles 219 and 220; 30b for what units are: a
voucher for several purposes is taxed when it is used).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from warchest.accounting import rules
from warchest.accounting.contract import (
    DocumentKind,
    DocumentLines,
    DueDocument,
    TaxLine,
    UnableToIssueDocument,
)
from warchest.kernel.currency import INNER, Currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, Leg, Side

_SALES = frozenset({"deferred_revenue", "revenue"})
_TAX = "tax_payable"
_FUNDING = "wallet_funding"
_MONEY_IN = frozenset({"provider_clearing", "bank", "disputed_funds"})
_DEBT = "player_debt"
_PAID_FROM = _MONEY_IN | {_FUNDING, _DEBT, "cards_sold"}
"""What a sale is paid from. Where none of these moves (a move-in, another cluster), nothing was sold to a player."""
_WALLET = "wallet_units"
_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def due_of(entry: Entry) -> tuple[DueDocument, ...]:
    """What an entry asks for: at most one document of each kind and currency."""
    return tuple(_due(entry))


def _due(entry: Entry) -> Iterator[DueDocument]:
    by_currency: dict[Currency, list[Leg]] = defaultdict(list)
    for leg in entry.legs:
        by_currency[leg.amount.currency].append(leg)
    inner = by_currency.pop(INNER, [])
    for unit, legs in sorted(by_currency.items(), key=lambda item: item[0].code):
        lines = _lines(legs, unit)
        for kind, of_kind in (
            (DocumentKind.RECEIPT, [line for line in lines if not line.taxed and _gross(line) > 0]),
            (DocumentKind.TAX_INVOICE, [line for line in lines if line.taxed and _gross(line) > 0]),
            (DocumentKind.CREDIT_NOTE, [_turned(line) for line in lines if _gross(line) < 0]),
        ):
            if of_kind:
                yield DueDocument(
                    kind=kind,
                    entry_id=entry.id,
                    position=entry.position,
                    entry_key=entry.key,
                    entry_kind=entry.kind,
                    occurred_at=entry.occurred_at,
                    reference=entry.reference,
                    details=entry.details,
                    reverses=entry.reverses,
                    player=_player(inner),
                    units=_units(inner),
                    lines=tuple(of_kind),
                )


def _lines(legs: Sequence[Leg], unit: Currency) -> list[DocumentLines]:
    if not any(leg.book in _PAID_FROM for leg in legs):
        return []
    zero = Money.zero(unit)
    lines = [line for line in _sold(legs, zero) if line.net or line.tax]
    prepaid = _prepaid(legs, zero, sold=sum((line.net + line.tax for line in lines), zero))
    if prepaid:
        lines.append(DocumentLines(country="", taxed=False, net=prepaid, tax=zero))
    return lines


def _sold(legs: Sequence[Leg], zero: Money) -> Iterator[DocumentLines]:
    """What a sale deferred or earned, each part with its tax: legs keep their order, and the tax stands behind its net."""
    net = zero
    taxes = {leg.owner for leg in legs if leg.book == _TAX}
    if len(taxes) <= 1 and len([leg for leg in legs if leg.book == _TAX]) <= 1:
        net = sum((_credited(leg) for leg in legs if leg.book in _SALES), zero)
        tax = sum((_credited(leg) for leg in legs if leg.book == _TAX), zero)
        yield DocumentLines(country=next(iter(taxes), ""), taxed=True, net=net, tax=tax)
        return
    waiting = False
    for leg in legs:
        if leg.book in _SALES:
            if waiting:
                yield DocumentLines(country="", taxed=True, net=net, tax=zero)
            net, waiting = _credited(leg), True
        elif leg.book == _TAX:
            yield DocumentLines(
                country=leg.owner, taxed=True, net=net if waiting else zero, tax=_credited(leg)
            )
            net, waiting = zero, False
    if waiting:
        yield DocumentLines(country="", taxed=True, net=net, tax=zero)


def merged(lines: Iterable[TaxLine]) -> tuple[TaxLine, ...]:
    """One line for each country and rate, in the order of their first."""
    found: dict[tuple[str, int | None], TaxLine] = {}
    for line in lines:
        before = found.get((line.country, line.rate_bps))
        found[line.country, line.rate_bps] = (
            replace(line, net=before.net + line.net, tax=before.tax + line.tax) if before else line
        )
    return tuple(found.values())


def _prepaid(legs: Sequence[Leg], zero: Money, *, sold: Money) -> Money:
    """Money that came in for units, or (negative) went back for them; what a wallet gets from elsewhere is none.

    A debt that is set off against what came in was received all the same. One that arises when money goes back is none: what
    was bought for it is not undone.
    """
    money = -sum((_credited(leg) for leg in legs if leg.book in _MONEY_IN), zero)
    funded = sum((_credited(leg) for leg in legs if leg.book == _FUNDING), zero)
    paid_off = sum((_credited(leg) for leg in legs if leg.book == _DEBT), zero)
    if money.minor > 0:
        return max(min(money - max(sold, zero), funded + max(paid_off, zero)), zero)
    # Nothing where no money moved: what a purchase takes from the wallet has its invoice.
    return min(max(money, funded), zero)


def _credited(leg: Leg) -> Money:
    return leg.amount if leg.side is Side.CREDIT else -leg.amount


def _gross(line: DocumentLines) -> int:
    return (line.net + line.tax).minor


def _turned(line: DocumentLines) -> DocumentLines:
    return DocumentLines(country=line.country, taxed=line.taxed, net=-line.net, tax=-line.tax)


def _player(inner: Iterable[Leg]) -> UUID | None:
    owners = {leg.owner for leg in inner if leg.book == _WALLET}
    owner = owners.pop() if len(owners) == 1 else ""
    return UUID(owner) if _ID.fullmatch(owner) else None


def _units(inner: Iterable[Leg]) -> Money:
    moved = sum((_credited(leg) for leg in inner if leg.book == _WALLET), Money.zero(INNER))
    return moved if moved.minor >= 0 else -moved


def with_rate(line: DocumentLines, *, kind: DocumentKind, country: str, rates_bps: Sequence[int]) -> TaxLine:
    """The line with the rate that makes this tax of this whole.

    ``rates_bps`` are those that were in force in the country, the latest first; ``country`` is the buyer's, for a line
    without tax. A part that goes back is cut from a sale, and its last minor units fall as those of the sale do. Raises
    UnableToIssueDocument.
    """
    if not line.taxed:
        return TaxLine(country="", rate_bps=None, net=line.net, tax=line.tax)
    where = line.country or country
    tolerated = _CUT_MINOR_MAX if kind is DocumentKind.CREDIT_NOTE else 0
    candidates = list(dict.fromkeys([*rates_bps, *(() if line.tax else (0,))]))
    differences = {rate_bps: _difference(line, rate_bps) for rate_bps in candidates}
    best = min(candidates, key=lambda rate_bps: differences[rate_bps], default=None)
    if best is None or differences[best] > tolerated:
        raise UnableToIssueDocument(
            "tax_rate_unexplained", country=where, net=line.net.major, tax=line.tax.major
        )
    return TaxLine(country=where, rate_bps=best, net=line.net, tax=line.tax)


_CUT_MINOR_MAX = 2


def _difference(line: DocumentLines, rate_bps: int) -> int:
    exact = rules.tax_within(gross=line.net + line.tax, country="", rate_bps=rate_bps)
    return abs((exact.tax - line.tax).minor)


def rates_in_force(rates: Sequence[tuple[datetime, int]], *, at: datetime) -> list[int]:
    """Of a country's rates, the earliest first: those of up to a moment, the latest first."""
    return [rate_bps for valid_from, rate_bps in reversed(rates) if valid_from <= at]
