"""The catalogue: what can be bought, where, and for how much."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Query, Router
from pydantic import BaseModel, Field

from warchest.api.authentication import needs
from warchest.api.pages import Page
from warchest.api.shapes import Amount
from warchest.catalogue.contract import Catalogue, ListedPlan, ListedService
from warchest.kernel.currency import currency as find_currency
from warchest.kernel.period import TermUnit
from warchest.members.contract import Scope
from warchest.runtime.command import now
from warchest.runtime.services import services

router = Router(tags=["catalogue"])

Country = Annotated[
    str,
    Query(
        pattern=r"^([A-Z]{2})?$", description="ISO 3166-1 alpha-2; empty leaves out what only some may buy"
    ),
]
CurrencyCode = Annotated[
    str, Query(max_length=8, description="ISO 4217: in what prices are shown beside units")
]
Language = Annotated[
    str, Query(pattern=r"^[A-Za-z0-9-]{0,20}$", description="Of names; else Accept-Language")
]


class TermShape(BaseModel):
    count: int
    unit: TermUnit


class PlanShape(BaseModel):
    """``price`` is what one period costs in the currency asked for, null where it has none; ``price_units`` in units."""

    id: str
    code: str
    name: str
    term: TermShape
    price: Amount | None
    price_units: Amount

    @classmethod
    def of(cls, plan: ListedPlan) -> PlanShape:
        return cls(
            id=str(plan.id),
            code=plan.code,
            name=plan.name,
            term=TermShape(count=plan.term.count, unit=plan.term.unit),
            price=Amount.of(plan.price) if plan.price else None,
            price_units=Amount.of(plan.price_units),
        )


class OnlineServiceShape(BaseModel):
    """``picture`` is a path below the static files, empty where there is none."""

    id: str
    code: str
    name: str
    text: str
    picture: str
    plans: list[PlanShape] = Field(description="Those that can be bought now")

    @classmethod
    def of(cls, listed: ListedService) -> OnlineServiceShape:
        return cls(
            id=str(listed.id),
            code=listed.code,
            name=listed.name,
            text=listed.text,
            picture=listed.picture,
            plans=[PlanShape.of(plan) for plan in listed.plans],
        )


@router.get("/catalogue", auth=needs(Scope.CATALOGUE_READ), response=Page[OnlineServiceShape])
def show_catalogue(
    request: HttpRequest, country: Country = "", currency: CurrencyCode = "EUR", language: Language = ""
) -> Page[OnlineServiceShape]:
    """All online services with a plan that can be bought now, in the shop's order, on one page."""
    listed = services.get(Catalogue).catalogue(
        country=country,
        currency=find_currency(currency).code,
        language=language or get_language() or "en",
        at=now(),
    )
    return Page(items=[OnlineServiceShape.of(service) for service in listed], next_cursor=None)
