"""A few virtual cards sold at the desk: by an administrator, for cash, with serial and code shown once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.bought import CardTaken
from warchest.cards.contract.virtual import CodeGiven
from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

DESK_CARDS_MAX = 20


class UnableToIssueAtDesk(UnableTo):
    """Nothing was issued, shown or taken back."""

    reasons = frozenset(
        {
            "card_not_on_offer",
            "stock_empty",
            "desk_quantity_out_of_range",  # 1 to DESK_CARDS_MAX
            "desk_issue_unknown",
            "desk_codes_shown",  # they were, once
            "desk_codes_of_another",  # only whoever issued them sees them
            "desk_issue_taken_back",
            "card_already_activated",  # one of them was used; which one it is, is in the details
            "card_blocked",
        }
    )
    passing = frozenset({"stock_empty"})


@dataclass(frozen=True, slots=True)
class DeskIssue:
    """``shown_at``: when the codes were shown, which happens once. ``owed`` is what the books owe for each card, in the order of
    the ``serials``."""

    id: UUID
    batch: UUID
    product: str
    face: Money
    clerk: UUID
    quantity: int
    serials: tuple[str, ...]
    owed: tuple[Money, ...]
    note: str
    issued_at: datetime
    shown_at: datetime | None
    taken_back_at: datetime | None


class Desk(Protocol):
    # Within a journey's transaction.

    @at_most_once
    def issue_at_desk(
        self, *, issue_id: UUID, batch: UUID, quantity: int, clerk: UUID, note: str, actor: str, at: datetime
    ) -> tuple[CardTaken, ...]:
        """Make so many cards of a batch in our stock. Raises UnableToIssueAtDesk."""
        ...

    def note_paid_at_desk(self, *, serials: tuple[str, ...], owed: Money, at: datetime) -> None:
        """From now on the books owe this for each of them."""
        ...

    def note_shown_at_desk(self, *, issue_id: UUID, clerk: UUID, actor: str, at: datetime) -> DeskIssue:
        """The codes are about to be shown. Raises UnableToIssueAtDesk."""
        ...

    def take_back_at_desk(self, *, issue_id: UUID, actor: str, at: datetime) -> DeskIssue:
        """Unused cards of an issue become void; one that was used refuses all. Raises UnableToIssueAtDesk."""
        ...

    # In a technical transaction.

    @runs_here
    def codes_at_desk(self, *, issue_id: UUID, clerk: UUID, at: datetime) -> tuple[CodeGiven, ...]:
        """The codes, which are forgotten with this; none where they were."""
        ...

    # Reads.

    def desk_issue(self, *, issue_id: UUID) -> DeskIssue:
        """Raises UnableToIssueAtDesk (``desk_issue_unknown``)."""
        ...

    def desk_issues(self, *, limit: int = 50) -> tuple[DeskIssue, ...]:
        """Newest first."""
        ...
