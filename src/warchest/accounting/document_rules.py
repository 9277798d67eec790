"""Which documents an entry of the journal asks for, and what stands in them. Pure.

The legs say it, and no kind of entry has to be known: money that came in for units asks for a receipt, a sale for a tax
invoice, and either of them going back for a credit note (VAT Directive, articles 219 and 220; 30b for what units are: a
voucher for several purposes is taxed when it is used).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from warchest.accounting import rules
from warchest.accounting.contract import (
    DocumentKind,
    DocumentLines,
    DueDocument,
    Taxed,
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
    taxes: dict[str, Money] = {}
    for leg in legs:
        if leg.book == _TAX:
            taxes[leg.owner] = taxes.get(leg.owner, zero) + _credited(leg)
    net = sum((_credited(leg) for leg in legs if leg.book in _SALES), zero)
    lines = []
    if net or any(taxes.values()):
        # One place of taxation an entry, as the buyer is in one; of several, the net goes by the tax.
        countries = sorted(country for country, tax in taxes.items() if tax) or [""]
        nets = net.split([abs(taxes[country].minor) if country else 1 for country in countries])
        lines += [
            DocumentLines(country=country, taxed=True, net=part, tax=taxes.get(country, zero))
            for country, part in zip(countries, nets, strict=True)
        ]
    prepaid = _prepaid(legs, zero, sold=sum((line.net + line.tax for line in lines), zero))
    if prepaid:
        lines.append(DocumentLines(country="", taxed=False, net=prepaid, tax=zero))
    return lines


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


def with_rate(
    line: DocumentLines, *, country: str, rates_bps: Sequence[int], known: Sequence[TaxLine] = ()
) -> TaxLine:
    """The line with the rate that makes this tax of this whole.

    ``rates_bps`` are those that were in force in the country, the latest first; ``country`` is the buyer's, for a line
    without tax. ``known`` are the lines of the document that this one corrects: a part of them may be rounded otherwise.
    Raises UnableToIssueDocument.
    """
    if not line.taxed:
        return TaxLine(country="", rate_bps=None, net=line.net, tax=line.tax)
    where = line.country or country
    for before in known:
        if before.country == where and before.rate_bps is not None and _is_near(line, before.rate_bps):
            return TaxLine(country=where, rate_bps=before.rate_bps, net=line.net, tax=line.tax)
    for rate_bps in (*rates_bps, *(() if line.tax else (0,))):
        exact: Taxed = rules.tax_within(gross=line.net + line.tax, country=where, rate_bps=rate_bps)
        if (exact.net, exact.tax) == (line.net, line.tax):
            return TaxLine(country=where, rate_bps=rate_bps, net=line.net, tax=line.tax)
    for rate_bps in rates_bps:
        # A part that goes back is cut from the whole, and its last minor unit falls as that of the whole does.
        if _is_near(line, rate_bps):
            return TaxLine(country=where, rate_bps=rate_bps, net=line.net, tax=line.tax)
    raise UnableToIssueDocument("tax_rate_unexplained", country=where, net=line.net.major, tax=line.tax.major)


def _is_near(line: DocumentLines, rate_bps: int) -> bool:
    exact = rules.tax_within(gross=line.net + line.tax, country="", rate_bps=rate_bps)
    return abs((exact.tax - line.tax).minor) <= 1


def rates_in_force(rates: Sequence[tuple[datetime, int]], *, at: datetime) -> list[int]:
    """Of a country's rates, the earliest first: those of up to a moment, the latest first."""
    return [rate_bps for valid_from, rate_bps in reversed(rates) if valid_from <= at]
