"""Time that is taken back: cut off a grant's unserved end while a refund is decided, then gone for good or granted again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.ids import new_id
from warchest.kernel.money import Money
from warchest.runtime.services import services
from warchest.subscriptions.contract import Place, UnableToWithhold, Unserved, Withheld
from warchest.subscriptions.models import Deferral as DeferralRow
from warchest.subscriptions.models import Grant as GrantRow
from warchest.subscriptions.models import Subscription as SubscriptionRow
from warchest.subscriptions.models import Withholding as WithholdingRow

GRANTED_AGAIN = "withheld:"
"""So the references of grants begin that give back what was withheld."""

_WITHHOLD = "SELECT subscriptions_withhold(%s, %s, %s, %s, %s)"
_TELL = "SELECT subscriptions_tell_change(%s, %s, %s)"


def unserved(*, grant_ids: Sequence[UUID], at: datetime) -> tuple[Unserved, ...]:
    found = []
    for sold in grant_ids:
        rows = _of_sale(sold)
        held = sum(
            part.seconds for row in rows for part in row.withholdings.all() if part.state != "returned"
        )
        length = sum(map(_seconds, rows))
        for row in rows:
            ahead = int((row.ends_at - max(row.starts_at, min(at, row.ends_at))).total_seconds())
            left = sorted(row.deferrals.all(), key=lambda part: part.currency)
            if ahead:
                found.append(
                    Unserved(
                        sold=sold,
                        grant=row.id,
                        place=Place(row.subscription.player, row.subscription.online_service),
                        entry_id=row.entry_id,
                        seconds=ahead,
                        of_seconds=length,
                        sold_seconds=length + held,
                        net=tuple(
                            Money(part.net_minor - part.recognised_minor, currency(part.currency))
                            for part in left
                        ),
                    )
                )
    return tuple(found)


def _of_sale(sold: UUID) -> list[GrantRow]:
    """A grant that was sold, and those that gave back what had been withheld of it, the latest first."""
    found: list[GrantRow] = []
    wanted = GrantRow.objects.filter(id=sold)
    while rows := list(wanted.select_related("subscription").prefetch_related("deferrals", "withholdings")):
        found += rows
        again = [
            f"{GRANTED_AGAIN}{part.id}"
            for row in rows
            for part in row.withholdings.all()
            if part.state == "returned"
        ]
        wanted = GrantRow.objects.filter(
            subscription__in={row.subscription_id for row in rows}, reference__in=again
        )
    return sorted(found, key=lambda row: row.starts_at, reverse=True)


def _seconds(row: GrantRow) -> int:
    return int((row.ends_at - row.starts_at).total_seconds())


def withhold(*, reference: UUID, withheld: Sequence[Withheld], at: datetime) -> None:
    for part in withheld:
        with services.database("subscriptions").cursor() as cursor:
            unit = part.net.currency.code
            cursor.execute(_WITHHOLD, [part.grant, part.seconds, unit, part.net.minor, at])
            if not cursor.fetchone()[0]:
                raise UnableToWithhold("time_gone")
        WithholdingRow.objects.create(
            id=new_id(),
            reference=reference,
            grant_id=part.grant,
            seconds=part.seconds,
            currency=unit,
            net_minor=part.net.minor,
            held_at=at,
        )


def withheld_place(*, reference: UUID) -> tuple[Place, ...]:
    rows = WithholdingRow.objects.filter(reference=reference).select_related("grant__subscription")
    places = {Place(row.grant.subscription.player, row.grant.subscription.online_service) for row in rows}
    return tuple(sorted(places, key=lambda place: (place.player, place.online_service)))


def take_withheld(*, reference: UUID, entry_key: str, at: datetime) -> tuple[Withheld, ...]:
    return tuple(map(_withheld, _decide(reference, "taken", entry_key=entry_key, at=at)))


def return_withheld(*, reference: UUID, at: datetime) -> tuple[Withheld, ...]:
    rows = _decide(reference, "returned", entry_key="", at=at)
    for row in rows:
        if row.seconds:
            _grant_again(row, at=at)
    return tuple(map(_withheld, rows))


def _decide(reference: UUID, state: str, *, entry_key: str, at: datetime) -> list[WithholdingRow]:
    rows = list(
        WithholdingRow.objects.select_for_update(of=("self",))
        .filter(reference=reference, state="held")
        .select_related("grant__subscription")
        .order_by("id")
    )
    for row in rows:
        row.state, row.decided_at, row.entry_key = state, at, entry_key
        row.save(update_fields=["state", "decided_at", "entry_key"])
    return rows


def _grant_again(row: WithholdingRow, *, at: datetime) -> None:
    """The same length behind what is left. By seconds and not by months: it is what was cut off, no more and no less."""
    of = SubscriptionRow.objects.select_for_update().get(id=row.grant.subscription_id)
    starts_at = max(of.ends_at, at)
    if of.ends_at < starts_at:
        of.starts_at = starts_at
    of.ends_at = starts_at + timedelta(seconds=row.seconds)
    of.save(update_fields=["starts_at", "ends_at"])
    again = GrantRow.objects.create(
        id=new_id(),
        subscription=of,
        source=row.grant.source,
        plan=row.grant.plan,
        starts_at=starts_at,
        ends_at=of.ends_at,
        entry_id=row.grant.entry_id,
        reference=f"{GRANTED_AGAIN}{row.id}",
        granted_at=at,
    )
    if row.net_minor:
        DeferralRow.objects.create(
            grant=again,
            currency=row.currency,
            net_minor=row.net_minor,
            starts_at=starts_at,
            ends_at=of.ends_at,
        )
    with services.database("subscriptions").cursor() as cursor:
        cursor.execute(_TELL, [of.id, row.grant.source, at])


def _withheld(row: WithholdingRow) -> Withheld:
    return Withheld(row.grant_id, row.seconds, Money(row.net_minor, currency(row.currency)))
