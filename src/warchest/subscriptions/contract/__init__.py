"""Subscriptions, on one page: time granted, the right that follows from it, and what has been earned by serving it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.kernel.period import Period, Term
from warchest.subscriptions.contract.passes import Pass, Passes, UnableToIssuePass
from warchest.subscriptions.contract.sources import GrantSource

__all__ = [
    "DEFERRED_BOOK",
    "WITHDRAWAL_KEY",
    "YEARS_AHEAD_MAX",
    "Consent",
    "ConsentKind",
    "Deferral",
    "Earned",
    "Entitlement",
    "EntitlementChange",
    "Grant",
    "GrantCount",
    "GrantDraft",
    "GrantSource",
    "Granted",
    "MovedGrant",
    "Pass",
    "Passes",
    "Place",
    "SignedEntitlement",
    "Subscription",
    "SubscriptionState",
    "Subscriptions",
    "UnableToFindSubscription",
    "UnableToGrant",
    "UnableToIssuePass",
    "UnableToListChanges",
    "UnableToRecognise",
    "UnableToTakeOver",
    "UnableToWithhold",
    "Unserved",
    "Withheld",
]

DEFERRED_BOOK = "deferred_revenue"
"""The ledger's book of what was paid for time that is not served yet, per currency."""

WITHDRAWAL_KEY = "withdrawal:{grant}"
"""The key of the entry that books a withdrawal from what was bought: one for each grant, for ever."""

YEARS_AHEAD_MAX = 50
"""So far ahead a subscription may end at most."""


class UnableToGrant(UnableTo):
    """No time was added."""

    reasons = frozenset({"ends_too_late"})


class UnableToWithhold(UnableTo):
    """No time was cut off."""

    reasons = frozenset({"time_gone"})  # it was served, or withheld for something else, since somebody looked
    passing = reasons


class UnableToTakeOver(UnableTo):
    """No term of an older system was added."""

    reasons = frozenset(
        {
            "terms_overlap",  # one begins before the one before it ends
            "terms_apart",  # one begins later than the one before it ends, which still has time to run
        }
    )


class UnableToFindSubscription(UnableTo):
    reasons = frozenset({"subscription_unknown"})


class UnableToListChanges(UnableTo):
    reasons = frozenset({"cursor_malformed"})


class UnableToRecognise(UnableTo):
    """Nothing was recognised: revenue of a day is known only when the day is over."""

    reasons = frozenset({"day_not_over"})


