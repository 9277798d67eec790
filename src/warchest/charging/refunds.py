"""Units that leave with the money that brought them: set apart while the provider decides, taken or put back afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from warchest.charging import holds, locked, returns, rules
from warchest.charging.contract import (
    REFUND_PURPOSE,
    WALLET_BOOK,
    Bonus,
    LotTrace,
    SetApart,
    Source,
    SpentPart,
    UnableToTakeBack,
)
from warchest.charging.locked import Use
from warchest.charging.models import Lot as LotRow
from warchest.charging.models import LotSlice as SliceRow
from warchest.charging.models import Reservation as ReservationRow
from warchest.charging.rules import Cut, Left
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, Ledger, UnableToHold
from warchest.runtime.services import services

WITHOUT_END = datetime(9999, 12, 31, tzinfo=UTC)
"""Such a hold ends with its refund. Let go by time, its units could be spent while their money goes back."""

# A spend's parts of one lot and of those made of it, less what was given back of them, and the whole of the spend.
_SPENT = """
    SELECT slice.id, slice.reference, (slice.units_minor - coalesce(back.units, 0))::bigint,
           (slice.consideration_minor - coalesce(back.consideration, 0))::bigint, whole.units::bigint, slice.occurred_at
      FROM charging_lot AS lot
      JOIN charging_lotslice AS slice ON slice.lot_id = lot.id AND slice.use = 'spend'
      LEFT JOIN LATERAL (SELECT sum(made.issued_minor) AS units, sum(made.consideration_minor) AS consideration
                           FROM charging_lot AS made WHERE made.from_slice_id = slice.id) AS back ON true
      JOIN LATERAL (SELECT sum(other.units_minor) AS units FROM charging_lotslice AS other
                     WHERE other.reference = slice.reference AND other.use = 'spend') AS whole ON true
     WHERE lot.origin_id = %(lot)s AND lot.wallet_id = %(player)s AND slice.units_minor > coalesce(back.units, 0)
     ORDER BY slice.occurred_at DESC, slice.id DESC"""


def trace_lot(*, lot: UUID, lock: bool = False) -> LotTrace:
    first = LotRow.objects.filter(id=lot).first()
    if first is None:
        raise UnableToTakeBack("units_gone")
    if lock:
        locked.lock_only([first.wallet_id])
    unit = currency(first.currency)
    free = _free(lot=lot, player=first.wallet_id)
    with services.database("charging").cursor() as cursor:
        cursor.execute(_SPENT, {"lot": lot, "player": first.wallet_id})
        spent = tuple(
            SpentPart(slice_id, reference, Money.units(units), Money(paid, unit), Money.units(whole), at)
            for slice_id, reference, units, paid, whole, at in cursor.fetchall()
        )
    return LotTrace(
        lot=lot,
        player=first.wallet_id,
        issued=Money.units(first.issued_minor),
        free=Money.units(sum(row.units_left_minor - row.reserved_minor for row in free)),
        free_consideration=Money(sum(_free_consideration(row) for row in free), unit),
        spent=spent,
    )


def lots_by_reference(*, reference: str) -> tuple[UUID, ...]:
    return tuple(LotRow.objects.filter(reference=reference).order_by("id").values_list("id", flat=True))


def set_apart_for_refund(
    *, refund_id: UUID, player: UUID, lot: UUID, consideration: Money, bonuses: Sequence[Bonus], at: datetime
) -> SetApart:
    locked.lock_only([player])
    cuts = _paid_cuts(_free(lot=lot, player=player), consideration.minor)
    for bonus in bonuses:
        cuts += _bonus_cuts(_free(lot=bonus.lot, player=player), bonus.units.minor)
    units = Money.units(sum(cut.units_minor for cut in cuts))
    if units:
        takings = locked.takings_of(cuts, reference=_key(refund_id))
        locked.take(takings, use=Use.TRANSFER, at=at)
        lots = returns.lots_of(takings, wallet=player, reference=_key(refund_id))
        try:
            services.get(Ledger).hold(
                hold_id=refund_id,
                account=AccountRef(WALLET_BOOK, units.currency.code, str(player)),
                amount=units,
                reason=REFUND_PURPOSE,
                expires_at=WITHOUT_END,
            )
        except UnableToHold:
            raise UnableToTakeBack("units_gone") from None
        holds.reserve(refund_id, [(part.id, part.issued.minor) for part in lots])
    return SetApart(units, Money(sum(cut.consideration_minor for cut in cuts), consideration.currency))


def take_refunded(*, refund_id: UUID, player: UUID, reference: str, at: datetime) -> None:
    locked.lock_only([player])
    kept = [lot_id for lot_id, _ in _reserved(refund_id)]
    if not kept:
        return
    services.get(Ledger).release_for_capture(hold_id=refund_id, amount=None, at=at)
    holds.free([refund_id])
    whole = [_whole(row) for row in LotRow.objects.filter(id__in=kept).order_by("id")]
    locked.take(locked.takings_of(whole, reference=reference), use=Use.REFUND, at=at)


def put_back_refunded(*, refund_id: UUID, player: UUID) -> None:
    locked.lock_only([player])
    if _reserved(refund_id):
        services.get(Ledger).void(hold_id=refund_id)
        holds.free([refund_id])


def take_back_spent(*, slice_id: UUID, consideration: Money, reference: str, at: datetime) -> None:
    row = SliceRow.objects.select_related("lot").get(id=slice_id, use=Use.SPEND)
    locked.lock_only([row.lot.wallet_id])
    (left,) = returns.unreturned([row], LotRow.objects.filter(from_slice=slice_id))
    units_minor = rules.units_for(
        consideration.minor, units_minor=left.units_minor, consideration_minor=left.consideration_minor
    )
    if not units_minor:
        raise UnableToTakeBack("units_gone")
    made = returns.cut_off(
        row.lot,
        slice_id=slice_id,
        wallet=row.lot.wallet_id,
        reference=reference,
        units_minor=units_minor,
        consideration_minor=consideration.minor,
        expires_at=row.lot.expires_at,
    )
    made.save(force_insert=True)
    locked.take(locked.takings_of([_whole(made)], reference=reference), use=Use.REFUND, at=at)


def _paid_cuts(rows: Sequence[LotRow], consideration_minor: int) -> list[Cut]:
    """What so much has paid for, of the lots that were made last first."""
    cuts = []
    for row in reversed(rows):
        free, paid = row.units_left_minor - row.reserved_minor, _free_consideration(row)
        taken = min(paid, consideration_minor)
        units = rules.units_for(taken, units_minor=free, consideration_minor=paid)
        if units:
            cuts.append(Cut(_left(row, free), units, taken))
            consideration_minor -= taken
    return cuts


def _bonus_cuts(rows: Sequence[LotRow], units_minor: int) -> list[Cut]:
    cuts = []
    for row in reversed(rows):
        free = row.units_left_minor - row.reserved_minor
        if units := min(units_minor, free):
            paid = _free_consideration(row) if units == free else 0
            cuts.append(Cut(_left(row, free), units, paid))
            units_minor -= units
    return cuts


def _free(*, lot: UUID, player: UUID) -> list[LotRow]:
    """The lots of the wallet that came of this one and have units that no hold keeps, those past their term too."""
    rows = LotRow.objects.filter(origin_id=lot, wallet_id=player, is_open=True).order_by("id")
    return [row for row in rows if row.units_left_minor > row.reserved_minor]


def _free_consideration(row: LotRow) -> int:
    """What of a lot's consideration may go with its free units: all but the exact share of what holds keep of it."""
    kept = row.consideration_left_minor * row.reserved_minor
    return row.consideration_left_minor - -(-kept // row.units_left_minor)


def _reserved(refund_id: UUID) -> list[tuple[UUID, int]]:
    return list(ReservationRow.objects.filter(hold_id=refund_id).values_list("lot_id", "units_minor"))


def _whole(row: LotRow) -> Cut:
    return Cut(_left(row, row.units_left_minor), row.units_left_minor, row.consideration_left_minor)


def _left(row: LotRow, free_minor: int) -> Left:
    return Left(
        lot_id=row.id,
        source=Source(row.source),
        units_minor=row.units_left_minor,
        reserved_minor=row.reserved_minor,
        free_minor=free_minor,
        consideration_minor=row.consideration_left_minor,
        currency=row.currency,
        transferable=row.transferable,
        expires_at=row.expires_at,
        opened_at=row.opened_at,
    )


def _key(refund_id: UUID) -> str:
    return f"refund:{refund_id}"
