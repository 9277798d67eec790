"""Resellers are taken on, suspended and resumed; people and tills are linked to them."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

import pycountry
from django.db import IntegrityError, transaction

from warchest.cards import reseller_queries as queries
from warchest.cards.contract import Reseller, ResellerTerms, Till, UnableToTakeOnReseller
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import ResellerPerson
from warchest.cards.models import Till as TillRow
from warchest.kernel.currency import INNER
from warchest.runtime.services import services

_NAME = re.compile(r"[a-z][a-z0-9-]{1,63}", re.ASCII)
_REFUSALS = {
    "reseller_within_parent": "reseller_outside_parent",
    "reseller_above_children": "reseller_above_children",
}


def take_on_reseller(
    *, reseller_id: UUID, name: str, parent: UUID | None, terms: ResellerTerms, actor: str, at: datetime
) -> Reseller:
    if not _NAME.fullmatch(name):
        raise UnableToTakeOnReseller("reseller_name_malformed")
    columns = _columns(terms)
    above = locked(parent) if parent is not None else None
    _check_within(terms, above)
    try:
        with transaction.atomic(using=services.alias("cards")):
            ResellerRow.objects.create(
                id=reseller_id,
                name=name,
                parent=above,
                top_id=above.top_id if above else reseller_id,
                currency=terms.credit_limit.currency.code,
                taken_on_by=actor,
                taken_on_at=at,
                **columns,
            )
    except IntegrityError as error:
        if "name" in (error.__cause__.diag.constraint_name or ""):  # type: ignore[union-attr]
            raise UnableToTakeOnReseller("reseller_name_taken") from None
        raise
    return queries.reseller(reseller_id=reseller_id)


def change_reseller(*, reseller_id: UUID, terms: ResellerTerms) -> Reseller:
    columns = _columns(terms)
    row = ResellerRow.objects.filter(id=reseller_id).first()
    if row is None:
        raise UnableToTakeOnReseller("reseller_unknown")
    # The parent first, as the trigger would: two who change a chain take turns from its top.
    above = locked(row.parent_id) if row.parent_id else None
    row = locked(reseller_id)
    if terms.credit_limit.currency.code != row.currency:
        raise UnableToTakeOnReseller("reseller_outside_parent")
    _check_within(terms, above)
    try:
        with transaction.atomic(using=services.alias("cards")):
            ResellerRow.objects.filter(id=reseller_id).update(**columns)
    except IntegrityError as error:
        reason = _REFUSALS.get(error.__cause__.diag.constraint_name or "")  # type: ignore[union-attr]
        if reason is None:
            raise
        raise UnableToTakeOnReseller(reason) from None
    return queries.reseller(reseller_id=reseller_id)


def _columns(terms: ResellerTerms) -> dict[str, object]:
    if not terms.title.strip():
        raise UnableToTakeOnReseller("reseller_title_missing")
    if not 0 <= terms.margin_bps <= 10_000:
        raise UnableToTakeOnReseller("reseller_margin_out_of_range")
    limit = terms.credit_limit
    if limit.minor < 0 or limit.currency == INNER or not 0 <= terms.payment_days <= 365:
        raise UnableToTakeOnReseller("reseller_credit_malformed")
    for region in terms.regions:
        if pycountry.countries.get(alpha_2=region) is None or region != region.upper():
            raise UnableToTakeOnReseller("region_unknown", region=region[:10])
    return {
        "title": terms.title.strip()[:120],
        "margin_bps": terms.margin_bps,
        "credit_limit_minor": limit.minor,
        "payment_days": terms.payment_days,
        "regions": sorted(set(terms.regions)),
        "contract": terms.contract.strip()[:60],
    }


def _check_within(terms: ResellerTerms, above: ResellerRow | None) -> None:
    if above is None:
        return
    if terms.margin_bps > above.margin_bps:
        raise UnableToTakeOnReseller("reseller_margin_out_of_range", margin_bps_max=above.margin_bps)
    reaches_out = above.regions and (not terms.regions or set(terms.regions) - set(above.regions))
    if reaches_out or terms.credit_limit.currency.code != above.currency:
        raise UnableToTakeOnReseller("reseller_outside_parent")


def suspend_reseller(*, reseller_id: UUID, reason: str, at: datetime) -> Reseller:
    if not reason.strip():
        raise UnableToTakeOnReseller("reason_missing")
    locked(reseller_id)
    ResellerRow.objects.filter(id=reseller_id, suspended_at=None).update(
        suspended_at=at, suspension=reason.strip()[:300]
    )
    return queries.reseller(reseller_id=reseller_id)


def resume_reseller(*, reseller_id: UUID) -> Reseller:
    locked(reseller_id)
    ResellerRow.objects.filter(id=reseller_id).update(suspended_at=None, suspension="")
    return queries.reseller(reseller_id=reseller_id)


def lock_reseller(*, reseller_id: UUID) -> Reseller:
    locked(reseller_id)
    return queries.reseller(reseller_id=reseller_id)


def locked(reseller_id: UUID) -> ResellerRow:
    row = ResellerRow.objects.select_for_update().filter(id=reseller_id).first()
    if row is None:
        raise UnableToTakeOnReseller("reseller_unknown")
    return row


def link_person(*, reseller_id: UUID, player: UUID, actor: str, at: datetime) -> None:
    row = locked(reseller_id)
    link = ResellerPerson(reseller=row, player_id=player, added_by=actor, added_at=at)
    ResellerPerson.objects.bulk_create([link], ignore_conflicts=True)
    known = ResellerPerson.objects.get(player_id=player, removed_at=None)
    if known.reseller_id != reseller_id:
        raise UnableToTakeOnReseller("person_of_another_reseller")


def unlink_person(*, reseller_id: UUID, player: UUID, at: datetime) -> None:
    ResellerPerson.objects.filter(reseller_id=reseller_id, player_id=player, removed_at=None).update(
        removed_at=at
    )


def bind_till(*, client: UUID, reseller_id: UUID, title: str, actor: str, at: datetime) -> Till:
    row = locked(reseller_id)
    till = TillRow(client_id=client, reseller=row, title=title.strip()[:60], bound_by=actor, bound_at=at)
    TillRow.objects.bulk_create([till], ignore_conflicts=True)
    bound = queries.till_of_client(client=client)
    assert bound is not None
    if bound.reseller != reseller_id:
        raise UnableToTakeOnReseller("till_of_another_reseller")
    return bound
