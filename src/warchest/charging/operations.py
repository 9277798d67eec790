"""Writes of charging. All run in a journey's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.charging import queries, rules
from warchest.charging.contract import (
    WALLET_BOOK,
    Lot,
    LotTerms,
    Slice,
    Source,
    Spend,
    UnableToSpend,
    WalletState,
)
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import LotSlice as SliceRow
from warchest.charging.models import Wallet as WalletRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Hold, Ledger, UnableToHold
from warchest.runtime.services import services

_TAKE = """
    UPDATE charging_lot AS lot
       SET units_left_minor = lot.units_left_minor - cut.units,
           consideration_left_minor = lot.consideration_left_minor - cut.consideration
      FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS cut(lot_id, units, consideration)
     WHERE lot.id = cut.lot_id"""


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
    _locked(player)
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
    )
    return queries.as_lot(row)


def consume(*, player: UUID, units: Money, reference: str, at: datetime) -> tuple[Slice, ...]:
    if units.minor <= 0:
        raise UnableToSpend("amount_not_positive")
    lock(player=player)
    left = queries.units_left(player=player)
    held = queries.balance(player=player).held
    cuts = rules.cut(left, units_minor=units.minor)
    available = sum(lot.units_minor for lot in left) - held.minor
    if cuts is None or available < units.minor:
        raise UnableToSpend("insufficient_funds", missing_minor=units.minor - available)
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            _TAKE,
            [
                [cut.lot.lot_id for cut in cuts],
                [cut.units_minor for cut in cuts],
                [cut.consideration_minor for cut in cuts],
            ],
        )
    SliceRow.objects.bulk_create(
        SliceRow(
            lot_id=cut.lot.lot_id,
            reference=reference,
            units_minor=cut.units_minor,
            consideration_minor=cut.consideration_minor,
            occurred_at=at,
        )
        for cut in cuts
    )
    return tuple(
        Slice(
            lot_id=cut.lot.lot_id,
            source=cut.lot.source,
            units=Money.units(cut.units_minor),
            consideration=Money(cut.consideration_minor, currency(cut.lot.currency)),
        )
        for cut in cuts
    )


def consume_set(*, spends: Sequence[Spend], at: datetime) -> tuple[tuple[Slice, ...] | UnableToSpend, ...]:
    outcomes: list[tuple[Slice, ...] | UnableToSpend] = []
    for spend in spends:
        try:
            outcomes.append(consume(player=spend.player, units=spend.units, reference=spend.reference, at=at))
        except UnableToSpend as refusal:
            outcomes.append(refusal)
    return tuple(outcomes)


def hold(
    *, hold_id: UUID, player: UUID, units: Money, purpose: str, at: datetime, expires_at: datetime
) -> Hold:
    if units.minor <= 0:
        raise UnableToSpend("amount_not_positive")
    lock(player=player)
    if units > queries.balance(player=player).available:
        raise UnableToSpend("insufficient_funds")
    try:
        return services.get(Ledger).hold(
            hold_id=hold_id,
            account=AccountRef(WALLET_BOOK, units.currency.code, str(player)),
            amount=units,
            reason=purpose,
            expires_at=expires_at,
        )
    except UnableToHold as refusal:
        raise UnableToSpend(refusal.reason) from None


def lock(*, player: UUID) -> None:
    """One spend of a wallet at a time: the lots that the first one leaves are what the second one sees."""
    if _locked(player).state == WalletState.FROZEN:
        raise UnableToSpend("wallet_frozen")


def _locked(player: UUID) -> WalletRow:
    row = WalletRow.objects.select_for_update().filter(player_id=player).first()
    if row is None:
        raise UnableToSpend("wallet_unknown")
    return row
