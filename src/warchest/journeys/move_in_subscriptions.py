"""SMG-16: subscriptions of an older system move in, with what is left of them to serve and to earn."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from warchest.accounting.contract import Accounting, MoveIn, TakenKind
from warchest.journeys.steps.moving_in import SetTaken, keep_rows, new_rows, players_of
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import EntryDraft, Ledger, Refused, UnableToPost
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction
from warchest.subscriptions.contract import GrantSource, MovedGrant, Place, Subscriptions


@dataclass(frozen=True, slots=True)
class TermRow:
    """``id`` and ``player`` are those of the older system; online service and plan are ours. ``deferred`` is what was paid
    for the term without tax and had not been earned at the cut-over."""

    id: str
    player: str
    online_service: UUID
    plan: UUID
    starts_at: datetime
    ends_at: datetime
    deferred: Money
    source: GrantSource


@journey("move_in.subscriptions")
def move_in_subscriptions(tx: Transaction, *, system: str, rows: tuple[TermRow, ...]) -> SetTaken:
    """Take over terms of players who are here; of one player and online service the earlier ones first.

    Raises UnableToMoveIn, UnableToFindPlayer, UnableToTakeOver, UnableToPost.
    """
    new = new_rows(tx, system=system, kind=TakenKind.SUBSCRIPTION, ids=[row.id for row in rows], rows=rows)
    if not new.rows:
        return new.answer
    players = players_of(tx, [row.player for row in new.rows])
    grants = [_grant(row, players[row.player], new.move_in) for row in new.rows]
    locked = tx.get(Subscriptions).lock_set(places=[grant.place for grant in grants])
    tx.get(Subscriptions).take_grants(grants=grants, locked=locked, at=new.move_in.cutover_at)
    entries = [_entry(tx.get(Accounting), grant, new.move_in) for grant in grants if grant.net]
    for entry, outcome in zip(entries, tx.get(Ledger).post_set(entries=entries), strict=True):
        if isinstance(outcome, Refused):
            raise UnableToPost(outcome.reason, key=entry.key)
    keep_rows(tx, new, kind=TakenKind.SUBSCRIPTION, here=[grant.id for grant in grants])
    return new.answer


def _grant(row: TermRow, player: UUID, move_in: MoveIn) -> MovedGrant:
    return MovedGrant(
        id=new_id(),
        place=Place(player, row.online_service),
        plan=row.plan,
        source=row.source,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        net=row.deferred,
        entry_id=new_id() if row.deferred else None,
        reference=f"{move_in.reference}:{row.id}",
    )


def _entry(accounting: Accounting, grant: MovedGrant, move_in: MoveIn) -> EntryDraft:
    assert grant.entry_id
    return EntryDraft(
        id=grant.entry_id,
        # As of any grant: by this key a difference between grants and the books is traced to its first entry.
        key=f"subscription:{grant.id}",
        kind="opening",
        occurred_at=move_in.cutover_at,
        legs=accounting.opening_deferred_legs(net=grant.net),
        reference=move_in.reference,
    )
