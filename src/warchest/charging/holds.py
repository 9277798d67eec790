"""Holds on wallets: the ledger sets an amount aside, and reservations say which units of which lots these are.

Both happen in one transaction, after the wallet is locked: so at any moment, and wherever a process is killed, the open
holds of a wallet equal what is reserved in its lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from warchest.charging import locked, rules
from warchest.charging.contract import WALLET_BOOK, CapturedHold, UnableToSpend
from warchest.charging.locked import Use
from warchest.charging.models import Transfer as TransferRow
from warchest.charging.operations import cut_from, open_wallet_of
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Hold, HoldState, Ledger, UnableToHold
from warchest.runtime.services import services

# Repeated for the same hold, it reserves nothing twice.
_RESERVE = """
    INSERT INTO charging_reservation (hold_id, lot_id, units_minor)
    SELECT %(hold)s, part.lot_id, part.units FROM unnest(%(lots)s, %(units)s::bigint[]) AS part(lot_id, units)
     WHERE NOT EXISTS (SELECT FROM charging_reservation WHERE hold_id = %(hold)s)"""
_RESERVED_OF = """
    SELECT DISTINCT lot.wallet_id FROM charging_reservation AS part JOIN charging_lot AS lot ON lot.id = part.lot_id
     WHERE part.hold_id = ANY(%s)"""
_FREE = "DELETE FROM charging_reservation WHERE hold_id = ANY(%s) RETURNING lot_id, units_minor"


def hold(
    *, hold_id: UUID, player: UUID, units: Money, purpose: str, at: datetime, expires_at: datetime
) -> Hold:
    wallet = open_wallet_of(locked.lock([player], at=at), player)
    cuts = cut_from(wallet, units=units)
    try:
        held = services.get(Ledger).hold(
            hold_id=hold_id,
            account=AccountRef(WALLET_BOOK, units.currency.code, str(player)),
            amount=units,
            reason=purpose,
            expires_at=expires_at,
        )
    except UnableToHold as refusal:
        raise UnableToSpend(refusal.reason) from None
    if held.state is HoldState.OPEN:
        reserve(hold_id, [(cut.lot.lot_id, cut.units_minor) for cut in cuts])
    return held


def reserve(hold_id: UUID, parts: Sequence[tuple[UUID, int]]) -> None:
    """Keep so many minor units of each of these lots, of a locked wallet, for a hold."""
    with services.database("charging").cursor() as cursor:
        cursor.execute(
            _RESERVE,
            {
                "hold": hold_id,
                "lots": [lot_id for lot_id, _ in parts],
                "units": [units_minor for _, units_minor in parts],
            },
        )


def capture(
    *, hold_id: UUID, player: UUID, units: Money | None, reference: str, at: datetime
) -> CapturedHold:
    _refuse_transfers(hold_id)
    wallet = open_wallet_of(locked.lock([player], at=at), player)
    closed = services.get(Ledger).release_for_capture(hold_id=hold_id, amount=units, at=at)
    # What a hold has reserved may be taken, whatever became of the lot's term since.
    reserved = dict(free([hold_id]))
    kept = [replace(lot, free_minor=reserved[lot.lot_id]) for lot in wallet.lots if lot.lot_id in reserved]
    cuts = rules.cut(kept, units_minor=closed.captured.minor)
    assert cuts is not None, f"hold {hold_id} has reserved less than it holds"
    locked.take(locked.takings_of(cuts, reference=reference), use=Use.SPEND, at=at)
    return CapturedHold(hold=closed, slices=locked.as_slices(cuts))


def void(*, hold_id: UUID, player: UUID) -> Hold:
    _refuse_transfers(hold_id)
    if not locked.lock_only([player]):
        raise UnableToSpend("wallet_unknown")
    closed = services.get(Ledger).void(hold_id=hold_id)
    free([hold_id])
    return closed


def lapse(*, hold_ids: Sequence[UUID], at: datetime) -> tuple[UUID, ...]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(_RESERVED_OF, [list(hold_ids)])
        owners = [owner for (owner,) in cursor.fetchall()]
    # The wallets first, as by everything that changes what is reserved; who is at work with one is waited for.
    locked.lock_only(owners)
    lapsed = services.get(Ledger).lapse(hold_ids=hold_ids, at=at)
    free(lapsed)
    return lapsed


def _refuse_transfers(hold_id: UUID) -> None:
    """The hold of a transfer is closed by what the other cluster says, and by nobody else."""
    if TransferRow.objects.filter(id=hold_id).exists():
        raise UnableToHold("hold_unknown")


def free(hold_ids: Sequence[UUID]) -> list[tuple[UUID, int]]:
    """Let go what these holds had reserved; answers of which lot how many minor units."""
    with services.database("charging").cursor() as cursor:
        cursor.execute(_FREE, [list(hold_ids)])
        return cursor.fetchall()
