"""Transfers across clusters: units are set apart in the sender's, credited in the recipient's, then leave the sender's.

What is set apart is cut into lots of its own at once. A part of a lot that stays would not do: each later spend of that
lot rounds what was paid for it anew, and the last cent could be another than the one that the other cluster was told.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from warchest.charging import holds, locked, returns, rules, transfers
from warchest.charging.contract import (
    TRANSFER_MESSAGE_LENGTH_MAX,
    TRANSFER_PURPOSE,
    WALLET_BOOK,
    Crossing,
    Direction,
    Transfer,
    TransferPart,
    TransferState,
    UnableToFinishTransfer,
    UnableToTransfer,
    WalletState,
)
from warchest.charging.locked import Use
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import Transfer as TransferRow
from warchest.charging.rules import Cut
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger, UnableToHold
from warchest.runtime import wire
from warchest.runtime.services import services

WITHOUT_END = datetime(9999, 12, 31, tzinfo=UTC)
"""Such a hold ends with its transfer. Let go by time, its units could be spent here after they were credited there."""


def set_apart(
    *,
    transfer_id: UUID,
    cluster: str,
    sender: UUID,
    recipient: UUID,
    other_name: str,
    units: Money,
    message: str,
    at: datetime,
) -> Transfer:
    cuts = returns.cuts_to_move(locked.lock([sender], at=at), sender=sender, units=units)
    takings = locked.takings_of(cuts, reference=_key(transfer_id))
    locked.take(takings, use=Use.TRANSFER, at=at)
    lots = returns.lots_of(takings, wallet=sender, reference=_key(transfer_id))
    try:
        services.get(Ledger).hold(
            hold_id=transfer_id,
            account=AccountRef(WALLET_BOOK, units.currency.code, str(sender)),
            amount=units,
            reason=TRANSFER_PURPOSE,
            expires_at=WITHOUT_END,
        )
    except UnableToHold as refusal:
        raise UnableToTransfer(refusal.reason) from None
    holds.reserve(transfer_id, [(lot.id, lot.issued.minor) for lot in lots])
    parts = tuple(
        TransferPart(
            lot=lot.id,
            origin=lot.origin,
            source=lot.source,
            units=lot.issued,
            consideration=lot.consideration,
            terms=lot.terms,
            opened_at=lot.opened_at,
        )
        for lot in lots
    )
    row = TransferRow.objects.create(
        id=transfer_id,
        direction=Direction.OUT,
        cluster=cluster,
        sender_id=sender,
        recipient_id=recipient,
        other_name=other_name,
        units_minor=units.minor,
        message=message,
        parts=_kept(parts),
        state=TransferState.HELD,
        occurred_at=at,
        next_try_at=at,
    )
    return transfers.as_transfer(row)


def take_out(*, transfer_id: UUID, entry_id: UUID, at: datetime) -> Transfer:
    row = transfers.locked_row(transfer_id)
    if row.state == TransferState.CAPTURED:
        return transfers.as_transfer(row)
    if row.state != TransferState.HELD:
        raise UnableToFinishTransfer("transfer_finished")
    wallet = locked.lock([row.sender_id], at=at)[row.sender_id]
    services.get(Ledger).release_for_capture(hold_id=transfer_id, amount=None, at=at)
    reserved = dict(holds.free([transfer_id]))
    cuts = [
        Cut(lot, lot.units_minor, lot.consideration_minor) for lot in wallet.lots if lot.lot_id in reserved
    ]
    told = {
        part.lot: (part.units.minor, part.consideration.minor) for part in transfers.read_parts(row.parts)
    }
    assert told == {cut.lot.lot_id: (cut.units_minor, cut.consideration_minor) for cut in cuts}, (
        f"transfer {transfer_id}: what was set apart is not what the other cluster was told"
    )
    locked.take(locked.takings_of(cuts, reference=_key(transfer_id)), use=Use.LEAVE, at=at)
    return _finish(row, TransferState.CAPTURED, entry_id=entry_id, at=at)


def put_back(*, transfer_id: UUID, reason: str, at: datetime) -> Transfer:
    row = transfers.locked_row(transfer_id)
    if row.state == TransferState.VOIDED:
        return transfers.as_transfer(row)
    if row.state != TransferState.HELD:
        raise UnableToFinishTransfer("transfer_finished")
    locked.lock_only([row.sender_id])
    services.get(Ledger).void(hold_id=transfer_id)
    holds.free([transfer_id])
    return _finish(row, TransferState.VOIDED, reason=reason, at=at)


def take_in(
    *, crossing: Crossing, cluster: str, refused_because: str, entry_id: UUID, at: datetime
) -> tuple[Transfer, bool]:
    reason = refused_because or _obstacle(crossing.recipient, at=at)
    row = TransferRow(
        id=crossing.id,
        direction=Direction.IN,
        cluster=cluster,
        sender_id=crossing.sender,
        recipient_id=crossing.recipient,
        other_name=crossing.sender_name[:80],
        units_minor=crossing.units.minor,
        message=crossing.message[:TRANSFER_MESSAGE_LENGTH_MAX],
        parts=_kept(crossing.parts),
        state=TransferState.REFUSED if reason else TransferState.CREDITED,
        reason=reason,
        occurred_at=crossing.occurred_at,
        finished_at=at,
        entry_id=None if reason else entry_id,
    )
    # Whoever decides on the same transfer at this moment is waited for here; what the first one decided counts.
    TransferRow.objects.bulk_create([row], ignore_conflicts=True)
    kept = transfers.locked_row(crossing.id)
    if not _is_same(kept, crossing, cluster):
        raise UnableToFinishTransfer("transfer_id_reused")
    is_decided_now = (
        (kept.entry_id == entry_id) if kept.entry_id else (kept.finished_at == at and bool(reason))
    )
    if kept.entry_id == entry_id:
        LotRow.objects.bulk_create(_arrived(part, crossing, at=at) for part in crossing.parts)
    return transfers.as_transfer(kept), is_decided_now


def _obstacle(recipient: UUID, *, at: datetime) -> str:
    wallet = locked.lock([recipient], at=at).get(recipient)
    if wallet is None:
        return "recipient_unknown"
    return "recipient_frozen" if wallet.state is WalletState.FROZEN else ""


def _arrived(part: TransferPart, crossing: Crossing, *, at: datetime) -> LotRow:
    """A lot that comes in by this one, as far as this cluster knows; where it began stands in the transfer."""
    lot_id = new_id()
    return LotRow(
        id=lot_id,
        wallet_id=crossing.recipient,
        source=part.source,
        reference=_key(crossing.id),
        issued_minor=part.units.minor,
        units_left_minor=part.units.minor,
        consideration_minor=part.consideration.minor,
        consideration_left_minor=part.consideration.minor,
        currency=part.consideration.currency.code,
        refundable=part.terms.refundable,
        transferable=part.terms.transferable,
        payable_out=part.terms.payable_out,
        # What was on its way when its term ended was out of everybody's hands, as what is given back.
        expires_at=rules.term_after_return(part.terms.expires_at, at=at),
        opened_at=part.opened_at,
        origin_id=lot_id,
    )


def _is_same(row: TransferRow, crossing: Crossing, cluster: str) -> bool:
    return (
        row.direction == Direction.IN
        and (row.cluster, row.sender_id, row.recipient_id) == (cluster, crossing.sender, crossing.recipient)
        and transfers.read_parts(row.parts) == crossing.parts
    )


def _finish(
    row: TransferRow, state: TransferState, *, at: datetime, reason: str = "", entry_id: UUID | None = None
) -> Transfer:
    row.state, row.reason, row.entry_id = state, reason, entry_id
    row.finished_at, row.next_try_at, row.problem = at, None, ""
    row.save(update_fields=["state", "reason", "entry_id", "finished_at", "next_try_at", "problem"])
    return transfers.as_transfer(row)


def _kept(parts: tuple[TransferPart, ...]) -> object:
    return json.loads(wire.encode(parts))


def _key(transfer_id: UUID) -> str:
    return f"transfer:{transfer_id}"
