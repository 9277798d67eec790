"""SMG-16: players of an older system move in: identities, places in the referral tree, empty wallets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from warchest.accounting.contract import TakenKind
from warchest.charging.contract import Charging, WalletDraft, WalletState
from warchest.journeys.steps.moving_in import SetTaken, keep_rows, new_rows, player_digest, players_of
from warchest.kernel.ids import new_id
from warchest.members.contract import Members, PlayerDraft, PlayerState
from warchest.referrals.contract import NodeDraft, Referrals
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction


@dataclass(frozen=True, slots=True)
class PlayerRow:
    """``id`` and ``sponsor`` are those of the older system; ``sponsor`` is empty where nobody invited the player."""

    id: str
    nickname: str
    email: str
    country: str
    language: str
    sponsor: str
    password_hash: str
    state: PlayerState
    joined_at: datetime


@journey("move_in.players")
def move_in_players(tx: Transaction, *, system: str, rows: tuple[PlayerRow, ...]) -> SetTaken:
    """Take over players. Whoever invited one of them is here, or comes before in the same set.

    Raises UnableToMoveIn, UnableToRegister, UnableToFindPlayer (a sponsor's).
    """
    digests = [player_digest(row.id) for row in rows]
    new = new_rows(tx, system=system, kind=TakenKind.PLAYER, ids=digests, rows=rows)
    if not new.rows:
        return new.answer
    drafts = [_draft(row) for row in new.rows]
    tx.get(Members).take_players(players=drafts)
    sponsors = players_of(tx, [row.sponsor for row in new.rows if row.sponsor])
    tx.get(Referrals).join_set(
        nodes=[
            NodeDraft(draft.id, sponsors[row.sponsor] if row.sponsor else None, row.joined_at)
            for draft, row in zip(drafts, new.rows, strict=True)
        ]
    )
    tx.get(Charging).open_wallets(wallets=[_wallet(draft) for draft in drafts])
    keep_rows(tx, new, kind=TakenKind.PLAYER, here=[draft.id for draft in drafts])
    return new.answer


def _draft(row: PlayerRow) -> PlayerDraft:
    return PlayerDraft(
        id=new_id(),
        external_id=row.id,
        nickname=row.nickname,
        email=row.email,
        country=row.country,
        language=row.language,
        password_hash=row.password_hash,
        state=row.state,
        registered_at=row.joined_at,
    )


def _wallet(draft: PlayerDraft) -> WalletDraft:
    state = WalletState.OPEN if draft.state is PlayerState.ACTIVE else WalletState.FROZEN
    return WalletDraft(player=draft.id, state=state, opened_at=draft.registered_at)
