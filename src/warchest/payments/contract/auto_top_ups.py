"""Top-ups that a player has ordered in advance: below so much, add so much, at most so much a month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.life import Payment, Status

AUTO_WORDING = "2026-11"
"""Which wording of the consent to be charged without being there is on our pages now."""

DECLINES_MAX = 3
"""After so many declined in a row it pauses."""


class UnableToOrderAutoTopUp(UnableTo):
    """The player's order is as it was."""

    reasons = frozenset(
        {
            "auto_top_up_unknown",
            "threshold_out_of_range",
            "cap_below_amount",
            "cap_currency_fixed",  # something was charged this month in another currency
            "consent_malformed",
        }
    )


class UnableToTopUpByItself(UnableTo):
    """Nothing was charged."""

    reasons = frozenset(
        {
            "auto_top_up_off",
            "auto_top_up_paused",
            "auto_top_up_waits",  # after a decline, or because it could not be opened
            "auto_top_up_under_way",  # one is open, and nobody knows yet how it ends
            "balance_sufficient",
            "cap_reached",
            "amount_too_small",  # it would not bring what is lacking
        }
    )
    passing = reasons


class Occasion(StrEnum):
    """Why a top-up began."""

    BALANCE = "balance"  # the wallet fell below the threshold
    PROLONGING = "prolonging"  # a subscription was to be prolonged, and units were lacking


class PauseReason(StrEnum):
    DECLINED = "declined"
    METHOD_FORGOTTEN = "method_forgotten"
    METHOD_EXPIRED = "method_expired"


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """A player's order. ``below`` is in units, ``amount`` and ``cap`` in one real currency; the cap is for a month of the
    player's calendar. ``not_before``: nothing is begun earlier. ``used`` is what this month's runs may have taken."""

    player: UUID
    enabled: bool
    below: Money
    amount: Money
    cap: Money
    method: UUID
    wording: str
    agreed_at: datetime
    changed_at: datetime
    declines: int
    paused_at: datetime | None
    pause_reason: str
    not_before: datetime | None
    problem: str

    def is_on(self) -> bool:
        return self.enabled and self.paused_at is None


@dataclass(frozen=True, slots=True)
class AutoRun:
    """One time that it topped up, or tried to: ``status`` is that of its payment."""

    id: UUID
    player: UUID
    payment: UUID
    status: Status
    reason: str
    amount: Money
    month: date
    occasion: Occasion
    begun_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClosedRun:
    """What the end of a run means: ``paid`` or not, and whether the order is paused by it now."""

    run: AutoRun
    payment: Payment
    paid: bool
    declines: int
    paused: bool


class AutoTopUps(Protocol):
    # Within a journey's transaction.

    def order_auto_top_up(
        self,
        *,
        player: UUID,
        below: Money,
        amount: Money,
        cap: Money,
        method_id: UUID,
        wording: str,
        month: date,
        at: datetime,
    ) -> AutoTopUp:
        """Switch it on, or change it; a pause ends. Raises UnableToOrderAutoTopUp, UnableToUseMethod."""
        ...

    def end_auto_top_up(self, *, player: UUID, at: datetime) -> AutoTopUp:
        """Switch it off. What is open goes on. Raises UnableToOrderAutoTopUp (``auto_top_up_unknown``)."""
        ...

    def begin_run(self, *, player: UUID, month: date, at: datetime) -> AutoTopUp:
        """The order, locked until the transaction ends, where a run may begin now.

        What may have been taken this month is counted, what is pending or unknown included. Raises UnableToTopUpByItself.
        """
        ...

    def keep_run(
        self, *, run_id: UUID, player: UUID, payment_id: UUID, month: date, occasion: Occasion, at: datetime
    ) -> AutoRun:
        """The payment that a run has opened. Raises UnableToTopUpByItself."""
        ...

    def close_run(self, *, run_id: UUID, at: datetime) -> ClosedRun | None:
        """Note how a run ended; None while nobody knows it, and where it was closed before."""
        ...

    def put_off(self, *, player: UUID, until: datetime, problem: str, at: datetime) -> AutoTopUp:
        """Begin nothing before a moment, since nothing could be opened."""
        ...

    def pause_auto_top_up(self, *, player: UUID, reason: PauseReason, at: datetime) -> bool:
        """Begin nothing until the player orders it anew; whether it was running until now."""
        ...

    # Reads.

    def auto_top_up(self, *, player: UUID) -> AutoTopUp | None: ...

    def month_used(self, *, player: UUID, month: date, currency: str) -> Money:
        """What runs have taken of a month's cap, or may have: all but what failed for certain."""
        ...

    def waiting_orders(
        self, *, at: datetime, after: UUID | None = None, limit: int = 500
    ) -> tuple[AutoTopUp, ...]:
        """Orders that could begin a run now, if the wallet is low enough; by player."""
        ...

    def open_runs(self, *, limit: int = 500) -> tuple[UUID, ...]:
        """Runs whose payment has ended, and that are still to be closed."""
        ...

    def auto_runs(self, *, player: UUID, limit: int = 20) -> tuple[AutoRun, ...]:
        """A player's, newest first."""
        ...
