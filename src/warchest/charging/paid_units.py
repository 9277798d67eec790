"""Taking units that real money was paid for, in one currency."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from warchest.charging import locked, queries, rules
from warchest.charging.contract import (
    Slice,
    Source,
    UnableToSpend,
    UnableToUsePaidUnits,
    WalletState,
)
from warchest.charging.locked import Use
from warchest.charging.operations import open_wallet_of
from warchest.kernel.money import Money


def consume_paid(*, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
    if units.minor <= 0:
        raise UnableToSpend("amount_not_positive")
    wallet = open_wallet_of(locked.lock([player], at=at), player)
    if wallet.free_minor < units.minor:
        raise UnableToSpend("insufficient_funds", missing_minor=units.minor - wallet.free_minor)
    groups = rules.paid_by_currency(wallet.lots)
    for lots in groups:
        if cuts := rules.cut(lots, units_minor=units.minor):
            locked.take(locked.takings_of(cuts, reference=reference), use=Use.SPEND, at=at)
            return locked.as_slices(cuts)
    free = [sum(lot.free_minor for lot in lots) for lots in groups]
    if sum(free) >= units.minor:
        raise UnableToUsePaidUnits("units_of_several_currencies", missing_minor=units.minor - max(free))
    raise UnableToUsePaidUnits("units_not_for_cards", missing_minor=units.minor - max(free, default=0))


def paid_units(*, player: UUID, at: datetime) -> Money:
    wallet = queries.wallet(player=player, at=at)
    if wallet.state is not WalletState.OPEN:
        return Money.units(0)
    free: dict[str, int] = {}
    for lot in wallet.lots:
        is_over = lot.terms.expires_at is not None and lot.terms.expires_at <= at
        if (
            lot.source is not Source.PROMOTION
            and lot.terms.transferable
            and lot.consideration.minor > 0
            and not is_over
        ):
            code = lot.consideration.currency.code
            free[code] = free.get(code, 0) + lot.units.minor - lot.reserved.minor
    return Money.units(max(free.values(), default=0))
