"""Wallets under lock: what can be taken from them, and the taking. Each is one round trip for any number of wallets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from warchest.charging import rules
from warchest.charging.contract import Slice, Source, WalletState
from warchest.charging.rules import Cut, Left
from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime import statements
from warchest.runtime.services import services
from warchest.runtime.statements import column

_LOCK = """
    SELECT player, state, lot, source, units, reserved, consideration, currency, transferable, expires_at::text,
           opened_at::text
      FROM charging_lock(%s)"""
_LOCK_ONLY = """
    SELECT player_id FROM charging_wallet WHERE player_id = ANY(%s) ORDER BY player_id FOR NO KEY UPDATE"""
_TAKE = "SELECT charging_take(%s, %s, %s, %s, %s, %s, %s)"


class Use(StrEnum):
    """What a slice was taken for."""

    SPEND = "spend"
    TRANSFER = "transfer"
    EXPIRY = "expiry"
    LEAVE = "leave"
    """Into another cluster."""
    REFUND = "refund"
    """Out of the house, with the money that was paid."""


@dataclass(slots=True)
class LockedWallet:
    """A wallet that nobody else changes until the transaction ends. ``lots`` are those with units left, in any order."""

    state: WalletState
    lots: list[Left]

    @property
    def free_minor(self) -> int:
        return sum(lot.free_minor for lot in self.lots)


@dataclass(frozen=True, slots=True)
class Taking:
    """A cut that is to be taken, under the id of its slice."""

    slice_id: UUID
    reference: str
    cut: Cut


def lock(players: Iterable[UUID], *, at: datetime) -> dict[UUID, LockedWallet]:
    """Lock the wallets of players, in the order of their ids; who has none is missing in the answer."""
    rows = statements.rows("charging", _LOCK, [column(list(set(players)))])
    wallets: dict[UUID, LockedWallet] = {}
    for player, state, lot, source, units, reserved, paid, unit, transferable, expires_at, opened_at in rows:
        wallet = wallets.get(player)
        if wallet is None:
            wallet = wallets[player] = LockedWallet(WalletState(state), [])
        if lot is not None:
            # As text, since the driver takes ten times as long for a moment.
            ends_at = datetime.fromisoformat(expires_at) if expires_at else None
            free = rules.free_units(units_minor=units, reserved_minor=reserved, expires_at=ends_at, at=at)
            wallet.lots.append(
                Left(
                    lot,
                    Source(source),
                    units,
                    reserved,
                    free,
                    paid,
                    unit,
                    transferable,
                    ends_at,
                    datetime.fromisoformat(opened_at),
                )
            )
    return wallets


def lock_only(players: Iterable[UUID]) -> set[UUID]:
    """As ``lock``, without looking at what is in the wallets: answers whose wallets there are."""
    with services.database("charging").cursor() as cursor:
        cursor.execute(_LOCK_ONLY, [list(set(players))])
        return {player for (player,) in cursor.fetchall()}


def take(takings: Sequence[Taking], *, use: Use, at: datetime) -> None:
    """Take slices from lots of locked wallets."""
    if not takings:
        return
    statements.rows(
        "charging",
        _TAKE,
        [
            use,
            at,
            column([taking.slice_id for taking in takings]),
            column([taking.cut.lot.lot_id for taking in takings]),
            column([taking.reference for taking in takings]),
            column([taking.cut.units_minor for taking in takings]),
            column([taking.cut.consideration_minor for taking in takings]),
        ],
    )


def takings_of(cuts: Iterable[Cut], *, reference: str) -> list[Taking]:
    # Ids grow within a process, so that a spend's slices stand in their order of use.
    return [Taking(new_id(), reference, cut) for cut in cuts]


def as_slices(cuts: Iterable[Cut]) -> tuple[Slice, ...]:
    return tuple(
        Slice(
            lot_id=cut.lot.lot_id,
            source=cut.lot.source,
            units=Money.units(cut.units_minor),
            consideration=Money(cut.consideration_minor, currency(cut.lot.currency)),
        )
        for cut in cuts
    )
