"""What one currency was worth in another on a day is put into the books' data."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from warchest.accounting.contract import Accounting, CurrencyRate
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@journey("currency_rates.set")
def set_currency_rate(
    tx: Transaction, *, base: str, quote: str, quote_per_base: Decimal, rate_date: date, source: str
) -> CurrencyRate:
    """``source`` says who tells so: a central bank, a bank's statement.

    Raises UnableToAdminister, UnableToSetRate, UnableToFindCurrency.
    """
    tx.about("currency_rate", f"{base}-{quote}", rate=str(quote_per_base), day=rate_date, source=source)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "rate.set")
    return tx.get(Accounting).set_currency_rate(
        base=base,
        quote=quote,
        quote_per_base=quote_per_base,
        rate_date=rate_date,
        source=source,
        at=tx.command.at,
    )