class SubscriptionState(StrEnum):
    """Of the agreement. Whether its time has run out is a question of the moment, and not a state."""

    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class Subscription:
    """``starts_at`` until ``ends_at`` is the latest stretch of time without a gap. ``plan`` is that of its last grant.

    ``anchor_day`` is the day of the month on which its months begin, by the player's calendar.
    """

    id: UUID
    player: UUID
    online_service: UUID
    plan: UUID
    starts_at: datetime
    ends_at: datetime
    anchor_day: int
    state: SubscriptionState

    def is_running(self, at: datetime) -> bool:
        return self.state is SubscriptionState.ACTIVE and self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Grant:
    """A term added to a subscription: ``starts_at``, included, until ``ends_at``, excluded.

    ``net`` is what was paid for it without tax, one amount for each real currency; none where nothing was paid.
    ``entry_id`` is the journal entry that booked it; ``reference`` names the card, the gift or the sale.
    """

    id: UUID
    subscription: UUID
    source: GrantSource
    plan: UUID
    starts_at: datetime
    ends_at: datetime
    net: tuple[Money, ...]
    entry_id: UUID | None
    reference: str
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Whose time on which online service: there is one subscription for each."""

    player: UUID
    online_service: UUID


@dataclass(frozen=True, slots=True)
class GrantDraft:
    """A term to be added at the moment ``at``, or to begin then where nothing is left.

    Months are counted by the calendar of ``zone`` (the player's time zone). ``net`` is what was paid without tax, per
    real currency; it is recognised as revenue while the term is served.
    """

    id: UUID
    place: Place
    plan: UUID
    source: GrantSource
    term: Term
    zone: str
    net: Sequence[Money]
    entry_id: UUID | None
    reference: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Granted:
    """What a grant did: the term that it added, and the subscription as it is now."""

    grant: Grant
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Entitlement:
    """The right at one moment. ``until`` is None where there is no right."""

    player: UUID
    online_service: UUID
    entitled: bool
    until: datetime | None


@dataclass(frozen=True, slots=True)
class SignedEntitlement:
    """An entitlement with its proof, to be kept and checked offline until it expires; empty where there is no right."""

    entitlement: Entitlement
    token: str


@dataclass(frozen=True, slots=True)
class EntitlementChange:
    """From now on ``player`` may use ``online_service`` until ``until``. ``cursor`` continues behind this change.

    That a right runs out in time is no change: the change before said when.
    """

    cursor: str
    player: UUID
    online_service: UUID
    starts_at: datetime
    until: datetime
    source: GrantSource
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Earned:
    """What serving until the end of ``day`` earned and no earlier run had recognised.

    ``run`` counts the runs of this day that found something, from 1; the amounts are one for each currency.
    """

    day: date
    run: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Deferral:
    """What was deferred for a grant in one currency, and how much of it has been recognised."""

    grant: UUID
    net: Money
    recognised: Money
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class MovedGrant:
    """A term that an older system granted: ``starts_at``, included, until ``ends_at``, excluded.

    ``net`` is what was paid for it without tax and is not earned yet: revenue of what is left to serve at the cut-over.
    """

    id: UUID
    place: Place
    plan: UUID
    source: GrantSource
    starts_at: datetime
    ends_at: datetime
    net: Money
    entry_id: UUID | None
    reference: str


@dataclass(frozen=True, slots=True)
class GrantCount:
    """How many terms there are, and what was deferred for them when they came, in each currency."""

    grants: int
    net: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Unserved:
    """What of a grant that was sold lies ahead, and what of its price is not earned, per currency.

    ``sold`` is the grant that was sold, ``grant`` the one that has the time now: the same, or one that gave back what had been
    withheld of it. ``seconds`` are ahead, of ``of_seconds`` that all grants of this sale together have, ahead or served;
    ``sold_seconds`` were sold. ``entry_id`` is the sale's journal entry.
    """

    sold: UUID
    grant: UUID
    place: Place
    entry_id: UUID | None
    seconds: int
    of_seconds: int
    sold_seconds: int
    net: tuple[Money, ...]


class ConsentKind(StrEnum):
    """What a buyer agreed to who wanted time to begin before the period of withdrawal is over."""

    PAYS = "pays"  # for what is served until they withdraw
    WAIVES = "waives"  # they lose the right once it has begun


@dataclass(frozen=True, slots=True)
class Consent:
    """``wording`` is what the buyer was shown and agreed to."""

    grant: UUID
    kind: ConsentKind
    wording: str
    at: datetime

    def gives_up(self, grant: Grant, *, at: datetime) -> bool:
        """Whether the buyer has lost the right to withdraw from this grant: given up, and begun."""
        return self.kind is ConsentKind.WAIVES and grant.starts_at <= at


@dataclass(frozen=True, slots=True)
class Withheld:
    """Time that was cut off the unserved end of a grant, and ``net``, what had been paid for it without tax."""

    grant: UUID
    seconds: int
    net: Money


class Subscriptions(Passes, Protocol):
    def lock_set(self, *, places: Sequence[Place]) -> dict[Place, Subscription]:
        """Let nobody else begin or prolong these subscriptions until the transaction ends; answers those that exist.

        A journey that takes units calls it before it touches the wallets: subscriptions are locked before wallets.
        """
        ...

    def grant_set(
        self, *, grants: Sequence[GrantDraft], locked: Mapping[Place, Subscription]
    ) -> tuple[Granted, ...]:
        """Add terms, one after the other; a place may occur more than once. ``locked`` is what ``lock_set`` answered.

        Raises UnableToGrant for all of them together.
        """
        ...

    def grant(
        self,
        *,
        grant_id: UUID,
        player: UUID,
        online_service: UUID,
        plan: UUID,
        source: GrantSource,
        term: Term,
        zone: str,
        net: Sequence[Money],
        entry_id: UUID | None,
        reference: str,
        at: datetime,
    ) -> Granted:
        """As ``grant_set``, for one; it locks the subscription. Repeated with the same id it is one grant.

        Raises UnableToGrant.
        """
        ...

    # What a buyer agreed to.

    def keep_consent(self, *, consent: Consent) -> None:
        """Keep what was agreed to when a grant was bought, once and for ever."""
        ...

    def consents(self, *, grant_ids: Sequence[UUID]) -> Mapping[UUID, Consent]:
        """What was agreed to for these grants, by grant; one without consent is missing."""
        ...

    # Time that is taken back for money that goes back.

    def unserved(self, *, grant_ids: Sequence[UUID], at: datetime) -> tuple[Unserved, ...]:
        """What of these sold grants has time ahead, the latest time first."""
        ...

    @at_most_once
    def withhold(self, *, reference: UUID, withheld: Sequence[Withheld], at: datetime) -> None:
        """Cut time off the unserved ends of grants whose subscriptions are locked; what was granted behind them moves up.

        Raises UnableToWithhold for all of them together.
        """
        ...

    def take_withheld(self, *, reference: UUID, entry_key: str, at: datetime) -> tuple[Withheld, ...]:
        """The time is gone: the journey takes its price out of deferred revenue. Repeated it answers nothing."""
        ...

    @at_most_once
    def return_withheld(self, *, reference: UUID, at: datetime) -> tuple[Withheld, ...]:
        """The time is granted again, from the moment ``at`` or behind what is left; its price is earned then."""
        ...

    def withheld_place(self, *, reference: UUID) -> tuple[Place, ...]:
        """The subscriptions that time is withheld from: to be locked before it is taken or given back."""
        ...

    def preview(self, *, player: UUID, online_service: UUID, term: Term, zone: str, at: datetime) -> Period:
        """The term that a grant would add now. Promises nothing: only ``grant`` decides. Raises UnableToGrant."""
        ...

    def subscription(self, *, subscription_id: UUID) -> Subscription:
        """Raises UnableToFindSubscription."""
        ...

    def subscriptions(self, *, player: UUID) -> tuple[Subscription, ...]:
        """All of a player's, the latest to end first."""
        ...

    def bought_since(self, *, player: UUID, since: datetime) -> tuple[Grant, ...]:
        """What a player bought from a moment on, newest first; nothing that only gives back what had been withheld."""
        ...

    def grants(self, *, subscription_id: UUID) -> tuple[Grant, ...]:
        """The whole history of a subscription, newest first."""
        ...

    def entitlement(self, *, player: UUID, online_service: UUID, at: datetime) -> Entitlement:
        """The right at this moment; one indexed read."""
        ...

    def entitlement_token(self, *, player: UUID, online_service: UUID, at: datetime) -> SignedEntitlement:
        """The right with a JSON Web Token that proves it (EdDSA, RFC 8037).

        The token expires with the right, and after a quarter of an hour at the latest.
        """
        ...

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public keys that check entitlement tokens, as a JSON Web Key Set (RFC 7517)."""
        ...

    def entitlement_changes(self, *, after: str = "", limit: int = 100) -> tuple[EntitlementChange, ...]:
        """Changes behind the cursor ``after``, oldest first, none ever skipped. Raises UnableToListChanges.

        A change shows once no transaction that began before it is still open.
        """
        ...

    @at_most_once
    def recognise(self, *, day: date, at: datetime) -> Earned:
        """Mark as earned what was served until the end of ``day`` (UTC): of all grants, pro rata by the second, and of passes
        for the tournaments that ended by then.

        The journey posts it in the same transaction. No amounts mean that nothing was left to recognise. Raises
        UnableToRecognise. Rule: IFRS 15.35(a) and 15.39, revenue over time as the customer receives the service; of a pass
        at one moment (15.38), when its tournament has been held.
        """
        ...

    def deferrals(self, *, grant_id: UUID) -> tuple[Deferral, ...]:
        """What was deferred for one grant, by currency."""
        ...

    # Moving in from an older system.

    def take_grants(
        self, *, grants: Sequence[MovedGrant], locked: Mapping[Place, Subscription], at: datetime
    ) -> None:
        """Add terms as an older system granted them; a place may occur more than once, the earlier term first.

        ``at`` is the moment of the cut-over: from then on what is deferred is earned, until the term's end. ``locked`` is
        what ``lock_set`` answered. Raises UnableToTakeOver for all of them together.
        """
        ...

    def count_grants(self, *, grant_ids: Sequence[UUID]) -> GrantCount:
        """Of these terms only."""
        ...
