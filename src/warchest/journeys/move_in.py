"""SMG-16: an older system moves in. Begun at a moment of cut-over, taken in sets, finished when the sums agree."""

from __future__ import annotations

from datetime import datetime

from warchest.accounting.contract import Accounting, MoveIn
from warchest.journeys.steps.moving_in import SetTaken
from warchest.runtime.journey import journey
from warchest.runtime.transactions import Transaction

__all__ = ["SetTaken", "begin_move_in", "finish_move_in"]


@journey("move_in.begin")
def begin_move_in(tx: Transaction, *, system: str, cutover_at: datetime) -> MoveIn:
    """Begin, or go on with what was begun with the same moment. Raises UnableToMoveIn."""
    tx.about("move_in", system, cutover_at=cutover_at)
    return tx.get(Accounting).begin_move_in(system=system, cutover_at=cutover_at, at=tx.command.at)


@journey("move_in.finish")
def finish_move_in(
    tx: Transaction, *, system: str, proof: str, figures: tuple[tuple[str, str], ...]
) -> MoveIn:
    """Nothing is taken over from this system any more.

    Who found that the sums agree, which they are, and the SHA-256 of the proof stand in the record. Raises UnableToMoveIn.
    """
    tx.about("move_in", system, proof=proof, figures=dict(figures))
    return tx.get(Accounting).finish_move_in(system=system, at=tx.command.at)
