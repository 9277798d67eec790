"""The catalogue, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.kernel.period import Term


class UnableToFindInCatalogue(UnableTo):
    reasons = frozenset({"plan_unknown", "online_service_unknown", "tournament_unknown"})


class UnableToOffer(UnableTo):
    """The plan can't be bought: by this player's country, at this moment, or at all."""

    reasons = frozenset({"plan_unknown", "plan_not_offered"})


class UnableToEditCatalogue(UnableTo):
    """Nothing was added."""

    reasons = frozenset(
        {
            "code_taken",
            "code_malformed",  # 1 to 40 small letters, digits or '-'
            "name_missing",  # names need at least one language
            "country_unknown",  # no ISO 3166-1 alpha-2 code
            "online_service_unknown",
            "plan_unknown",
            "price_not_positive",
            "price_in_past",  # a price takes effect now or later
            "price_exists",  # another price of this plan and currency begins at the same moment
            "tournament_unknown",
            "tournament_not_a_period",  # it ends after it begins, and has not ended yet
            "capacity_out_of_range",  # at least one place; 0 is room for all
        }
    )


class OfferState(StrEnum):
    """Of an online service, of a plan and of a tournament. What is retired is not sold again; running subscriptions keep it."""

    DRAFT = "draft"
    OFFERED = "offered"
    RETIRED = "retired"


def in_language(texts: Mapping[str, str], language: str) -> str:
    """The text in this language (``pt-BR``), else in its base language (``pt``), else in English, else in the first."""
    for wanted in (language, language.partition("-")[0], "en"):
        if wanted in texts:
            return texts[wanted]
    return next(iter(texts.values()), "")


@dataclass(frozen=True, slots=True)
class OnlineService:
    """``countries`` are where it is offered (none: everywhere). ``picture`` is a path below the static files."""

    id: UUID
    code: str
    names: Mapping[str, str]
    texts: Mapping[str, str]
    picture: str
    order: int
    countries: frozenset[str]
    state: OfferState

    def offered_in(self, country: str) -> bool:
        return self.state is OfferState.OFFERED and (not self.countries or country in self.countries)


@dataclass(frozen=True, slots=True)
class Price:
    """What one term of a plan costs from ``valid_from`` on, until a later price of the same currency follows."""

    plan: UUID
    amount: Money
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """``prices`` are those in force at the moment asked for, one for each currency, the inner one included."""

    id: UUID
    online_service: UUID
    code: str
    names: Mapping[str, str]
    term: Term
    state: OfferState
    order: int
    prices: tuple[Price, ...]

    @property
    def price_units(self) -> Money | None:
        """What a wallet is charged for one term, in units; None where the plan is not sold for units."""
        return self.price_in("XCR")

    def price_in(self, currency: str) -> Money | None:
        return next((price.amount for price in self.prices if price.amount.currency.code == currency), None)


@dataclass(frozen=True, slots=True)
class PassPrice:
    """What a pass for a tournament costs from ``valid_from`` on, until a later price of the same currency follows."""

    tournament: UUID
    amount: Money
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class Tournament:
    """An event of an online service, which players enter with a pass each; ``capacity`` passes, or with 0 as many as come.

    ``prices`` of a pass are those in force at the moment asked for.
    """

    id: UUID
    online_service: UUID
    code: str
    names: Mapping[str, str]
    begins_at: datetime
    ends_at: datetime
    capacity: int
    state: OfferState
    prices: tuple[PassPrice, ...]

    def price_in(self, currency: str) -> Money | None:
        return next((price.amount for price in self.prices if price.amount.currency.code == currency), None)

    def is_open(self, at: datetime) -> bool:
        """Whether passes for it are given out at this moment."""
        return self.state is OfferState.OFFERED and at < self.ends_at


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan that may be bought now, and what one term of it costs in units."""

    plan: Plan
    online_service: OnlineService
    price_units: Money


@dataclass(frozen=True, slots=True)
class ListedPlan:
    """A plan as a buyer reads it. ``price`` is None where none is kept in the currency asked for; units always are."""

    id: UUID
    code: str
    name: str
    term: Term
    price: Money | None
    price_units: Money


