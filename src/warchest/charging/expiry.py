"""The end of a lot's term: what no hold keeps leaves the wallet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from warchest.charging import locked, rules
from warchest.charging.contract import ExpiredLot, WalletState
from warchest.charging.locked import Taking, Use
from warchest.charging.models import Lot as LotRow
from warchest.charging.rules import Cut
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime.services import services

_DUE = """
    SELECT lot.id FROM charging_lot AS lot JOIN charging_wallet AS wallet ON wallet.player_id = lot.wallet_id
     WHERE lot.is_open AND lot.expires_at <= %s AND lot.units_left_minor > lot.reserved_minor AND wallet.state = 'open'
     ORDER BY lot.expires_at, lot.id LIMIT %s"""


def expired_lots(*, at: datetime, limit: int) -> tuple[UUID, ...]:
    with services.database("charging").cursor() as cursor:
        cursor.execute(_DUE, [at, limit])
        return tuple(lot for (lot,) in cursor.fetchall())


def expire(*, lot_ids: Sequence[UUID], at: datetime) -> tuple[ExpiredLot, ...]:
    owners = dict(LotRow.objects.filter(id__in=lot_ids).values_list("id", "wallet_id"))
    wallets = locked.lock(owners.values(), at=at)
    takings: list[Taking] = []
    expired: list[ExpiredLot] = []
    for owner, wallet in sorted(wallets.items()):
        if wallet.state is WalletState.FROZEN:
            continue
        for lot in wallet.lots:
            over = lot.units_minor - lot.reserved_minor
            if lot.lot_id not in owners or lot.expires_at is None or lot.expires_at > at or not over:
                continue
            paid = rules.share(lot.consideration_minor, part=over, whole=lot.units_minor)
            reference = f"expiry:{lot.lot_id}:{lot.reserved_minor}"
            takings.append(Taking(new_id(), reference, Cut(lot, over, paid)))
            expired.append(
                ExpiredLot(
                    id=lot.lot_id,
                    player=owner,
                    reference=reference,
                    units=Money.units(over),
                    consideration=Money(paid, currency(lot.currency)),
                    left=Money.units(lot.reserved_minor),
                )
            )
    locked.take(takings, use=Use.EXPIRY, at=at)
    return tuple(expired)
