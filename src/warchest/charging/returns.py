"""Units that come into a wallet from lots that are there: given back after a spend, or moved from another wallet.

What a lot began with never grows again, so each part opens a lot of its own, which keeps the source, terms, age and origin
of the one that it was cut from. The database sees to that (``charging_keep_descent``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from warchest.charging import locked, queries, rules
from warchest.charging.contract import Lot, UnableToReturn, UnableToSpend, UnableToTransfer
from warchest.charging.locked import LockedWallet, Taking, Use
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import LotSlice as SliceRow
from warchest.charging.operations import cut_from, open_wallet_of
from warchest.charging.rules import Cut, Part, Unreturned
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money


def return_units(
    *, player: UUID, reference: str, units: Money | None, key: str, at: datetime
) -> tuple[Lot, ...]:
    if units is not None and units.minor <= 0:
        raise UnableToReturn("amount_not_positive")
    slices, given = _spent(player, reference)
    if again := [lot for lot in given if lot.reference == key]:
        if units is not None and units.minor != sum(lot.issued_minor for lot in again):
            raise UnableToReturn("return_key_reused")
        return tuple(map(queries.as_lot, again))

    left = unreturned(slices.values(), given)
    wanted = sum(part.units_minor for part in left) if units is None else units.minor
    parts = rules.give_back(left, units_minor=wanted)
    return _give(slices, parts or [], player=player, key=key, at=at)


def return_share(
    *, player: UUID, reference: str, part: int, whole: int, key: str, at: datetime
) -> tuple[Lot, ...]:
    slices, given = _spent(player, reference)
    if again := [lot for lot in given if lot.reference == key]:
        return tuple(map(queries.as_lot, again))
    parts = [
        Part(left.slice_id, left.units_minor * part // whole, left.consideration_minor * part // whole)
        for left in unreturned(slices.values(), given)
    ]
    return _give(slices, [one for one in parts if one.units_minor], player=player, key=key, at=at)


def spend_left(*, player: UUID, reference: str) -> Money:
    slices = list(SliceRow.objects.filter(reference=reference, use=Use.SPEND, lot__wallet=player))
    left = unreturned(slices, LotRow.objects.filter(from_slice__in=[row.id for row in slices]))
    return Money.units(sum(part.units_minor for part in left))


def _spent(player: UUID, reference: str) -> tuple[dict[UUID, SliceRow], list[LotRow]]:
    """What a spend took, with the player's wallet locked, and what was given back of it."""
    locked.lock_only([player])
    slices = {
        row.id: row
        for row in SliceRow.objects.filter(reference=reference, use=Use.SPEND, lot__wallet=player)
        .select_related("lot")
        .order_by("id")
    }
    if not slices:
        raise UnableToReturn("spend_unknown")
    return slices, list(LotRow.objects.filter(from_slice__in=slices).order_by("id"))


def _give(
    slices: dict[UUID, SliceRow], parts: Sequence[Part], *, player: UUID, key: str, at: datetime
) -> tuple[Lot, ...]:
    if not parts:
        raise UnableToReturn("return_exceeds_spend")
    return _open(
        cut_off(
            slices[part.slice_id].lot,
            slice_id=part.slice_id,
            wallet=player,
            reference=key,
            units_minor=part.units_minor,
            consideration_minor=part.consideration_minor,
            expires_at=rules.term_after_return(slices[part.slice_id].lot.expires_at, at=at),
        )
        for part in parts
    )


def transfer(*, sender: UUID, recipient: UUID, units: Money, reference: str, at: datetime) -> tuple[Lot, ...]:
    if sender == recipient:
        raise UnableToTransfer("recipient_is_sender")
    cuts = cuts_to_move(
        locked.lock([sender, recipient], at=at), sender=sender, units=units, recipient=recipient
    )
    takings = locked.takings_of(cuts, reference=reference)
    locked.take(takings, use=Use.TRANSFER, at=at)
    return lots_of(takings, wallet=recipient, reference=reference)


def cuts_to_move(
    wallets: dict[UUID, LockedWallet], *, sender: UUID, units: Money, recipient: UUID | None = None
) -> list[Cut]:
    """What a transfer would take now of locked wallets. Raises UnableToTransfer."""
    enough = False
    try:
        wallet = open_wallet_of(wallets, sender)
        if recipient:
            open_wallet_of(wallets, recipient)
        enough = wallet.free_minor >= units.minor
        wallet.lots = [lot for lot in wallet.lots if lot.transferable]
        return cut_from(wallet, units=units)
    except UnableToSpend as refusal:
        if refusal.reason == "insufficient_funds" and enough:
            raise UnableToTransfer("not_transferable", **refusal.details) from None
        raise UnableToTransfer(refusal.reason, **refusal.details) from None


def lots_of(takings: Sequence[Taking], *, wallet: UUID, reference: str) -> tuple[Lot, ...]:
    """Open a lot in a wallet for each slice that was taken of transferable lots."""
    parents = LotRow.objects.in_bulk([taking.cut.lot.lot_id for taking in takings])
    return _open(
        cut_off(
            parents[taking.cut.lot.lot_id],
            slice_id=taking.slice_id,
            wallet=wallet,
            reference=reference,
            units_minor=taking.cut.units_minor,
            consideration_minor=taking.cut.consideration_minor,
            expires_at=taking.cut.lot.expires_at,
        )
        for taking in takings
    )


def unreturned(slices: Iterable[SliceRow], given: Iterable[LotRow]) -> list[Unreturned]:
    """What of the slices was not given back yet, in their order of use."""
    left = {row.id: [row.units_minor, row.consideration_minor] for row in slices}
    for lot in given:
        left[lot.from_slice_id][0] -= lot.issued_minor
        left[lot.from_slice_id][1] -= lot.consideration_minor
    return [Unreturned(slice_id, *amounts) for slice_id, amounts in left.items()]


def cut_off(
    parent: LotRow,
    *,
    slice_id: UUID,
    wallet: UUID,
    reference: str,
    units_minor: int,
    consideration_minor: int,
    expires_at: datetime | None,
) -> LotRow:
    """A lot made of a slice of another."""
    return LotRow(
        id=new_id(),
        wallet_id=wallet,
        source=parent.source,
        reference=reference,
        issued_minor=units_minor,
        units_left_minor=units_minor,
        consideration_minor=consideration_minor,
        consideration_left_minor=consideration_minor,
        currency=parent.currency,
        refundable=parent.refundable,
        transferable=parent.transferable,
        payable_out=parent.payable_out,
        expires_at=expires_at,
        opened_at=parent.opened_at,
        origin_id=parent.origin_id,
        from_slice_id=slice_id,
    )


def _open(lots: Iterable[LotRow]) -> tuple[Lot, ...]:
    return tuple(map(queries.as_lot, LotRow.objects.bulk_create(lots)))
