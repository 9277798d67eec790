"""What the entities of clusters owe each other, and how it is set off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

PAYABLE_BOOK, RECEIVABLE_BOOK, UNITS_BOOK = (
    "intercompany_payable",
    "intercompany_receivable",
    "intercompany_units",
)
INTERCOMPANY_BOOKS = (PAYABLE_BOOK, RECEIVABLE_BOOK, UNITS_BOOK)
"""What the entities of clusters owe each other for units that went across, and where these are: an account for each."""


class UnableToNet(UnableTo):
    """The netting statement is as it was."""

    reasons = frozenset(
        {
            "statement_unknown",
            "statement_open",  # one of this currency waits for the other cluster's answer
            "statement_not_agreed",
            "statement_booked",
            "statement_id_reused",
            "nothing_to_settle",
            "transfers_open",  # of those that it would be about, some have not been answered by the other cluster
            "netting_in_future",
            "netting_too_early",  # an earlier statement is about a later moment
        }
    )


class NettingState(StrEnum):
    """``drawn_up`` until the other cluster has answered; ``agreed`` where its books say the same to the cent, else
    ``disputed``, and nothing comes of it; ``booked`` when the bank has paid or been paid."""

    DRAWN_UP = "drawn_up"
    AGREED = "agreed"
    DISPUTED = "disputed"
    BOOKED = "booked"


@dataclass(frozen=True, slots=True)
class NettingStatement:
    """What two clusters' entities owe each other in one currency, for transfers made before ``until`` that no earlier
    statement was about. The other one keeps the same under the same id, ``payable`` and ``receivable`` exchanged.

    ``drawn_up_by`` is an administrator's id, empty where the other cluster drew it up. ``their_payable`` and
    ``their_receivable`` are what the other cluster found where it did not agree, as seen from here.
    """

    id: UUID
    cluster: str
    until: datetime
    payable: Money
    receivable: Money
    state: NettingState
    drawn_up_by: str
    drawn_up_at: datetime
    their_payable: Money | None = None
    their_receivable: Money | None = None
    booked_by: str = ""
    reference: str = ""
    entry_id: UUID | None = None

    @property
    def net(self) -> Money:
        """Positive: we pay."""
        return self.payable - self.receivable


@dataclass(frozen=True, slots=True)
class Settled:
    """What statements took off the intercompany accounts, per currency."""

    payable: tuple[Money, ...]
    receivable: tuple[Money, ...]


class Netting(Protocol):
    def keep_statement(self, *, statement: NettingStatement) -> NettingStatement:
        """Keep a new netting statement; one that is kept under its id already is answered as it is.

        Raises UnableToNet (``statement_open``, ``statement_id_reused``).
        """
        ...

    def decide_statement(
        self, *, statement_id: UUID, agreed: bool, payable: Money, receivable: Money
    ) -> NettingStatement:
        """The other cluster has answered; the amounts are what it found, as seen from here. Decided once. Raises
        UnableToNet."""
        ...

    def book_statement(
        self, *, statement_id: UUID, booked_by: str, reference: str, entry_id: UUID
    ) -> NettingStatement:
        """It is settled: the journey posts the entry. Raises UnableToNet."""
        ...

    def statement(self, *, statement_id: UUID) -> NettingStatement:
        """Raises UnableToNet (``statement_unknown``)."""
        ...

    def statements(self, *, cluster: str | None = None, limit: int = 50) -> tuple[NettingStatement, ...]:
        """Netting statements with a cluster, or with all, the newest first."""
        ...

    def settled(self, *, cluster: str, or_agreed: bool = False) -> Settled:
        """What booked statements (or also those that are agreed) took off the accounts of a cluster."""
        ...
