"""Netting statements with the entities of other clusters."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.db import IntegrityError, transaction

from warchest.accounting.contract import NettingState, NettingStatement, Settled, UnableToNet
from warchest.accounting.models import NettingStatement as StatementRow
from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime.services import services


def keep_statement(*, statement: NettingStatement) -> NettingStatement:
    row = StatementRow(
        id=statement.id,
        cluster=statement.cluster,
        currency=statement.payable.currency.code,
        until=statement.until,
        payable_minor=statement.payable.minor,
        receivable_minor=statement.receivable.minor,
        state=statement.state,
        drawn_up_by=statement.drawn_up_by,
        drawn_up_at=statement.drawn_up_at,
        their_payable_minor=_minor(statement.their_payable),
        their_receivable_minor=_minor(statement.their_receivable),
    )
    try:
        with transaction.atomic(using=services.alias("accounting")):
            row.save(force_insert=True)
    except IntegrityError as error:
        violated = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if violated == "netting_open_once":
            raise UnableToNet("statement_open") from None
        if violated != "accounting_nettingstatement_pkey":
            raise
    kept = _as_statement(_locked(statement.id))
    told = (statement.cluster, statement.until, statement.payable, statement.receivable)
    if (kept.cluster, kept.until, kept.payable, kept.receivable) != told:
        raise UnableToNet("statement_id_reused")
    return kept


def decide_statement(
    *, statement_id: UUID, agreed: bool, payable: Money, receivable: Money
) -> NettingStatement:
    row = _locked(statement_id)
    if row.state == NettingState.DRAWN_UP:
        row.state = NettingState.AGREED if agreed else NettingState.DISPUTED
        if not agreed:
            row.their_payable_minor, row.their_receivable_minor = payable.minor, receivable.minor
        row.save(update_fields=["state", "their_payable_minor", "their_receivable_minor"])
    return _as_statement(row)


def book_statement(*, statement_id: UUID, booked_by: str, reference: str, entry_id: UUID) -> NettingStatement:
    row = _locked(statement_id)
    if row.state == NettingState.BOOKED:
        raise UnableToNet("statement_booked")
    if row.state != NettingState.AGREED:
        raise UnableToNet("statement_not_agreed")
    row.state, row.booked_by, row.reference, row.entry_id = (
        NettingState.BOOKED,
        booked_by,
        reference,
        entry_id,
    )
    row.save(update_fields=["state", "booked_by", "reference", "entry_id"])
    return _as_statement(row)


def statement(*, statement_id: UUID) -> NettingStatement:
    row = StatementRow.objects.filter(id=statement_id).first()
    if row is None:
        raise UnableToNet("statement_unknown")
    return _as_statement(row)


def statements(*, cluster: str | None = None, limit: int = 50) -> tuple[NettingStatement, ...]:
    rows = StatementRow.objects.order_by("-id")
    if cluster is not None:
        rows = rows.filter(cluster=cluster)
    return tuple(map(_as_statement, rows[:limit]))


def settled(*, cluster: str, or_agreed: bool = False) -> Settled:
    states = [NettingState.BOOKED, NettingState.AGREED] if or_agreed else [NettingState.BOOKED]
    payable, receivable = Counter[str](), Counter[str]()
    for row in StatementRow.objects.filter(cluster=cluster, state__in=states):
        payable[row.currency] += row.payable_minor
        receivable[row.currency] += row.receivable_minor
    return Settled(payable=_amounts(payable), receivable=_amounts(receivable))


def _locked(statement_id: UUID) -> StatementRow:
    row = StatementRow.objects.select_for_update().filter(id=statement_id).first()
    if row is None:
        raise UnableToNet("statement_unknown")
    return row


def _as_statement(row: StatementRow) -> NettingStatement:
    unit = currency(row.currency)
    theirs = (row.their_payable_minor, row.their_receivable_minor)
    return NettingStatement(
        id=row.id,
        cluster=row.cluster,
        until=row.until,
        payable=Money(row.payable_minor, unit),
        receivable=Money(row.receivable_minor, unit),
        state=NettingState(row.state),
        drawn_up_by=row.drawn_up_by,
        drawn_up_at=row.drawn_up_at,
        their_payable=None if theirs[0] is None else Money(theirs[0], unit),
        their_receivable=None if theirs[1] is None else Money(theirs[1], unit),
        booked_by=row.booked_by,
        reference=row.reference,
        entry_id=row.entry_id,
    )


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


def _amounts(sums: Counter[str]) -> tuple[Money, ...]:
    return tuple(Money(sums[code], currency(code)) for code in sorted(sums) if sums[code])
