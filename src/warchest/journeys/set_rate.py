"""An exchange rate for units takes effect from a moment on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from warchest.accounting.contract import Accounting, Rate
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("rates.set")
def set_rate(
    tx: Transaction, *, currency: str, units_per_major: Decimal, valid_from: datetime | None = None
) -> Rate:
    """Units for one major unit of ``currency`` from ``valid_from`` on (None: at once).

    Raises UnableToAdminister, UnableToSetRate, UnableToFindCurrency.
    """
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "rate.set")
    accounting = tx.get(Accounting)
    before = {rate.currency: str(rate.units_per_major) for rate in accounting.rates(at=tx.command.at)}
    rate = accounting.set_rate(
        currency=currency,
        units_per_major=units_per_major,
        valid_from=valid_from or tx.command.at,
        at=tx.command.at,
    )
    tx.about(
        "rate",
        currency,
        before=before.get(currency, ""),
        after=str(units_per_major),
        valid_from=rate.valid_from,
    )
    return rate
