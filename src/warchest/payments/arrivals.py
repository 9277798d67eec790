"""What providers paid out, found again in the bank's statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from warchest.kernel.currency import currency as currency_of
from warchest.kernel.money import Money
from warchest.payments import providers
from warchest.payments import settlements as settled
from warchest.payments.contract.arrivals import MeantPayout, PayoutArrival, UnableToMatchPayout
from warchest.payments.contract.bank import EntryKept
from warchest.payments.contract.settlements import Settlement
from warchest.payments.models import PayoutArrival as ArrivalRow
from warchest.payments.models import Settlement as SettlementRow
from warchest.sdk.bank import compact

_REFERENCE_CHARACTERS_MIN = 6
"""A shorter reference may stand in a text by chance."""
_NAME_CHARACTERS_MIN = 4
_DAYS_BEFORE = timedelta(days=1)
_DAYS_AFTER = timedelta(days=14)
"""So long after it was settled a payout is still looked for by name and amount."""
_COMPARED_MAX = 1000


def payout_of(*, entry: EntryKept) -> MeantPayout | None:
    signed = entry.amount if entry.incoming else -entry.amount
    rows = list(_under_way(currency=entry.amount.currency.code)[:_COMPARED_MAX])
    rows = [row for row in rows if (row.paid_out_minor > 0) is entry.incoming]
    if not rows:
        return None
    written = compact(" ".join((entry.creditor_reference, entry.end_to_end_id, entry.text, entry.name)))
    named = [row for row in rows if _is_named(row, written)]
    if not named:
        named = _by_name_and_amount(rows, entry=entry, signed=signed)
    if not named or len({row.provider for row in named}) > 1:
        return None
    return _meant(named, signed=signed)


def _is_named(row: SettlementRow, written: str) -> bool:
    reference = compact(row.payout_reference)
    return len(reference) >= _REFERENCE_CHARACTERS_MIN and reference in written


def _by_name_and_amount(
    rows: Sequence[SettlementRow], *, entry: EntryKept, signed: Money
) -> list[SettlementRow]:
    days = (entry.booked_on - _DAYS_AFTER, entry.booked_on + _DAYS_BEFORE)
    alike = [
        row for row in rows if row.paid_out_minor == signed.minor and days[0] <= row.settled_on <= days[1]
    ]
    words = f"{entry.name} {entry.text}".casefold()
    alike = [row for row in alike if any(name in words for name in _names(row.provider))]
    return alike if len(alike) == 1 else []


def _names(provider: str) -> list[str]:
    labels = [one.label.split()[0] for one in providers.described() if one.name == provider and one.label]
    return [
        name.casefold() for name in dict.fromkeys([provider, *labels]) if len(name) >= _NAME_CHARACTERS_MIN
    ]


def _meant(rows: Sequence[SettlementRow], *, signed: Money) -> MeantPayout:
    paid_out = Money(sum(row.paid_out_minor for row in rows), signed.currency)
    return MeantPayout(
        provider=rows[0].provider,
        settlements=tuple(settled.frozen(rows)),
        paid_out=paid_out,
        difference=signed - paid_out,
    )


def take_arrival(
    *, settlements: Sequence[UUID], entry: EntryKept, journal_entry: UUID, actor: str, at: datetime
) -> MeantPayout:
    rows = list(SettlementRow.objects.filter(id__in=settlements).order_by("id"))
    if not rows or len(rows) < len(set(settlements)) or any(not row.paid_out_minor for row in rows):
        raise UnableToMatchPayout("payout_none")
    if len({row.provider for row in rows}) > 1:
        raise UnableToMatchPayout("payout_of_two")
    if any(row.currency != entry.amount.currency.code for row in rows):
        raise UnableToMatchPayout("payout_other_currency")
    # Two entries that want the same payout take turns, as do those who take settlements in.
    settled.lock_provider(rows[0].provider)
    if ArrivalRow.objects.filter(settlement__in=rows).exists():
        raise UnableToMatchPayout("payout_arrived")
    meant = _meant(rows, signed=entry.amount if entry.incoming else -entry.amount)
    ArrivalRow.objects.bulk_create(
        ArrivalRow(
            settlement=row,
            entry_id=entry.id,
            journal_entry=journal_entry,
            difference_minor=meant.difference.minor,
            matched_by=actor[:80],
            matched_at=at,
        )
        for row in rows
    )
    return meant


def payouts_under_way(
    *, before: date | None = None, currency: str = "", limit: int = 200
) -> tuple[Settlement, ...]:
    return tuple(settled.frozen(_under_way(before=before, currency=currency)[:limit]))


def _under_way(*, before: date | None = None, currency: str = "") -> QuerySet[SettlementRow]:
    rows = SettlementRow.objects.filter(arrival=None).exclude(paid_out_minor=0)
    if before is not None:
        rows = rows.filter(settled_on__lt=before)
    if currency:
        rows = rows.filter(currency=currency)
    return rows.order_by("settled_on", "id")


def arrivals(*, settlements: Sequence[UUID]) -> Mapping[UUID, PayoutArrival]:
    rows = ArrivalRow.objects.filter(settlement__in=settlements).select_related("settlement", "entry")
    return {
        row.settlement_id: PayoutArrival(
            settlement=row.settlement_id,
            entry=row.entry_id,
            booked_on=row.entry.booked_on,
            journal_entry=row.journal_entry,
            difference=Money(row.difference_minor, currency_of(row.settlement.currency)),
            by=row.matched_by,
            at=row.matched_at,
        )
        for row in rows
    }


def brought_by(*, entry_id: UUID) -> tuple[Settlement, ...]:
    rows = SettlementRow.objects.filter(arrival__entry=entry_id).order_by("settled_on", "id")
    return tuple(settled.frozen(rows))
