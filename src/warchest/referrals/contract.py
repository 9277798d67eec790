"""Referrals, on one page: the tree of who invited whom, and the commissions that it earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.accounting.contract import OwedCommission
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money

ON_HOLD_BOOK = "commission_on_hold"
"""The ledger's book of commissions earned and not released yet, per sponsor."""

LEVELS_MAX = 20
"""A commission plan has at most so many levels."""


class UnableToJoin(UnableTo):
    """The player was not placed in the tree."""

    reasons = frozenset({"sponsor_code_unknown", "already_joined"})


class UnableToListReferrals(UnableTo):
    reasons = frozenset({"player_not_in_tree", "cursor_malformed"})


class UnableToPlanCommissions(UnableTo):
    """The commission plan was not put in force."""

    reasons = frozenset(
        {
            "levels_out_of_range",  # 1 to 20
            "rates_out_of_range",  # a rate is positive, and all together at most the whole
            "plan_in_past",
            "plan_exists",  # another version begins at the same moment
        }
    )


class CommissionState(StrEnum):
    ON_HOLD = "on_hold"
    REVERSED = "reversed"  # all of it was taken back, since the buyer got the price back


@dataclass(frozen=True, slots=True)
class Node:
    """A player's place in the tree. ``sponsor`` is None for one whom nobody invited."""

    player: UUID
    sponsor: UUID | None
    sponsor_code: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class NodeDraft:
    """The place of a player who comes from an older system."""

    player: UUID
    sponsor: UUID | None
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class TreeCount:
    """How many players stand in the tree, and how many of them have a sponsor."""

    nodes: int
    edges: int


@dataclass(frozen=True, slots=True)
class Ancestor:
    """``level`` 1 is the player's own sponsor."""

    player: UUID
    level: int


@dataclass(frozen=True, slots=True)
class Descendant:
    """``level`` 1 was invited by the player asked about; ``invited`` counts those whom they invited themselves."""

    player: UUID
    sponsor: UUID
    level: int
    joined_at: datetime
    invited: int


@dataclass(frozen=True, slots=True)
class Downline:
    """One page, level by level, newest first within each. ``next_cursor`` is empty on the last page."""

    members: tuple[Descendant, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class TreeStats:
    """Of the tree below a player: how many there are on each level (the first is level 1)."""

    by_level: tuple[int, ...]

    @property
    def size(self) -> int:
        return sum(self.by_level)

    @property
    def depth(self) -> int:
        return len(self.by_level)


@dataclass(frozen=True, slots=True)
class CommissionPlan:
    """``rates_bps`` are hundredths of a per cent of the base, level 1 first. In force until a later version begins."""

    version: int
    rates_bps: tuple[int, ...]
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Sale:
    """A purchase that earns commissions. ``subscription`` was bought; ``entry_id`` is the journal entry that books it.

    ``base`` is what was paid in real money, without tax, one amount for each currency.
    """

    subscription: UUID
    buyer: UUID
    entry_id: UUID
    base: Sequence[Money]
    at: datetime


@dataclass(frozen=True, slots=True)
class Commission:
    """What one sponsor earns from one sale in one currency, with all that explains it.

    ``sale`` is the subscription that was bought, ``entry_id`` the journal entry of this purchase. ``base`` is what was
    paid in real money, without tax. ``taken_back`` is the part of ``amount`` that went when the buyer got money back.
    """

    id: UUID
    sponsor: UUID
    buyer: UUID
    sale: UUID
    entry_id: UUID
    level: int
    plan_version: int
    base: Money
    rate_bps: int
    amount: Money
    state: CommissionState
    earned_at: datetime
    taken_back: Money

    @property
    def exact_minor(self) -> Decimal:
        """The exact share in minor units, before rounding: four decimals are enough for any."""
        return Decimal(self.base.minor * self.rate_bps).scaleb(-4)

    @property
    def rounding_minor(self) -> Decimal:
        """What rounding added (or took, if negative), less than one minor unit."""
        return self.amount.minor - self.exact_minor


@dataclass(frozen=True, slots=True)
class Commissions:
    """One page of commissions, newest first. ``next_cursor`` is empty on the last page."""

    items: tuple[Commission, ...]
    next_cursor: str


class Referrals(Protocol):
    def join(self, *, player: UUID, sponsor_code: str | None, at: datetime) -> Node:
        """Give a player their place in the tree and a code of their own; the tie to the sponsor stays.

        Repeated with the same sponsor it changes nothing. Raises UnableToJoin.
        """
        ...

    def by_code(self, *, sponsor_code: str) -> Node | None:
        """Whose code this is, as typed by people; None where it is nobody's."""
        ...

    def node(self, *, player: UUID) -> Node | None: ...

    def upline(self, *, player: UUID, levels: int = LEVELS_MAX) -> tuple[Ancestor, ...]:
        """The player's sponsor, their sponsor, and so on, in one query."""
        ...

    def downline(self, *, player: UUID, depth: int = 1, cursor: str = "", limit: int = 50) -> Downline:
        """Those invited below a player, down to ``depth`` levels. Raises UnableToListReferrals."""
        ...

    def tree_stats(self, *, player: UUID, depth: int = 100) -> TreeStats: ...

    def commission_plan(self, *, at: datetime) -> CommissionPlan:
        """The version in force."""
        ...

    def add_commission_plan(
        self, *, rates_bps: Sequence[int], valid_from: datetime, at: datetime
    ) -> CommissionPlan:
        """Put a new version in force from a moment on. Raises UnableToPlanCommissions."""
        ...

    def earn_set(self, *, sales: Sequence[Sale]) -> tuple[tuple[OwedCommission, ...], ...]:
        """Commissions of purchases, on every level of the plan in force, by the tree as it stands.

        Each base is split by the plan's rates, the house keeping the rest, so that the parts sum to the whole; a level
        without a sponsor stays with the house. Answers, for each sale, what its entry owes to each sponsor in each
        currency, nothing of zero.
        """
        ...

    def reverse(
        self, *, entry_id: UUID, base: Money, reference: str, at: datetime
    ) -> tuple[OwedCommission, ...]:
        """Take commissions of a purchase back, for so much of its base, in this currency: what each sponsor loses.

        Parts of one purchase sum to its commissions, to the last minor unit. ``reference`` is the key of the journal entry;
        for one purchase it is used once.
        """
        ...

    def commissions(self, *, player: UUID, cursor: str = "", limit: int = 50) -> Commissions:
        """What a sponsor earned, newest first. Raises UnableToListReferrals (``cursor_malformed``)."""
        ...

    # Moving in from an older system.

    def join_set(self, *, nodes: Sequence[NodeDraft]) -> None:
        """Give all of these players their places. Sponsors stand in the tree already, or come before whom they invited."""
        ...

    def count_tree(self, *, players: Sequence[UUID]) -> TreeCount:
        """Of these players only."""
        ...
