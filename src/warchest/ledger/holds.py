"""Holds: an amount of a floored account set aside, whatever for, until it is captured, let go, or lapses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from warchest.kernel.currency import currency
from warchest.kernel.money import CurrencyMismatch, Money
from warchest.ledger.contract import AccountRef, Hold, HoldState, UnableToHold
from warchest.ledger.models import Account as AccountRow
from warchest.ledger.models import Hold as HoldRow
from warchest.runtime.busy import repeated_while_busy
from warchest.runtime.services import services

T = TypeVar("T")


def hold(*, hold_id: UUID, account: AccountRef, amount: Money, reason: str, expires_at: datetime) -> Hold:
    if amount.currency.code != account.currency:
        raise CurrencyMismatch(f"{amount} of an account in {account.currency}")
    if amount.minor <= 0:
        raise UnableToHold("amount_not_positive")
    row = AccountRow.objects.filter(
        book_id=account.book, owner=account.owner, currency=account.currency
    ).first()
    if row is None:
        # Nothing was ever posted to it: there is nothing to set aside.
        raise UnableToHold("insufficient_funds")

    def insert() -> None:
        with transaction.atomic(using=services.alias("ledger")):
            HoldRow.objects.create(
                id=hold_id, account=row, amount_minor=amount.minor, reason=reason, expires_at=expires_at
            )

    try:
        _begun_again(insert)
    except IntegrityError as error:
        violated = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if violated == "balance_not_below_floor":
            raise UnableToHold("insufficient_funds") from None
        if violated == "hold_needs_floor":
            raise UnableToHold("book_without_floor") from None
        if violated != "ledger_hold_pkey":
            raise
    found = find_hold(hold_id=hold_id)
    if (found.account, found.amount) != (account, amount):
        raise UnableToHold("hold_id_reused")
    return found


def release_for_capture(*, hold_id: UUID, amount: Money | None, at: datetime) -> Hold:
    held = _lock(hold_id)
    _refuse_closed(held)
    if held.expires_at <= at:
        raise UnableToHold("hold_expired")
    captured = held.amount if amount is None else amount
    if captured > held.amount or captured.minor <= 0:
        raise UnableToHold("capture_exceeds_hold")
    _close(hold_id, HoldState.CAPTURED, captured_minor=captured.minor)
    return find_hold(hold_id=hold_id)


def void(*, hold_id: UUID) -> Hold:
    def close() -> Hold:
        with transaction.atomic(using=services.alias("ledger"), savepoint=False):
            found = _lock(hold_id)
            if found.state is HoldState.VOIDED:
                return found
            _refuse_closed(found)
            _close(hold_id, HoldState.VOIDED)
            return find_hold(hold_id=hold_id)

    return _begun_again(close)


def lapse(*, at: datetime, hold_ids: Sequence[UUID] | None = None) -> tuple[UUID, ...]:
    return _begun_again(lambda: _lapse(at, hold_ids))


def _lapse(at: datetime, hold_ids: Sequence[UUID] | None) -> tuple[UUID, ...]:
    with transaction.atomic(using=services.alias("ledger")):
        due = HoldRow.objects.filter(state=HoldState.OPEN, expires_at__lte=at)
        if hold_ids is not None:
            due = due.filter(id__in=hold_ids)
        # Balances are locked by their account, as everywhere. Who names a hold waits for it; the others come again.
        due = due.order_by("account_id", "id").select_for_update(skip_locked=hold_ids is None)
        ids = tuple(due.values_list("id", flat=True))
        for hold_id in ids:
            _close(hold_id, HoldState.LAPSED)
        return ids


def _begun_again(work: Callable[[], T]) -> T:
    """A ledger-only call is begun again by itself. Within a journey's transaction the journey begins again, as a whole."""
    within = services.database("ledger").in_atomic_block
    return work() if within else repeated_while_busy("ledger.hold", work)


def _lock(hold_id: UUID) -> Hold:
    HoldRow.objects.select_for_update().filter(id=hold_id).first()
    return find_hold(hold_id=hold_id)


def _refuse_closed(hold: Hold) -> None:
    if hold.state is not HoldState.OPEN:
        raise UnableToHold("hold_closed", state=hold.state.value)


def _close(hold_id: UUID, state: HoldState, *, captured_minor: int = 0) -> None:
    HoldRow.objects.filter(id=hold_id).update(
        state=state, captured_minor=F("captured_minor") + captured_minor, closed_at=Now()
    )


def find_hold(*, hold_id: UUID) -> Hold:
    row = HoldRow.objects.select_related("account").filter(id=hold_id).first()
    if row is None:
        raise UnableToHold("hold_unknown")
    return _as_hold(row)


def open_holds(
    *, book: str, owner: str | None = None, expired_at: datetime | None = None, limit: int | None = None
) -> tuple[Hold, ...]:
    rows = HoldRow.objects.filter(state=HoldState.OPEN, account__book_id=book).select_related("account")
    if owner is not None:
        rows = rows.filter(account__owner=owner)
    if expired_at is not None:
        rows = rows.filter(expires_at__lte=expired_at)
    return tuple(map(_as_hold, rows.order_by("expires_at", "id")[:limit]))


def _as_hold(row: HoldRow) -> Hold:
    unit = currency(row.account.currency)
    return Hold(
        id=row.id,
        account=AccountRef(row.account.book_id, row.account.currency, row.account.owner),
        amount=Money(row.amount_minor, unit),
        captured=Money(row.captured_minor, unit),
        state=HoldState(row.state),
        reason=row.reason,
        expires_at=row.expires_at,
    )
