"""Tournaments: events of an online service, and what a pass for one costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from warchest.catalogue import operations
from warchest.catalogue.contract import (
    OfferState,
    PassPrice,
    Tournament,
    UnableToEditCatalogue,
    UnableToFindInCatalogue,
)
from warchest.catalogue.models import OnlineService as OnlineServiceRow
from warchest.catalogue.models import PassPrice as PassPriceRow
from warchest.catalogue.models import Tournament as TournamentRow
from warchest.kernel.currency import currency as currency_of
from warchest.kernel.money import Money
from warchest.runtime.services import services


def tournament(*, tournament_id: UUID, at: datetime) -> Tournament:
    found = _with_prices(TournamentRow.objects.filter(id=tournament_id), at)
    if not found:
        raise UnableToFindInCatalogue("tournament_unknown")
    return found[0]


def tournaments(*, at: datetime) -> tuple[Tournament, ...]:
    return _with_prices(TournamentRow.objects.order_by("-ends_at", "code"), at)


def add_tournament(
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
    operations.check_names(code, names)
    if not OnlineServiceRow.objects.filter(id=online_service_id).exists():
        raise UnableToEditCatalogue("online_service_unknown")
    if not begins_at < ends_at or ends_at <= at:
        raise UnableToEditCatalogue("tournament_not_a_period")
    if not 0 <= capacity < 2**31:
        raise UnableToEditCatalogue("capacity_out_of_range")
    if not TournamentRow.objects.filter(id=tournament_id).exists():
        try:
            with transaction.atomic(using=services.alias("catalogue")):
                TournamentRow.objects.create(
                    id=tournament_id,
                    online_service_id=online_service_id,
                    code=code,
                    names=dict(names),
                    begins_at=begins_at,
                    ends_at=ends_at,
                    capacity=capacity,
                    state=state,
                )
        except IntegrityError as error:
            if error.__cause__.diag.constraint_name != "tournament_code_once":  # type: ignore[union-attr]
                raise
            raise UnableToEditCatalogue("code_taken", code=code) from None
    return tournament(tournament_id=tournament_id, at=at)


def add_pass_price(*, tournament_id: UUID, amount: Money, valid_from: datetime, at: datetime) -> PassPrice:
    if amount.minor <= 0:
        raise UnableToEditCatalogue("price_not_positive")
    if not TournamentRow.objects.filter(id=tournament_id).exists():
        raise UnableToEditCatalogue("tournament_unknown")
    place = {"tournament_id": tournament_id, "currency": amount.currency.code, "valid_from": valid_from}
    there = PassPriceRow.objects.filter(**place).first()
    if there is None:
        if valid_from < at:
            raise UnableToEditCatalogue("price_in_past")
        there, _ = PassPriceRow.objects.get_or_create(**place, defaults={"amount_minor": amount.minor})
    if there.amount_minor != amount.minor:
        raise UnableToEditCatalogue("price_exists", currency=amount.currency.code)
    return PassPrice(tournament=tournament_id, amount=amount, valid_from=valid_from)


def _with_prices(rows: Iterable[TournamentRow], at: datetime) -> tuple[Tournament, ...]:
    listed = list(rows)
    in_force = (
        PassPriceRow.objects.filter(tournament_id__in=[row.id for row in listed], valid_from__lte=at)
        .order_by("tournament_id", "currency", "-valid_from")
        .distinct("tournament_id", "currency")
    )
    prices_of: dict[UUID, list[PassPrice]] = {}
    for row in in_force:
        amount = Money(row.amount_minor, currency_of(row.currency))
        prices_of.setdefault(row.tournament_id, []).append(
            PassPrice(tournament=row.tournament_id, amount=amount, valid_from=row.valid_from)
        )
    return tuple(
        Tournament(
            id=row.id,
            online_service=row.online_service_id,
            code=row.code,
            names=row.names,
            begins_at=row.begins_at,
            ends_at=row.ends_at,
            capacity=row.capacity,
            state=OfferState(row.state),
            prices=tuple(prices_of.get(row.id, ())),
        )
        for row in listed
    )
