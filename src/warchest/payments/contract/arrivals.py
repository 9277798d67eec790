"""Payouts at the bank: which entry of a statement brought what a provider says that it paid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.bank import EntryKept
from warchest.payments.contract.settlements import Settlement


class UnableToMatchPayout(UnableTo):
    """The entry waits, and the payout is under way, as before."""

    reasons = frozenset(
        {
            "payout_none",  # no settlement was named, or one that paid nothing out
            "payout_arrived",  # another entry brought it
            "payout_other_currency",  # of settlement and entry, or of two settlements
            "payout_of_two",  # providers
        }
    )


@dataclass(frozen=True, slots=True)
class MeantPayout:
    """The settlements that an entry pays out, of one provider, and their sum; ``difference`` is what came beyond it. Amounts are
    negative where the provider takes money from us."""

    provider: str
    settlements: tuple[Settlement, ...]
    paid_out: Money
    difference: Money


@dataclass(frozen=True, slots=True)
class PayoutArrival:
    """The payout of a settlement came with an entry of the bank; the amounts of all that came with it may differ from it by
    ``difference``, which was booked."""

    settlement: UUID
    entry: UUID
    booked_on: date
    journal_entry: UUID
    difference: Money
    by: str
    at: datetime


class Arrivals(Protocol):
    # Within a journey's transaction.

    def take_arrival(
        self,
        *,
        settlements: Sequence[UUID],
        entry: EntryKept,
        journal_entry: UUID,
        actor: str,
        at: datetime,
    ) -> MeantPayout:
        """The payouts of these settlements came with a locked entry: once each. Raises UnableToMatchPayout, UnableToSettle."""
        ...

    # Reads.

    def payout_of(self, *, entry: EntryKept) -> MeantPayout | None:
        """The payout that an entry must be, if any: by the reference of the payout in what the bank wrote, whatever came; else
        by the provider's name there, where exactly one of its payouts of those days has exactly this amount."""
        ...

    def payouts_under_way(
        self, *, before: date | None = None, currency: str = "", limit: int = 200
    ) -> tuple[Settlement, ...]:
        """Settlements whose payouts no entry of the bank has brought, the oldest first: settled ``before`` a day, or all."""
        ...

    def arrivals(self, *, settlements: Sequence[UUID]) -> Mapping[UUID, PayoutArrival]:
        """What has arrived of these, by settlement."""
        ...

    def brought_by(self, *, entry_id: UUID) -> tuple[Settlement, ...]:
        """The settlements whose payouts came with an entry."""
        ...
