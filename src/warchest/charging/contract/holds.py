"""Holds: the ledger sets an amount of the wallet aside, and the wallet's lots say which units these are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.charging.contract.wallets import Slice
from warchest.kernel.calls import at_most_once
from warchest.kernel.money import Money
from warchest.ledger.contract import Hold


@dataclass(frozen=True, slots=True)
class CapturedHold:
    """``slices`` are what was taken of the lots that the hold had reserved."""

    hold: Hold
    slices: tuple[Slice, ...]


class Holds(Protocol):
    def hold(
        self,
        *,
        hold_id: UUID,
        player: UUID,
        units: Money,
        purpose: str,
        at: datetime,
        expires_at: datetime,
    ) -> Hold:
        """Set units aside and reserve the lots that a spend would use now, in the order of use. Raises UnableToSpend.

        What is reserved of a lot stays good until the hold closes, even when the lot's term ends before: the player agreed
        to the price while the units were good, and how long a match takes is not in his hands. Let go after the lot's term,
        it expires then.
        """
        ...

    @at_most_once
    def capture(
        self, *, hold_id: UUID, player: UUID, units: Money | None, reference: str, at: datetime
    ) -> CapturedHold:
        """Take ``units`` (None: all) from the lots that a hold reserved, in the order of use; the rest goes free.

        Raises UnableToHold, UnableToSpend.
        """
        ...

    def void(self, *, hold_id: UUID, player: UUID) -> Hold:
        """Let a hold go, and what it had reserved. Raises UnableToHold, UnableToSpend (``wallet_unknown``)."""
        ...

    @at_most_once
    def lapse(self, *, hold_ids: Sequence[UUID], at: datetime) -> tuple[UUID, ...]:
        """Let go those of the holds that are open and expired, and what they had reserved; answers which they were."""
        ...
