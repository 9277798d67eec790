"""Reads of resellers, their people and tills."""

from __future__ import annotations

from uuid import UUID

from warchest.cards.contract import Reseller, ResellerTerms, Till, UnableToTakeOnReseller
from warchest.cards.models import Reseller as ResellerRow
from warchest.cards.models import ResellerPerson
from warchest.cards.models import Till as TillRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money


def reseller(*, reseller_id: UUID) -> Reseller:
    row = ResellerRow.objects.filter(id=reseller_id).first()
    if row is None:
        raise UnableToTakeOnReseller("reseller_unknown")
    return frozen(row)


def reseller_named(*, name: str) -> Reseller | None:
    row = ResellerRow.objects.filter(name=name).first()
    return frozen(row) if row else None


def resellers(*, parent: UUID | None = None) -> tuple[Reseller, ...]:
    rows = ResellerRow.objects.order_by("name")
    if parent is not None:
        rows = rows.filter(parent_id=parent)
    tops = dict(ResellerRow.objects.filter(parent=None).values_list("id", "name"))
    return tuple(frozen(row, top_name=tops[row.top_id]) for row in rows)


def people_of_reseller(*, reseller_id: UUID) -> tuple[UUID, ...]:
    links = ResellerPerson.objects.filter(reseller_id=reseller_id, removed_at=None)
    return tuple(links.order_by("added_at", "id").values_list("player_id", flat=True))


def reseller_of_person(*, player: UUID) -> Reseller | None:
    link = ResellerPerson.objects.select_related("reseller").filter(player_id=player, removed_at=None).first()
    return frozen(link.reseller) if link else None


def till_of_client(*, client: UUID) -> Till | None:
    row = TillRow.objects.filter(client_id=client).first()
    return _till(row) if row else None


def tills_of_reseller(*, reseller_id: UUID) -> tuple[Till, ...]:
    return tuple(map(_till, TillRow.objects.filter(reseller_id=reseller_id).order_by("bound_at")))


def _till(row: TillRow) -> Till:
    return Till(row.client_id, row.reseller_id, row.title, row.bound_at)


def frozen(row: ResellerRow, *, top_name: str = "") -> Reseller:
    if not top_name:
        is_top = row.parent_id is None
        top_name = (
            row.name if is_top else ResellerRow.objects.values_list("name", flat=True).get(id=row.top_id)
        )
    return Reseller(
        id=row.id,
        name=row.name,
        terms=ResellerTerms(
            title=row.title,
            margin_bps=row.margin_bps,
            credit_limit=Money(row.credit_limit_minor, currency(row.currency)),
            payment_days=row.payment_days,
            regions=tuple(row.regions),
            contract=row.contract,
        ),
        parent=row.parent_id,
        top=row.top_id,
        top_name=top_name,
        taken_on_at=row.taken_on_at,
        suspended_at=row.suspended_at,
        suspension=row.suspension,
    )


def chain_of(row: ResellerRow) -> list[ResellerRow]:
    """A reseller and those above it, the top last."""
    found = [row]
    while found[-1].parent_id is not None:
        found.append(ResellerRow.objects.get(id=found[-1].parent_id))
    return found
