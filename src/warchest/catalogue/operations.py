"""Writes of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import pycountry
from django.db import IntegrityError, transaction

from warchest.catalogue import queries
from warchest.catalogue.contract import OfferState, OnlineService, Plan, Price, UnableToEditCatalogue
from warchest.catalogue.models import OnlineService as OnlineServiceRow
from warchest.catalogue.models import Plan as PlanRow
from warchest.catalogue.models import Price as PriceRow
from warchest.kernel.money import Money
from warchest.kernel.period import Term
from warchest.runtime.services import services

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)


def add_online_service(
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
    check_names(code, names)
    for country in countries:
        if pycountry.countries.get(alpha_2=country) is None:
            raise UnableToEditCatalogue("country_unknown", country=country[:8])
    row = OnlineServiceRow(
        id=online_service_id,
        code=code,
        names=dict(names),
        texts=dict(texts),
        picture=picture,
        order=order,
        countries=sorted(set(countries)),
        state=state,
    )
    _insert(row)
    return queries.online_service(online_service_id=online_service_id)


def add_plan(
    *,
    plan_id: UUID,
    online_service_id: UUID,
    code: str,
    names: Mapping[str, str],
    term: Term,
    order: int = 0,
    state: OfferState = OfferState.OFFERED,
) -> Plan:
    check_names(code, names)
    if not OnlineServiceRow.objects.filter(id=online_service_id).exists():
        raise UnableToEditCatalogue("online_service_unknown")
    row = PlanRow(
        id=plan_id,
        online_service_id=online_service_id,
        code=code,
        names=dict(names),
        term_count=term.count,
        term_unit=term.unit,
        order=order,
        state=state,
    )
    _insert(row)
    row.refresh_from_db()
    return queries.plan(plan_id=plan_id, at=row.recorded_at)


def add_price(*, plan_id: UUID, amount: Money, valid_from: datetime, at: datetime) -> Price:
    if amount.minor <= 0:
        raise UnableToEditCatalogue("price_not_positive")
    if not PlanRow.objects.filter(id=plan_id).exists():
        raise UnableToEditCatalogue("plan_unknown")
    place = {"plan_id": plan_id, "currency": amount.currency.code, "valid_from": valid_from}
    there = PriceRow.objects.filter(**place).first()
    if there is None:
        # A price in the past would change what was charged for it.
        if valid_from < at:
            raise UnableToEditCatalogue("price_in_past")
        there, _ = PriceRow.objects.get_or_create(**place, defaults={"amount_minor": amount.minor})
    if there.amount_minor != amount.minor:
        raise UnableToEditCatalogue("price_exists", currency=amount.currency.code)
    return Price(plan=plan_id, amount=amount, valid_from=valid_from)


def check_names(code: str, names: Mapping[str, str]) -> None:
    if not _CODE.fullmatch(code):
        raise UnableToEditCatalogue("code_malformed")
    if not any(names.values()):
        raise UnableToEditCatalogue("name_missing")


def _insert(row: OnlineServiceRow | PlanRow) -> None:
    """Add the row unless one of its id is there already; another one with its code is a refusal."""
    if type(row).objects.filter(id=row.id).exists():
        return
    try:
        with transaction.atomic(using=services.alias("catalogue")):
            row.save(force_insert=True)
    except IntegrityError as error:
        violated = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if violated in ("online_service_code_once", "plan_code_once"):
            raise UnableToEditCatalogue("code_taken", code=row.code) from None
        if violated not in ("catalogue_onlineservice_pkey", "catalogue_plan_pkey"):
            raise
