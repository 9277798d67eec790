"""Reviews: payments that a person decides about, and what is asked of a provider for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.payments.contract.life import Heard, Payment


class UnableToDecideReview(UnableTo):
    """The payment is as it was."""

    reasons = frozenset(
        {
            "payment_not_in_review",
            "review_of_another_person",  # this one has decided already: it takes a second one
            "review_votes_differ",  # somebody has decided otherwise
            "nothing_was_taken",  # there is no money that could be credited
        }
    )


class UnableToCancel(UnableTo):
    """The payment goes on."""

    reasons = frozenset(
        {
            "payment_not_open",  # it is over, or under review
            "payment_not_voidable",  # the provider cannot take it back, and it is not over there
        }
    )


class Decision(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Vote:
    decision: Decision
    by: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """A payment under review. ``taken`` is what the provider has; None where it only reserved it (``authorised``), or said
    nothing. ``credits`` are the units that approving brings. ``votes_needed`` is 1 or 2."""

    payment: Payment
    since: datetime
    authorised: bool
    taken: Money | None
    votes: tuple[Vote, ...]
    votes_needed: int
    is_late: bool


class Reviews(Protocol):
    # Within a journey's transaction.

    def vote(
        self, *, payment_id: UUID, decision: Decision, note: str, actor: str, at: datetime
    ) -> tuple[Review, bool]:
        """Lock the payment and keep what somebody decided; whether that is enough to act on.

        Where the house wants four eyes, the second person must decide the same. Raises UnableToFindPayment,
        UnableToDecideReview.
        """
        ...

    def lock_review(self, *, payment_id: UUID) -> Payment:
        """The payment, locked; whatever its status is. Raises UnableToFindPayment."""
        ...

    def accept_taken(
        self, *, payment_id: UUID, taken: Money, units: Money, units_per_major: str, at: datetime
    ) -> Payment:
        """Have a payment under review be for what the provider really took, which brings ``units``. What was asked stays to be
        seen. Raises UnableToDecideReview."""
        ...

    def close_review(self, *, payment_id: UUID, at: datetime) -> tuple[Payment, Money | None]:
        """Lock the payment, which nothing is ever credited for, and say what the provider has of it; None where that was said
        before."""
        ...

    def give_up_unsent(self, *, payment_id: UUID, attempt: int, at: datetime) -> bool:
        """Lock the payment and say whether its provider was certainly never told of this attempt: then nobody tells it any
        more."""
        ...

    def promise_bonus(self, *, payment_id: UUID, units: Money, at: datetime, paid: Money) -> Money:
        """Fix the units on top that a payment will bring, by the rules in force; zero where none gives any."""
        ...

    def check_retry(self, *, payment_id: UUID, at: datetime) -> Payment:
        """The payment, locked, where a further attempt may be made of it: not of one that was refused, or blocked, or whose rate
        was fixed a day ago. Raises UnableToFindPayment, UnableToTryAgain."""
        ...

    # Outside any transaction: these speak with providers.

    @at_most_once
    def capture(self, *, payment_id: UUID, at: datetime) -> Heard:
        """Take what was authorised. Raises UnableToFindPayment, UnableToUseProvider."""
        ...

    @at_most_once
    def void(self, *, payment_id: UUID, at: datetime) -> Heard:
        """Let go what was opened or authorised. Raises UnableToFindPayment, UnableToUseProvider."""
        ...

    # Reads.

    def can_capture(self, *, provider: str) -> bool:
        """Whether a provider can authorise first and capture later."""
        ...

    def can_void(self, *, payment_id: UUID) -> bool:
        """Whether the provider of the attempt that counts can take a payment back."""
        ...

    def review(self, *, payment_id: UUID, at: datetime) -> Review:
        """Raises UnableToFindPayment, UnableToDecideReview (``payment_not_in_review``)."""
        ...

    def reviews(self, *, at: datetime, limit: int = 200) -> tuple[Review, ...]:
        """Payments under review, the longest waiting first."""
        ...

    def promised_bonus(self, *, payment_id: UUID) -> tuple[Money, int] | None:
        """The units on top that were promised, and for how many days they last (0: for ever)."""
        ...

    def overdue(self, *, at: datetime) -> tuple[Payment, ...]:
        """Payments of unknown outcome, or under review, for longer than the house bears (``ReviewTerms.alert_hours``)."""
        ...
