"""The tax in what was paid for the units of a spend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from warchest.accounting.contract import Accounting, Taxed
from warchest.charging.contract import Slice
from warchest.kernel.money import Money


def taxed_by_currency(
    accounting: Accounting, slices: Sequence[Slice], *, country: str, at: datetime
) -> tuple[Taxed, ...]:
    """The consideration of the lots that a spend used, per real currency, cut into net and tax.

    Empty when all lots were promotional: nothing was paid, so nothing is taxed.
    """
    sums: dict[str, Money] = {}
    for part in slices:
        paid = part.consideration
        code = paid.currency.code
        sums[code] = sums[code] + paid if code in sums else paid
    return tuple(
        accounting.tax_within(gross=gross, country=country, at=at) for gross in sums.values() if gross
    )
