"""Resellers: who sells our cards, in a chain of which we deal with the top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

RECEIVABLE_BOOK = "reseller_receivable"
"""The ledger's book of what resellers owe us; its owners are resellers' names."""


class UnableToTakeOnReseller(UnableTo):
    """The reseller, or what is linked to it, stays as it was."""

    reasons = frozenset(
        {
            "reseller_unknown",
            "reseller_name_malformed",  # 2 to 64 small letters, digits and dashes, a letter first
            "reseller_name_taken",
            "reseller_title_missing",
            "reseller_margin_out_of_range",  # 0 to 10000 hundredths of a per cent, no more than the parent's
            "reseller_outside_parent",  # a country that the parent has not, or another currency
            "reseller_above_children",  # less than what its own resellers have
            "reseller_credit_malformed",  # an amount of real money, zero or more; days from 0 to 365
            "region_unknown",
            "reason_missing",
            "person_of_another_reseller",
            "till_of_another_reseller",
        }
    )


@dataclass(frozen=True, slots=True)
class ResellerTerms:
    """``margin_bps``: what it keeps of a card's face, in hundredths of a per cent, its own resellers' margins included.

    ``credit_limit``: what it may owe, goods on their way included. So many ``payment_days`` after a delivery or a sale it must
    have paid. No ``regions``: everywhere (where its parent may). ``contract`` is the paper's own number.
    """

    title: str
    margin_bps: int
    credit_limit: Money
    payment_days: int
    regions: tuple[str, ...] = ()
    contract: str = ""


@dataclass(frozen=True, slots=True)
class Reseller:
    """``name`` is also the owner of what it owes in the books. ``top`` is whom of its chain we deal with: itself where it has no
    ``parent``."""

    id: UUID
    name: str
    terms: ResellerTerms
    parent: UUID | None
    top: UUID
    top_name: str
    taken_on_at: datetime
    suspended_at: datetime | None = None
    suspension: str = ""

    @property
    def is_top(self) -> bool:
        return self.parent is None


@dataclass(frozen=True, slots=True)
class Till:
    """An API client that sells for one reseller only, for ever."""

    client: UUID
    reseller: UUID
    title: str
    bound_at: datetime


class Resellers(Protocol):
    """Taken on, suspended, and who acts for them."""

    @at_most_once
    def take_on_reseller(
        self,
        *,
        reseller_id: UUID,
        name: str,
        parent: UUID | None,
        terms: ResellerTerms,
        actor: str,
        at: datetime,
    ) -> Reseller:
        """Raises UnableToTakeOnReseller."""
        ...

    def change_reseller(self, *, reseller_id: UUID, terms: ResellerTerms) -> Reseller:
        """Other terms, for what is shipped from now on. Its currency stays. Raises UnableToTakeOnReseller."""
        ...

    def suspend_reseller(self, *, reseller_id: UUID, reason: str, at: datetime) -> Reseller:
        """It gets no cards and sells none until resumed; what it has can come back. Raises UnableToTakeOnReseller."""
        ...

    def resume_reseller(self, *, reseller_id: UUID) -> Reseller:
        """Raises UnableToTakeOnReseller."""
        ...

    def lock_reseller(self, *, reseller_id: UUID) -> Reseller:
        """Have all others wait who weigh this reseller's credit, until the transaction ends. Raises UnableToTakeOnReseller."""
        ...

    def reseller(self, *, reseller_id: UUID) -> Reseller:
        """Raises UnableToTakeOnReseller (``reseller_unknown``)."""
        ...

    def reseller_named(self, *, name: str) -> Reseller | None: ...

    def resellers(self, *, parent: UUID | None = None) -> tuple[Reseller, ...]:
        """All of them, or those right below a ``parent``, by name."""
        ...

    def link_person(self, *, reseller_id: UUID, player: UUID, actor: str, at: datetime) -> None:
        """The player acts for the reseller from now on. Linking twice changes nothing. Raises UnableToTakeOnReseller."""
        ...

    def unlink_person(self, *, reseller_id: UUID, player: UUID, at: datetime) -> None: ...

    def people_of_reseller(self, *, reseller_id: UUID) -> tuple[UUID, ...]:
        """Players, the first linked first."""
        ...

    def reseller_of_person(self, *, player: UUID) -> Reseller | None: ...

    def bind_till(self, *, client: UUID, reseller_id: UUID, title: str, actor: str, at: datetime) -> Till:
        """An API client sells for this reseller and no other, for ever. Raises UnableToTakeOnReseller."""
        ...

    def till_of_client(self, *, client: UUID) -> Till | None: ...

    def tills_of_reseller(self, *, reseller_id: UUID) -> tuple[Till, ...]: ...
