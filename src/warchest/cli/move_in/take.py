"""The take-over itself: sets of rows go through the journeys, each set one commit. Killed anywhere, it is begun again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import connections

from warchest.cli.move_in.examine import Progress
from warchest.cli.move_in.read import Read
from warchest.cli.move_in.scratch import portions
from warchest.journeys.move_in_balances import BalanceRow, move_in_balances
from warchest.journeys.move_in_players import PlayerRow, move_in_players
from warchest.journeys.move_in_subscriptions import TermRow, move_in_subscriptions
from warchest.journeys.move_in_wallets import LotRow, move_in_wallets
from warchest.journeys.steps.moving_in import SetTaken
from warchest.kernel.errors import TryAgain
from warchest.kernel.ids import new_id
from warchest.runtime.command import Command
from warchest.runtime.journey import Journey

R = TypeVar("R")
SET = 500
"""So many rows are one commit."""
_TRIES_MAX = 5
_STOCK_FIRST = 10


def take(read: Read, command: Command, progress: Progress) -> int:
    """Take over all rows that nobody has taken yet; answers how many there were."""
    system = read.control.system
    stock = _Stock()
    return (
        _table(read, "player", PlayerRow, _sets(move_in_players, system, command), stock, progress)
        + _table(read, "lot", LotRow, _sets(move_in_wallets, system, command), stock, progress)
        + _table(read, "term", TermRow, _sets(move_in_subscriptions, system, command), stock, progress)
        + _table(read, "balance", BalanceRow, _sets(move_in_balances, system, command), stock, progress)
    )


def _sets(
    journey: Journey[Any, SetTaken], system: str, command: Command
) -> Callable[[Sequence[Any]], SetTaken]:
    def take_set(rows: Sequence[Any]) -> SetTaken:
        # A key of its own: what was taken before is known for ever by the rows' own ids, and not by this one.
        once = command.under(f"move-in:{new_id()}")
        for tries in range(1, _TRIES_MAX + 1):
            try:
                return journey(once, system=system, rows=tuple(rows)).answer
            except TryAgain:
                if tries == _TRIES_MAX:
                    raise
        raise AssertionError("unreachable")

    return take_set


def _table(
    read: Read,
    table: str,
    kind: type[R],
    take_set: Callable[[Sequence[R]], SetTaken],
    stock: _Stock,
    progress: Progress,
) -> int:
    total, taken, seen = read.scratch.count_to_take(table), 0, 0
    for rows in portions(read.scratch.to_take(table, kind), SET):
        taken += take_set(rows).taken
        seen += len(rows)
        progress(f"{table}s of {total:,} taken", seen)
        stock.after_set()
    return taken


class _Stock:
    """Tells the planner how the tables have grown: plans that were made for empty ones read them whole."""

    def __init__(self) -> None:
        self._sets = 0
        self._next = _STOCK_FIRST

    def after_set(self) -> None:
        self._sets += 1
        if self._sets < self._next:
            return
        self._next *= 4
        for alias in connections:
            if alias == "owner" or alias.startswith("owner_"):
                with connections[alias].cursor() as cursor:
                    cursor.execute("ANALYZE")
                connections[alias].close()
