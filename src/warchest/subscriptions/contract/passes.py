"""Passes: the right to take part in a tournament."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.subscriptions.contract.sources import GrantSource


class UnableToIssuePass(UnableTo):
    """No pass was given out."""

    reasons = frozenset(
        {
            "pass_held",  # the player has one for this tournament
            "tournament_full",
            "tournament_over",  # it has ended, or is not open
        }
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """A player's right to take part in a tournament, one for each player. ``ends_at`` is the tournament's end: what was paid
    for the pass is earned then.

    ``net`` is what was paid without tax, per real currency; ``reference`` names the card, the gift or the sale.
    """

    id: UUID
    player: UUID
    tournament: UUID
    online_service: UUID
    source: GrantSource
    starts_at: datetime
    ends_at: datetime
    net: tuple[Money, ...]
    entry_id: UUID | None
    reference: str
    issued_at: datetime


class Passes(Protocol):
    def issue_pass(
        self,
        *,
        pass_id: UUID,
        player: UUID,
        tournament: UUID,
        online_service: UUID,
        capacity: int,
        source: GrantSource,
        starts_at: datetime,
        ends_at: datetime,
        net: Sequence[Money],
        entry_id: UUID | None,
        reference: str,
        at: datetime,
    ) -> Pass:
        """Give a player a pass, one of ``capacity``, or with 0 of as many as are wanted. Repeated with the same id it is one.

        Raises UnableToIssuePass.
        """
        ...

    def passes(self, *, player: UUID) -> tuple[Pass, ...]:
        """All of a player's, the latest tournament first."""
        ...

    def passes_issued(self, *, tournament: UUID) -> int:
        """How many players have a pass for a tournament."""
        ...
