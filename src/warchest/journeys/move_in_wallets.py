"""SMG-16: wallets of an older system move in, lot by lot, with what was paid for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting, MoveIn, TakenKind
from warchest.charging.contract import Charging, LotDraft, LotTerms, Source
from warchest.journeys.steps.moving_in import SetTaken, keep_rows, new_rows, players_of
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Refused, UnableToPost
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class LotRow:
    """``id`` and ``player`` are those of the older system. ``first_issued_at`` is when the units came into it."""

    id: str
    player: str
    units: Money
    consideration: Money
    source: Source
    terms: LotTerms
    first_issued_at: datetime


@journey("move_in.wallets")
def move_in_wallets(tx: Transaction, *, system: str, rows: tuple[LotRow, ...]) -> SetTaken:
    """Take over lots of players who are here, each with its entry at the moment of the cut-over.

    Raises UnableToMoveIn, UnableToFindPlayer, UnableToSpend, UnableToPost.
    """
    new = new_rows(tx, system=system, kind=TakenKind.LOT, ids=[row.id for row in rows], rows=rows)
    if not new.rows:
        return new.answer
    players = players_of(tx, [row.player for row in new.rows])
    lots = [_lot(row, players[row.player], new.move_in) for row in new.rows]
    tx.get(Charging).fund_set(lots=lots)
    entries = [_entry(tx.get(Accounting), lot, new.move_in) for lot in lots]
    for entry, outcome in zip(entries, tx.get(Ledger).post_set(entries=entries), strict=True):
        if isinstance(outcome, Refused):
            raise UnableToPost(outcome.reason, key=entry.key)
    keep_rows(tx, new, kind=TakenKind.LOT, here=[lot.id for lot in lots])
    return new.answer


def _lot(row: LotRow, player: UUID, move_in: MoveIn) -> LotDraft:
    return LotDraft(
        id=new_id(),
        player=player,
        units=row.units,
        consideration=row.consideration,
        source=row.source,
        # Of the older system's own id: the books themselves refuse a second one.
        reference=f"opening:{move_in.system}:lot:{row.id}",
        terms=row.terms,
        opened_at=row.first_issued_at,
    )


def _entry(accounting: Accounting, lot: LotDraft, move_in: MoveIn) -> EntryDraft:
    return EntryDraft(
        id=new_id(),
        key=lot.reference,
        kind="opening",
        occurred_at=move_in.cutover_at,
        legs=accounting.opening_wallet_legs(
            player=lot.player, units=lot.units, consideration=lot.consideration
        ),
        reference=move_in.reference,
    )
