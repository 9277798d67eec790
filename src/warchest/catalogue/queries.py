"""Reads of the catalogue. All answer frozen rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from warchest.catalogue.contract import (
    ListedPlan,
    ListedService,
    Offer,
    OfferState,
    OnlineService,
    Plan,
    Price,
    UnableToFindInCatalogue,
    UnableToOffer,
    in_language,
)
from warchest.catalogue.models import OnlineService as OnlineServiceRow
from warchest.catalogue.models import Plan as PlanRow
from warchest.catalogue.models import Price as PriceRow
from warchest.kernel.currency import currency as currency_of
from warchest.kernel.money import Money
from warchest.kernel.period import Term, TermUnit
from warchest.runtime.facts import Facts


def online_service(*, online_service_id: UUID) -> OnlineService:
    row = OnlineServiceRow.objects.filter(id=online_service_id).first()
    if row is None:
        raise UnableToFindInCatalogue("online_service_unknown")
    return _service(row)


def online_services() -> tuple[OnlineService, ...]:
    return tuple(_service(row) for row in OnlineServiceRow.objects.order_by("order", "code"))


def plan(*, plan_id: UUID, at: datetime) -> Plan:
    found = plans(plan_ids=[plan_id], at=at)
    if plan_id not in found:
        raise UnableToFindInCatalogue("plan_unknown")
    return found[plan_id]


def plans(*, plan_ids: Sequence[UUID], at: datetime) -> dict[UUID, Plan]:
    return _with_prices(PlanRow.objects.filter(id__in=plan_ids), at)


def plans_of(*, online_service_id: UUID, at: datetime) -> tuple[Plan, ...]:
    rows = PlanRow.objects.filter(online_service=online_service_id).order_by("order", "code")
    return tuple(_with_prices(rows, at).values())


def prices(*, plan_id: UUID) -> tuple[Price, ...]:
    rows = PriceRow.objects.filter(plan_id=plan_id).order_by("-valid_from", "currency")
    return tuple(_price(row) for row in rows)


def offer(*, plan_id: UUID, country: str, at: datetime) -> Offer:
    plan, service = _sold.now().plan(plan_id, at)
    if plan is None or service is None:
        raise UnableToOffer("plan_unknown")
    price_units = plan.price_units
    if plan.state is not OfferState.OFFERED or not service.offered_in(country) or price_units is None:
        raise UnableToOffer("plan_not_offered")
    return Offer(plan=plan, online_service=service, price_units=price_units)


class _Sold:
    """All that is or was sold, with every price that it ever had or is going to have."""

    def __init__(self) -> None:
        self._services = {service.id: service for service in online_services()}
        self._rows = {row.id: row for row in PlanRow.objects.all()}
        # A plan, from each moment on at which one of its prices changes; it stays the same until the next.
        self._changes: dict[UUID, list[datetime]] = {plan_id: [] for plan_id in self._rows}
        self._prices: dict[UUID, list[Price]] = {plan_id: [] for plan_id in self._rows}
        for row in PriceRow.objects.order_by("valid_from"):
            self._changes[row.plan_id].append(row.valid_from)
            self._prices[row.plan_id].append(_price(row))
        self._plans: dict[tuple[UUID, int], Plan] = {}

    def plan(self, plan_id: UUID, at: datetime) -> tuple[Plan | None, OnlineService | None]:
        """A plan with the prices in force at this moment, and its online service."""
        row = self._rows.get(plan_id)
        if row is None:
            return None, None
        begun = bisect_right(self._changes[plan_id], at)
        found = self._plans.get((plan_id, begun))
        if found is None:
            # The latest of each currency that has begun.
            in_force = {price.amount.currency.code: price for price in self._prices[plan_id][:begun]}
            prices = [in_force[code] for code in sorted(in_force)]
            found = self._plans[plan_id, begun] = _plan(row, prices)
        return found, self._services[row.online_service_id]


_sold = Facts(service="catalogue", read=_Sold)


def catalogue(*, country: str, currency: str, language: str, at: datetime) -> tuple[ListedService, ...]:
    services = [_service(row) for row in OnlineServiceRow.objects.order_by("order", "code")]
    offered = [service for service in services if service.offered_in(country)]
    rows = PlanRow.objects.filter(
        online_service__in=[service.id for service in offered], state=OfferState.OFFERED
    )
    plans_of: dict[UUID, list[ListedPlan]] = {}
    for found in _with_prices(rows.order_by("order", "code"), at).values():
        if found.price_units is not None:
            plans_of.setdefault(found.online_service, []).append(
                ListedPlan(
                    id=found.id,
                    code=found.code,
                    name=in_language(found.names, language),
                    term=found.term,
                    price=found.price_in(currency),
                    price_units=found.price_units,
                )
            )
    return tuple(
        ListedService(
            id=service.id,
            code=service.code,
            name=in_language(service.names, language),
            text=in_language(service.texts, language),
            picture=service.picture,
            plans=tuple(plans_of[service.id]),
        )
        for service in offered
        if service.id in plans_of
    )


def _with_prices(rows: Iterable[PlanRow], at: datetime) -> dict[UUID, Plan]:
    listed = list(rows)
    # The latest of each currency that has begun: DISTINCT ON keeps the first row of each.
    in_force = (
        PriceRow.objects.filter(plan_id__in=[row.id for row in listed], valid_from__lte=at)
        .order_by("plan_id", "currency", "-valid_from")
        .distinct("plan_id", "currency")
    )
    prices_of: dict[UUID, list[Price]] = {}
    for row in in_force:
        prices_of.setdefault(row.plan_id, []).append(_price(row))
    return {row.id: _plan(row, prices_of.get(row.id, ())) for row in listed}


def _plan(row: PlanRow, prices: Iterable[Price]) -> Plan:
    return Plan(
        id=row.id,
        online_service=row.online_service_id,
        code=row.code,
        names=row.names,
        term=Term(row.term_count, TermUnit(row.term_unit)),
        state=OfferState(row.state),
        order=row.order,
        prices=tuple(prices),
    )


def _service(row: OnlineServiceRow) -> OnlineService:
    return OnlineService(
        id=row.id,
        code=row.code,
        names=row.names,
        texts=row.texts,
        picture=row.picture,
        order=row.order,
        countries=frozenset(row.countries),
        state=OfferState(row.state),
    )


def _price(row: PriceRow) -> Price:
    return Price(
        plan=row.plan_id, amount=Money(row.amount_minor, currency_of(row.currency)), valid_from=row.valid_from
    )
