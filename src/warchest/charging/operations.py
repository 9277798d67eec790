"""Writes of charging: wallets open, lots come in, spends take. All run in a journey's transaction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.charging import locked, queries, rules
from warchest.charging.contract import (
    Lot,
    LotTerms,
    Slice,
    Source,
    Spend,
    UnableToSpend,
    WalletState,
)
from warchest.charging.locked import LockedWallet, Taking, Use
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import Wallet as WalletRow
from warchest.charging.rules import Cut
from warchest.kernel.money import Money


def open_wallet(*, player: UUID, at: datetime) -> None:
    WalletRow.objects.bulk_create([WalletRow(player_id=player, opened_at=at)], ignore_conflicts=True)


def fund(
    *,
    lot_id: UUID,
    player: UUID,
    units: Money,
    consideration: Money,
    source: Source,
    reference: str,
    terms: LotTerms,
    at: datetime,
) -> Lot:
    # A foreign key is looked at only at the commit, when the balance is locked already: too late to wait for a wallet.
    if not locked.lock_only([player]):
        raise UnableToSpend("wallet_unknown")
    row = LotRow.objects.create(
        id=lot_id,
        wallet_id=player,
        source=source,
        reference=reference,
        issued_minor=units.minor,
        units_left_minor=units.minor,
        consideration_minor=consideration.minor,
        consideration_left_minor=consideration.minor,
        currency=consideration.currency.code,
        refundable=terms.refundable,
        transferable=terms.transferable,
        payable_out=terms.payable_out,
        expires_at=terms.expires_at,
        opened_at=at,
        origin_id=lot_id,
    )
    return queries.as_lot(row)


def consume(*, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
    (outcome,) = consume_set(spends=[Spend(player=player, units=units, reference=reference)], at=at)
    if isinstance(outcome, UnableToSpend):
        raise outcome
    return outcome


def consume_set(*, spends: Sequence[Spend], at: datetime) -> tuple[tuple[Slice, ...] | UnableToSpend, ...]:
    wallets = locked.lock((spend.player for spend in spends), at=at)
    outcomes: list[tuple[Slice, ...] | UnableToSpend] = []
    takings: list[Taking] = []
    to_come = Counter([spend.player for spend in spends])
    for spend in spends:
        to_come[spend.player] -= 1
        try:
            wallet = open_wallet_of(wallets, spend.player)
            cuts = cut_from(wallet, units=spend.units)
        except UnableToSpend as refusal:
            outcomes.append(refusal)
            continue
        if to_come[spend.player]:
            # The wallet occurs again: what this spend leaves is what the next one sees.
            wallet.lots = rules.after(wallet.lots, cuts)
        takings += locked.takings_of(cuts, reference=spend.reference)
        outcomes.append(locked.as_slices(cuts))
    locked.take(takings, use=Use.SPEND, at=at)
    return tuple(outcomes)


def open_wallet_of(wallets: dict[UUID, LockedWallet], player: UUID) -> LockedWallet:
    """The player's wallet, if it may be spent from. Raises UnableToSpend."""
    wallet = wallets.get(player)
    if wallet is None:
        raise UnableToSpend("wallet_unknown")
    if wallet.state is WalletState.FROZEN:
        raise UnableToSpend("wallet_frozen")
    return wallet


def cut_from(wallet: LockedWallet, *, units: Money) -> list[Cut]:
    """What a spend of ``units`` would take now. Raises UnableToSpend."""
    if units.minor <= 0:
        raise UnableToSpend("amount_not_positive")
    cuts = rules.cut(wallet.lots, units_minor=units.minor)
    if cuts is None:
        raise UnableToSpend("insufficient_funds", missing_minor=units.minor - wallet.free_minor)
    return cuts
