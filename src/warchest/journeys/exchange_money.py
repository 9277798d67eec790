"""Money at a bank was exchanged for another currency, and the books are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID

from warchest.accounting.contract import Accounting, UnableToExchange
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, EntryDraft, Ledger
from warchest.members.contract import Members, require
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class Exchanged:
    """``rate``: what one unit of what was sold brought, exactly."""

    entry_id: UUID
    rate: str


@journey("money.exchange")
def exchange_money(
    tx: Transaction,
    *,
    source: AccountRef,
    sold: Money,
    target: AccountRef,
    bought: Money,
    day: date,
    reference: str = "",
) -> Exchanged:
    """Book what a statement shows: ``sold`` went from ``source``, ``bought`` came to ``target`` on that day (UTC).

    The rate follows from the two amounts and stands in the entry; the exchange account keeps the position open until its
    result is told. ``reference`` is the statement's. Raises UnableToAdminister, UnableToExchange, UnableToPost.
    """
    accounting = tx.get(Accounting)
    tx.about("exchange", "", sold=str(sold), bought=str(bought), day=day, reference=reference)
    require(tx.get(Members).administrator(administrator_id=UUID(tx.command.actor.id)), "money.exchange")
    legs = accounting.exchange_legs(source=source, sold=sold, target=target, bought=bought)
    rate = accounting.rate_text(sold=sold, bought=bought)
    entry_id = new_id()
    tx.get(Ledger).post(
        entry=EntryDraft(
            id=entry_id,
            key=f"exchange:{entry_id}",
            kind="exchange",
            occurred_at=_moment_on(day, tx.command.at),
            legs=legs,
            reference=reference,
            details={"sold": sold.currency.code, "bought": bought.currency.code, "rate": rate},
        )
    )
    tx.about("exchange", entry_id, rate=rate)
    return Exchanged(entry_id=entry_id, rate=rate)


def _moment_on(day: date, at: datetime) -> datetime:
    """A past day's money had moved by its end; today's has moved by now."""
    today = at.astimezone(UTC).date()
    if day > today:
        raise UnableToExchange("exchange_in_future")
    return at if day == today else datetime.combine(day, time(23, 59, 59), UTC)