@dataclass(frozen=True, slots=True)
class ListedService:
    """An online service as a buyer reads it, in one language, with the plans that can be bought now."""

    id: UUID
    code: str
    name: str
    text: str
    picture: str
    plans: tuple[ListedPlan, ...]


class Catalogue(Protocol):
    def online_service(self, *, online_service_id: UUID) -> OnlineService:
        """Raises UnableToFindInCatalogue (``online_service_unknown``)."""
        ...

    def online_services(self) -> tuple[OnlineService, ...]:
        """All of them, in whatever state, in their order."""
        ...

    def plan(self, *, plan_id: UUID, at: datetime) -> Plan:
        """A plan in whatever state, with the prices in force. Raises UnableToFindInCatalogue (``plan_unknown``)."""
        ...

    def plans(self, *, plan_ids: Sequence[UUID], at: datetime) -> dict[UUID, Plan]:
        """Those of the plans that exist, in two queries."""
        ...

    def plans_of(self, *, online_service_id: UUID, at: datetime) -> tuple[Plan, ...]:
        """All plans of an online service, in whatever state, in their order."""
        ...

    def prices(self, *, plan_id: UUID) -> tuple[Price, ...]:
        """Every price that the plan ever had or is going to have, the latest first."""
        ...

    def offer(self, *, plan_id: UUID, country: str, at: datetime) -> Offer:
        """The plan, if a player of this country may buy it for units at this moment. Raises UnableToOffer."""
        ...

    def catalogue(
        self, *, country: str, currency: str, language: str, at: datetime
    ) -> tuple[ListedService, ...]:
        """What can be bought for units in this country, in order. Services without such a plan are left out.

        An empty ``country`` leaves out only services that are limited to some countries.
        """
        ...

    def add_online_service(
        self,
        *,
        online_service_id: UUID,
        code: str,
        names: Mapping[str, str],
        texts: Mapping[str, str],
        picture: str = "",
        order: int = 0,
        countries: Sequence[str] = (),
        state: OfferState = OfferState.OFFERED,
    ) -> OnlineService:
        """Texts map a language's tag to the text. Repeated with the same id it is one service.

        Raises UnableToEditCatalogue.
        """
        ...

    def add_plan(
        self,
        *,
        plan_id: UUID,
        online_service_id: UUID,
        code: str,
        names: Mapping[str, str],
        term: Term,
        order: int = 0,
        state: OfferState = OfferState.OFFERED,
    ) -> Plan:
        """A plan without a price yet. Repeated with the same id it is one plan. Raises UnableToEditCatalogue."""
        ...

    def add_price(self, *, plan_id: UUID, amount: Money, valid_from: datetime, at: datetime) -> Price:
        """Let a price for one term take effect from a moment on; tax is included. The same price again changes nothing.

        Raises UnableToEditCatalogue.
        """
        ...

    # Tournaments.

    def tournament(self, *, tournament_id: UUID, at: datetime) -> Tournament:
        """A tournament in whatever state, with the prices in force. Raises UnableToFindInCatalogue
        (``tournament_unknown``)."""
        ...

    def tournaments(self, *, at: datetime) -> tuple[Tournament, ...]:
        """All of them, in whatever state, the latest to end first."""
        ...

    def add_tournament(
        self,
        *,
        tournament_id: UUID,
        online_service_id: UUID,
        code: str,
        names: Mapping[str, str],
        begins_at: datetime,
        ends_at: datetime,
        at: datetime,
        capacity: int = 0,
        state: OfferState = OfferState.OFFERED,
    ) -> Tournament:
        """A tournament without a price yet. Repeated with the same id it is one. Raises UnableToEditCatalogue."""
        ...

    def add_pass_price(
        self, *, tournament_id: UUID, amount: Money, valid_from: datetime, at: datetime
    ) -> PassPrice:
        """As ``add_price``, for a pass. Raises UnableToEditCatalogue."""
        ...
