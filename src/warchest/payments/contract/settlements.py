"""Settlements: what a provider says that it owes and has paid, beside what our payments say, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import LineKind, SettlementReport


class UnableToSettle(UnableTo):
    """Nothing was taken in, or booked."""

    reasons = frozenset(
        {
            "settlements_not_supported",  # the provider tells none in this way
            "settlement_differs",  # it was taken in before with other contents
            "settlement_unknown",
            "settlement_line_unknown",
            "settlement_line_settled",  # it agrees with our books, or was resolved before
            "settlement_lines_malformed",  # a line in another currency than its settlement, or twice
            "reason_missing",
        }
    )


class LineState(StrEnum):
    MATCHED = "matched"  # our books say the same
    DIFFERS = "differs"  # they say another amount
    EXTRA = "extra"  # they know nothing of it
    RESOLVED = "resolved"  # a person has said what it was, by an entry


@dataclass(frozen=True, slots=True)
class SettlementLineRow:
    """``ours`` is what our books say of the same, None where they say nothing; ``fee`` what is booked as a fee for it.

    ``difference`` is what the provider owes us more than our books say; zero where they agree.
    """

    id: UUID
    settlement: UUID
    provider: str
    line: str
    kind: LineKind
    state: LineState
    gross: Money
    fee: Money
    ours: Money | None
    difference: Money
    payment: UUID | None
    reference: str
    provider_reference: str
    description: str
    occurred_at: datetime
    resolved_entry: UUID | None


@dataclass(frozen=True, slots=True)
class Settlement:
    """``carried`` is what its lines make beyond what was paid out: it stays with the provider, or had stayed there before."""

    id: UUID
    provider: str
    number: str
    settled_on: date
    gross: Money
    fees: Money
    reserved: Money
    paid_out: Money
    payout_reference: str
    lines: int
    open_lines: int
    journal_entry: UUID | None
    imported_at: datetime

    @property
    def carried(self) -> Money:
        return self.gross - self.fees - self.reserved - self.paid_out


@dataclass(frozen=True, slots=True)
class ProviderBalance:
    """What a provider has taken for us in one currency and what became of it; ``clearing`` is what it owes us now."""

    provider: str
    collected: Money
    refunded: Money
    disputed: Money
    fees: Money
    reserved: Money
    paid_out: Money
    clearing: Money


class Settlements(Protocol):
    # Outside any transaction: the provider is asked, or its file is read.

    def fetch_settlements(self, *, provider: str, day: date) -> tuple[SettlementReport, ...]:
        """What the provider settled on a day, as it tells it.

        Raises UnableToSettle, UnableToTellSettlement, UnableToUseProvider.
        """
        ...

    def read_settlement_file(self, *, provider: str, data: bytes) -> tuple[SettlementReport, ...]:
        """What a provider's file says. Raises UnableToSettle, UnableToRead, UnableToUseProvider."""
        ...

    # Within a journey's transaction.

    def take_settlement(
        self,
        *,
        settlement_id: UUID,
        provider: str,
        report: SettlementReport,
        journal_entry: UUID,
        at: datetime,
    ) -> tuple[Settlement, bool]:
        """Keep a settlement with each of its lines beside what our books say; answers also whether it is new.

        One that was taken in before is answered as it is. Raises UnableToSettle.
        """
        ...

    def resolve_line(self, *, line_id: UUID, journal_entry: UUID, at: datetime) -> SettlementLineRow:
        """A person has said what a difference was. Raises UnableToSettle."""
        ...

    # Reads.

    def settlements(
        self, *, provider: str = "", before: UUID | None = None, limit: int = 100
    ) -> tuple[Settlement, ...]:
        """The newest first, those older than the settlement ``before``."""
        ...

    def settlement(self, *, settlement_id: UUID) -> Settlement:
        """Raises UnableToSettle (``settlement_unknown``)."""
        ...

    def settlement_lines(
        self, *, settlement_id: UUID | None = None, states: Sequence[LineState] = (), limit: int = 1000
    ) -> tuple[SettlementLineRow, ...]:
        """Of one settlement or of all, the oldest first."""
        ...

    def settlement_line(self, *, line_id: UUID) -> SettlementLineRow:
        """Raises UnableToSettle (``settlement_line_unknown``)."""
        ...

    def unsettled(self, *, before: datetime, limit: int = 200) -> tuple[UUID, ...]:
        """Payments that were credited before a moment and stand in no settlement of their provider, the oldest first.

        Only of providers that have settled anything: others tell no settlements.
        """
        ...

    def provider_balances(self) -> tuple[ProviderBalance, ...]:
        """By provider and currency."""
        ...
