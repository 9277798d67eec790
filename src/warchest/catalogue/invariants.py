"""Checks of the catalogue on live tables."""

from __future__ import annotations

from collections.abc import Iterable

from warchest.catalogue.models import Price as PriceRow
from warchest.kernel.currency import currency_codes
from warchest.runtime.invariants import Invariant


def _unknown_currencies() -> Iterable[str]:
    found = PriceRow.objects.order_by().values_list("currency", flat=True).distinct()
    for code in sorted(set(found) - set(currency_codes())):
        yield f"prices are kept in {code}, which is no currency"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "prices_in_known_currencies", "Every price is in a currency that there is", _unknown_currencies
    ),
)
