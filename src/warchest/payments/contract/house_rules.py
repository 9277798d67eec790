"""Rules that the house sets for payments: data with a validity and a history, changed without a new version of anything.

Each kind is a frozen row. Amounts are in major units of the rule's currency, as text ("12.50"); an empty field does not
narrow a rule. A rule is never changed: it is ended, and another takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.calls import at_most_once
from warchest.kernel.errors import UnableTo


class UnableToSetRule(UnableTo):
    reasons = frozenset(
        {
            "rule_malformed",  # ``field`` and ``explanation`` are in the details
            "rule_in_past",  # a rule can only begin, or end, now or later
            "rule_unknown",
            "rule_ended",  # it has ended already, or ends earlier
        }
    )


class RuleKind(StrEnum):
    ROUTE = "route"
    METHOD = "method"
    BOUNDS = "bounds"
    BONUS = "bonus"
    FRAUD = "fraud"
    REVIEW = "review"
    WITHDRAWAL = "withdrawal"


@dataclass(frozen=True, slots=True)
class Route:
    """Which payments go to a provider, and before which others: the least ``priority`` comes first, then the cheapest.

    ``never``: those payments don't go there at all. ``amount_from`` is included, ``amount_below`` is not; they need
    ``currency``. ``fee_percent`` and ``fee_fixed`` (in ``currency``) are what the provider keeps, to compare costs by.
    """

    provider: str
    method: str = ""
    countries: tuple[str, ...] = ()
    currency: str = ""
    amount_from: str = ""
    amount_below: str = ""
    priority: int = 100
    never: bool = False
    fee_percent: str = "0"
    fee_fixed: str = "0"


@dataclass(frozen=True, slots=True)
class MethodSwitch:
    """A method that is off in these countries; ``only``: off everywhere else. ``provider`` empty: whoever offers it."""

    method: str
    countries: tuple[str, ...]
    only: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True)
class AmountBounds:
    """The least and the most of one payment in a currency, both included; of several that fit, each must be kept."""

    currency: str
    least: str
    most: str
    provider: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class TopUpBonus:
    """Who pays at least ``amount_from`` gets ``percent`` of the units on top, as a promotion that ends after ``days`` (0:
    never). Of several that fit, the one with the greatest ``amount_from`` counts."""

    currency: str
    amount_from: str
    percent: str
    days: int = 0


class FraudTest(StrEnum):
    COUNT = "count"  # so many payments within the time
    UNITS = "units"  # payments of so many units together within the time, this one included
    CARDS = "cards"  # so many different cards within the time
    MISMATCH = "mismatch"  # two countries that differ, and both are known


class FraudKey(StrEnum):
    """By what payments are taken together."""

    PLAYER = "player"
    CARD = "card"
    ADDRESS = "address"
    NETWORK = "network"  # /24 of IPv4, /48 of IPv6


class Counting(StrEnum):
    ALL = "all"
    FAILED = "failed"  # failed and blocked ones: who tries stolen cards leaves these


class Countries(StrEnum):
    """Which two countries a mismatch is between."""

    PLAYER_CARD = "player_card"
    PLAYER_ADDRESS = "player_address"
    CARD_ADDRESS = "card_address"


class FraudVerdict(StrEnum):
    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"


@dataclass(frozen=True, slots=True)
class FraudRule:
    """When more than ``limit`` within ``minutes``, or on a mismatch: ``verdict``. ``units_below``: only payments of fewer
    units count (0: all), which finds those that try cards with small amounts."""

    test: FraudTest
    verdict: FraudVerdict
    by: FraudKey = FraudKey.PLAYER
    counting: Counting = Counting.ALL
    limit: int = 0
    minutes: int = 60
    units_below: int = 0
    between: Countries = Countries.PLAYER_CARD


@dataclass(frozen=True, slots=True)
class ReviewTerms:
    """From ``four_eyes_units`` units on two people decide a review (0: always one). After ``alert_hours`` a payment under
    review, or of unknown outcome, is told to who watches."""

    four_eyes_units: int = 0
    alert_hours: int = 24


@dataclass(frozen=True, slots=True)
class WithdrawalTerms:
    """Consumers in these countries (none: in every country without a rule of its own) may withdraw from a top-up or a purchase
    within ``days`` after its day; 0: not at all. Who asks that time begins at once pays for what is served of it, or,
    ``may_waive``, has no right left once it has begun (Directive 2011/83/EU, articles 9, 14(3) and 16)."""

    days: int
    countries: tuple[str, ...] = ()
    may_waive: bool = False


Terms = Route | MethodSwitch | AmountBounds | TopUpBonus | FraudRule | ReviewTerms | WithdrawalTerms


@dataclass(frozen=True, slots=True)
class HouseRule:
    """One rule. It holds from ``valid_from`` (included) until ``valid_until`` (not included; None: until it is ended)."""

    id: UUID
    kind: RuleKind
    name: str
    terms: Terms
    valid_from: datetime
    valid_until: datetime | None
    made_at: datetime
    made_by: str
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """``valid_from`` None: at once."""

    name: str
    terms: Terms
    valid_from: datetime | None = None
    valid_until: datetime | None = None


class HouseRules(Protocol):
    # Within a journey's transaction.

    @at_most_once
    def set_rule(self, *, draft: RuleDraft, actor: str, at: datetime) -> HouseRule:
        """Raises UnableToSetRule."""
        ...

    def end_rule(self, *, rule_id: UUID, until: datetime, actor: str, at: datetime) -> HouseRule:
        """Have a rule end at ``until``. Raises UnableToSetRule."""
        ...

    # Reads.

    def house_rules(
        self, *, kinds: Sequence[RuleKind] = (), at: datetime | None = None
    ) -> tuple[HouseRule, ...]:
        """Rules of these kinds (none: all), in force at ``at`` (None: with their whole history), oldest first."""
        ...
