"""Reads of statements, entries and payouts. All answer frozen rows."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, OuterRef, Q, Subquery

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments import queries as payment_queries
from warchest.payments.bank import rules, sealed
from warchest.payments.contract.bank import (
    EntryKept,
    EntryState,
    PayoutFileKept,
    PayoutWanted,
    Resolution,
    StatementKept,
    Suggestion,
    UnableToFindBankEntry,
    WaitReason,
)
from warchest.payments.models import BankEntry as EntryRow
from warchest.payments.models import BankStatement as StatementRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Payout as PayoutRow
from warchest.payments.models import PayoutFile as PayoutFileRow
from warchest.payments.rules import OPEN

_LIMIT_MAX = 500
_COMPARED_MAX = 5000
"""So many open payments are compared with what somebody wrote, the newest first."""


def bank_entry(*, entry_id: UUID) -> EntryKept:
    row = EntryRow.objects.select_related("statement").filter(id=entry_id).first()
    if row is None:
        raise UnableToFindBankEntry("bank_entry_unknown")
    return frozen(row)


def bank_entries(
    *,
    state: EntryState | None = None,
    statement: UUID | None = None,
    incoming: bool | None = None,
    before: UUID | None = None,
    limit: int = 100,
) -> tuple[EntryKept, ...]:
    rows = EntryRow.objects.select_related("statement").order_by("-id")
    if state is not None:
        rows = rows.filter(state=state)
    if statement is not None:
        rows = rows.filter(statement=statement)
    if incoming is not None:
        rows = rows.filter(incoming=incoming)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return tuple(frozen(row) for row in rows[: min(limit, _LIMIT_MAX)])


def new_entries(*, limit: int = 1000) -> tuple[UUID, ...]:
    rows = EntryRow.objects.filter(state=EntryState.NEW).order_by("id")
    return tuple(rows.values_list("id", flat=True)[:limit])


def statements(*, limit: int = 20) -> tuple[StatementKept, ...]:
    before = StatementRow.objects.filter(iban=OuterRef("iban"), id__lt=OuterRef("id"))
    before = before.filter(closed_on__lte=OuterRef("closed_on")).order_by("-closed_on", "-id")
    rows = StatementRow.objects.order_by("-id").annotate(
        waiting=Count("entries", filter=Q(entries__state__in=[EntryState.NEW, EntryState.WAITING])),
        closed_before=Subquery(before.values("closing_minor")[:1]),
    )
    return tuple(
        StatementKept(
            id=row.id,
            provider=row.provider,
            iban=row.iban,
            statement_id=row.statement_id,
            opening=Money(row.opening_minor, currency(row.currency)),
            closing=Money(row.closing_minor, currency(row.currency)),
            closed_on=row.closed_on,
            imported_at=row.imported_at,
            entries=row.entry_count,
            waiting=row.waiting,
            missing_before=row.closed_before is not None and row.closed_before != row.opening_minor,
        )
        for row in rows[: min(limit, _LIMIT_MAX)]
    )


def suggestions(*, entry_id: UUID, limit: int = 5) -> tuple[Suggestion, ...]:
    entry = bank_entry(entry_id=entry_id)
    if not entry.incoming or entry.state is not EntryState.WAITING:
        return ()
    rows = PaymentRow.objects.filter(
        provider=entry.provider, currency=entry.amount.currency.code, status__in=OPEN
    )
    written = [entry.creditor_reference, entry.text, entry.end_to_end_id]
    found: list[Suggestion] = []
    for row in rows.exclude(provider_reference="").order_by("-id")[:_COMPARED_MAX]:
        differing = rules.differing(row.provider_reference, written=written)
        if differing <= rules.ALIKE_CHARACTERS_MAX:
            found.append(Suggestion(payment_queries.frozen(row), "reference_alike", differing))
        elif row.amount_minor == entry.amount.minor:
            found.append(Suggestion(payment_queries.frozen(row), "amount_alike", differing))
    return tuple(sorted(found, key=lambda one: (one.differing, -one.payment.opened_at.timestamp()))[:limit])


def payouts(*, waiting: bool = False, limit: int = 100) -> tuple[PayoutWanted, ...]:
    rows = PayoutRow.objects.order_by("-id")
    if waiting:
        rows = rows.filter(file=None)
    return tuple(payout_of(row) for row in rows[: min(limit, _LIMIT_MAX)])


def payout_files(*, limit: int = 20) -> tuple[PayoutFileKept, ...]:
    return tuple(map(file_of, PayoutFileRow.objects.order_by("-id")[: min(limit, _LIMIT_MAX)]))


def frozen(row: EntryRow) -> EntryKept:
    """The row as the contract shows it. Its statement must have been read with it."""
    said = sealed.unseal(row.id, bytes(row.sealed))
    return EntryKept(
        id=row.id,
        statement=row.statement_id,
        provider=row.statement.provider,
        account=row.iban,
        statement_name=row.statement_name,
        reference=row.reference,
        amount=Money(row.amount_minor, currency(row.currency)),
        incoming=row.incoming,
        booked_on=row.booked_on,
        creditor_reference=row.creditor_reference,
        end_to_end_id=row.end_to_end_id,
        name=said["name"],
        iban=said["iban"],
        text=said["text"],
        state=EntryState(row.state),
        reason=WaitReason(row.reason) if row.reason else None,
        resolution=Resolution(row.resolution) if row.resolution else None,
        payment=row.payment_id,
        journal_entry=row.journal_entry,
        note=row.note,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
    )


def payout_of(row: PayoutRow) -> PayoutWanted:
    """The row as the contract shows it."""
    to = sealed.unseal(row.id, bytes(row.sealed))
    return PayoutWanted(
        id=row.id,
        purpose=row.purpose,
        reference=row.reference,
        amount=Money(row.amount_minor, currency(row.currency)),
        name=to["name"],
        iban=to["iban"],
        wanted_at=row.wanted_at,
        file=row.file_id,
        done=row.done_at is not None,
    )


def file_of(row: PayoutFileRow) -> PayoutFileKept:
    """The row as the contract shows it."""
    return PayoutFileKept(
        id=row.id,
        provider=row.provider,
        count=row.order_count,
        total=Money(row.total_minor, currency(row.currency)),
        made_at=row.made_at,
        execute_on=row.execute_on,
        made_by=row.made_by,
    )
