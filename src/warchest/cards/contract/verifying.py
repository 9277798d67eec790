"""A card in somebody's hand is looked at without being used, and one that can't be read is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.cards.contract.cards import CardState
from warchest.cards.contract.worth import Worth
from warchest.kernel.calls import at_most_once, runs_here
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

REPLACEMENTS = "replacements"
"""Who sells the cards that are issued in the place of others, among those that are issued one by one."""


class UnableToVerifyCard(UnableTo):
    """Nothing was looked at."""

    reasons = frozenset(
        {
            "card_unknown",
            "reason_missing",
            "nothing_to_verify",  # the whole code, or a serial with the last four characters of the code
        }
    )


class UnableToReplaceCard(UnableTo):
    """The card stays as it was."""

    reasons = frozenset(
        {
            "card_unknown",
            "reason_missing",
            "last_four_wrong",  # a guess; the card's code ends otherwise
            "card_already_activated",
            "card_void",  # it was replaced before, or its sale was reversed
            "card_blocked",  # with its whole batch
            "card_expired",
            "card_not_sold",
            "card_is_virtual",  # nobody can scratch it: its buyer gets the code again, or gives it back
            "batch_closed",
        }
    )


@dataclass(frozen=True, slots=True)
class VerifiedCard:
    """``right``: the code, or its end, is that of the card. ``serial`` is empty where a whole code is nobody's; all else is then
    told of nothing."""

    right: bool
    serial: str = ""
    state: CardState | None = None
    gives: tuple[Worth, ...] = ()
    face: Money | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReplacedCard:
    """``serial`` was issued in the place of ``void``, never with its code."""

    void: str
    serial: str
    batch: UUID
    fingerprint: str
    gives: tuple[Worth, ...]


class Verifying(Protocol):
    # Within a journey's transaction.

    def verify(
        self, *, code_hash: str, serial: str, last_four: str, reason: str, actor: str, at: datetime
    ) -> VerifiedCard:
        """Look at a card by its whole code, or by its serial and the last four characters of its code; never both. The look is
        kept in the card's history, right or wrong. Raises UnableToVerifyCard."""
        ...

    @at_most_once
    def replace(self, *, serial: str, last_four: str, reason: str, actor: str, at: datetime) -> ReplacedCard:
        """Make a card void, and issue another of its batch in its place, with all that was paid for it. The code is kept,
        encrypted, until it was shown once. Raises UnableToReplaceCard, and TryAgain should the code exist already."""
        ...

    @runs_here
    def show_replacement(self, *, void: str, at: datetime) -> str | None:
        """The code of the card in the place of this one, once, and forget it; in a technical transaction. None where it was shown
        before. For the door that had it replaced: nobody else is told."""
        ...
