"""What the journeys of moving in have in common: each row is taken once, under the id that it had in the older system.

A set of rows is one transaction, and whoever takes a set locks the take-over first, so two runs at once take turns. What
was taken before is passed over; where it was another row then, that is answered, by its place in the set, and nothing is
changed. So a run may be killed anywhere and begun again.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from warchest.accounting.contract import Accounting, MoveIn, TakenKind, TakenRow, UnableToMoveIn
from warchest.members.contract import Members, UnableToFindPlayer
from warchest.runtime import wire
from warchest.runtime.secrets import secret
from warchest.runtime.transactions import Transaction

_PURPOSE = "moving-in"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SetTaken:
    """How many rows of a set were taken now, and how many before. ``differing`` are the places, from 0, of rows that were
    taken before as something else."""

    taken: int
    before: int
    differing: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NewRows(Generic[R]):
    """The rows of a set that nobody has taken yet, with what is kept of each, and how the set ends if these are taken."""

    move_in: MoveIn
    rows: tuple[R, ...]
    ids: tuple[str, ...]
    prints: tuple[str, ...]
    answer: SetTaken


def row_fingerprint(row: object) -> str:
    """Whether two rows say the same, in hexadecimal.

    Keyed, since a player's has a name and an address in it: from the database alone nobody can try guesses against it.
    """
    return hmac.digest(secret(_PURPOSE), wire.encode(row), "sha256").hex()


def player_digest(external_id: str) -> str:
    """How a player's id in the older system is kept outside of members: it might be an address."""
    return hmac.digest(secret(_PURPOSE), f"player {external_id}".encode(), "sha256").hex()


def new_rows(
    tx: Transaction, *, system: str, kind: TakenKind, ids: Sequence[str], rows: Sequence[R]
) -> NewRows[R]:
    """Lock the take-over, and see what of the set is new. Raises UnableToMoveIn."""
    move_in = tx.get(Accounting).lock_move_in(system=system)
    before = tx.get(Accounting).taken(system=system, kind=kind, external_ids=ids)
    new: list[int] = []
    differing: list[int] = []
    prints = [row_fingerprint(row) for row in rows]
    for place, external_id in enumerate(ids):
        if external_id not in before:
            new.append(place)
        elif before[external_id].fingerprint != prints[place]:
            differing.append(place)
    if new and move_in.finished_at is not None:
        raise UnableToMoveIn("move_in_finished")
    answer = SetTaken(taken=len(new), before=len(rows) - len(new), differing=tuple(differing))
    tx.about("move_in", system, rows=kind, taken=answer.taken, before=answer.before, differing=len(differing))
    return NewRows(
        move_in=move_in,
        rows=tuple(rows[place] for place in new),
        ids=tuple(ids[place] for place in new),
        prints=tuple(prints[place] for place in new),
        answer=answer,
    )


def keep_rows(tx: Transaction, new: NewRows[R], *, kind: TakenKind, here: Sequence[UUID]) -> None:
    """Keep what was made of each new row, so that it is never taken again."""
    tx.get(Accounting).keep_taken(
        system=new.move_in.system,
        rows=[
            TakenRow(kind=kind, external_id=external_id, here=made, fingerprint=mark)
            for external_id, made, mark in zip(new.ids, here, new.prints, strict=True)
        ],
    )


def players_of(tx: Transaction, external_ids: Sequence[str]) -> Mapping[str, UUID]:
    """The players who are called so. Raises UnableToFindPlayer where one of them is not here."""
    wanted = set(external_ids)
    found = tx.get(Members).by_external_ids(external_ids=sorted(wanted))
    if len(found) < len(wanted):
        raise UnableToFindPlayer("player_unknown")
    return found
