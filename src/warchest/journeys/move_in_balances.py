"""SMG-16: the other accounts of an older system's books are opened with their balances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from warchest.accounting.contract import Accounting, MoveIn, TakenKind
from warchest.journeys.steps.moving_in import SetTaken, keep_rows, new_rows, player_digest, players_of
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.ledger.contract import AccountRef, EntryDraft, Ledger, Refused, Side, UnableToPost
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

PLAYERS_BOOKS = frozenset({"commission_payable"})
"""Accounts of these books belong to players."""


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """``amount`` stands on ``side`` of an account; ``owner`` as the older system calls it, empty for the house's own."""

    book: str
    owner: str
    side: Side
    amount: Money

    @property
    def id(self) -> str:
        owner = player_digest(self.owner) if self.book in PLAYERS_BOOKS else self.owner
        return f"{self.book}:{owner}:{self.amount.currency}"


@journey("move_in.balances")
def move_in_balances(tx: Transaction, *, system: str, rows: tuple[BalanceRow, ...]) -> SetTaken:
    """Open accounts, each with an entry against opening balance equity at the moment of the cut-over.

    Raises UnableToMoveIn, UnableToFindPlayer, UnableToPost.
    """
    new = new_rows(tx, system=system, kind=TakenKind.BALANCE, ids=[row.id for row in rows], rows=rows)
    if not new.rows:
        return new.answer
    players = players_of(tx, [row.owner for row in new.rows if row.book in PLAYERS_BOOKS])
    entries = [_entry(tx.get(Accounting), row, _owner(row, players), new.move_in) for row in new.rows]
    for entry, outcome in zip(entries, tx.get(Ledger).post_set(entries=entries), strict=True):
        if isinstance(outcome, Refused):
            raise UnableToPost(outcome.reason, key=entry.key)
    keep_rows(tx, new, kind=TakenKind.BALANCE, here=[entry.id for entry in entries])
    return new.answer


def _owner(row: BalanceRow, players: Mapping[str, UUID]) -> str:
    return str(players[row.owner]) if row.book in PLAYERS_BOOKS else row.owner


def _entry(accounting: Accounting, row: BalanceRow, owner: str, move_in: MoveIn) -> EntryDraft:
    account = AccountRef(row.book, row.amount.currency.code, owner)
    return EntryDraft(
        id=new_id(),
        key=f"opening:{move_in.system}:{row.book}:{owner}:{row.amount.currency}",
        kind="opening",
        occurred_at=move_in.cutover_at,
        legs=accounting.opening_balance_legs(account=account, side=row.side, amount=row.amount),
        reference=move_in.reference,
    )
