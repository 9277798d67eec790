"""Saved methods: what a player has paid with and lets us charge again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo

SAVING_WORDING = "2026-11"
"""Which wording of the consent to save a method is on our pages now: kept with each consent."""


class UnableToUseMethod(UnableTo):
    """The saved method was not charged, or not forgotten."""

    reasons = frozenset(
        {
            "method_unknown",  # there is none of this id, or it is somebody else's
            "method_forgotten",
            "method_expired",
            "saving_not_offered",  # the provider saves no methods
            "consent_malformed",  # which wording was agreed to is said in 1 to 20 characters
        }
    )


class MethodState(StrEnum):
    USABLE = "usable"
    FORGETTING = "forgetting"  # never charged again; the provider has not confirmed that it let go
    FORGOTTEN = "forgotten"  # the provider has let go, and the token is erased


@dataclass(frozen=True, slots=True)
class SavedMethod:
    """``label`` is for people ("Visa •••• 4242"), ``expires`` the last month ("2028-12"), empty where it has none.

    The player agreed to ``wording`` at ``agreed_at``, when paying ``payment``. What charges it never leaves payments.
    """

    id: UUID
    player: UUID
    provider: str
    state: MethodState
    method: str
    label: str
    last_four: str
    expires: str
    country: str
    payment: UUID
    wording: str
    agreed_at: datetime
    saved_at: datetime
    forgotten_at: datetime | None
    problem: str = ""

    def is_over(self, day: date) -> bool:
        """Whether its last month is over on this day."""
        return bool(self.expires) and self.expires < f"{day:%Y-%m}"


class SavedMethods(Protocol):
    # Within a journey's transaction.

    def use_method(self, *, method_id: UUID, player: UUID, at: datetime) -> SavedMethod:
        """A method that may be charged now, which nobody lets go before the transaction ends. Raises UnableToUseMethod."""
        ...

    def forget_method(self, *, method_id: UUID, player: UUID, at: datetime) -> SavedMethod:
        """Never charge it again, and pause what would top up with it. The provider is told afterwards.

        Repeated, it changes nothing. Raises UnableToUseMethod.
        """
        ...

    def note_warned(self, *, method_id: UUID, at: datetime) -> bool:
        """Whether the player is to be warned that the method ends: once for each of its last months."""
        ...

    # Outside any transaction: this speaks with the provider.

    @at_most_once
    def tell_forgotten(self, *, method_id: UUID, at: datetime) -> SavedMethod:
        """Tell the provider to let go; once it has, the token is erased. Whatever else it says, it is told again.

        While a payment with the method is open nothing is told. Raises UnableToUseMethod.
        """
        ...

    # Reads.

    def saved_method(self, *, method_id: UUID) -> SavedMethod:
        """Whatever its state. Raises UnableToUseMethod."""
        ...

    def saved_methods(self, *, player: UUID) -> tuple[SavedMethod, ...]:
        """Those that are not forgotten or being forgotten, the newest first; those whose last month is over are among them."""
        ...

    def due_forgettings(self, *, at: datetime, limit: int) -> tuple[UUID, ...]:
        """Methods whose provider is to be told now."""
        ...

    def ending_methods(self, *, until: date, limit: int) -> tuple[UUID, ...]:
        """Methods whose last month is that of this day, or an earlier one, and nobody was warned of it."""
        ...

    def method_used(self, *, payment_id: UUID) -> SavedMethod | None:
        """The saved method that a payment was opened with."""
        ...
