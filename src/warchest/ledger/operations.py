"""Writes of the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from warchest.kernel.money import Money
from warchest.ledger import queries
from warchest.ledger.contract import (
    AccountRef,
    Book,
    EntryDraft,
    Hold,
    HoldState,
    Leg,
    Posted,
    Refused,
    UnableToHold,
    UnableToPost,
)
from warchest.ledger.models import Account as AccountRow
from warchest.ledger.models import Book as BookRow
from warchest.ledger.models import Hold as HoldRow
from warchest.runtime import wire
from warchest.runtime.services import services


def define_books(*, books: Sequence[Book]) -> None:
    BookRow.objects.bulk_create(
        [BookRow(code=book.code, kind=book.kind, side=book.side, floored=book.floored) for book in books],
        ignore_conflicts=True,
    )


def post(*, entry: EntryDraft) -> Posted:
    (outcome,) = post_set(entries=[entry])
    if isinstance(outcome, Refused):
        raise UnableToPost(outcome.reason, key=entry.key)
    return outcome


def post_set(*, entries: Sequence[EntryDraft]) -> tuple[Posted | Refused, ...]:
    return _post_drafts([_draft(entry) for entry in entries])


def reverse(*, entry_id: UUID, key: str, reversal_id: UUID, occurred_at: datetime) -> Posted:
    original = queries.entry(entry_id=entry_id)
    if original is None:
        raise UnableToPost("entry_unknown")
    mirrored = tuple(Leg(leg.side.other, leg.book, leg.amount, leg.owner) for leg in original.legs)
    draft = EntryDraft(
        id=reversal_id,
        key=key,
        kind="reversal",
        occurred_at=occurred_at,
        legs=mirrored,
        reference=original.reference,
        details={"of": original.kind},
    )
    (outcome,) = _post_drafts([_draft(draft, reverses=entry_id)])
    if isinstance(outcome, Refused):
        raise UnableToPost(outcome.reason, key=key)
    return outcome


def _draft(entry: EntryDraft, *, reverses: UUID | None = None) -> dict[str, object]:
    if not entry.legs or any(leg.amount.minor <= 0 for leg in entry.legs):
        raise UnableToPost("entry_empty", key=entry.key)
    # The id is made anew by each caller, so it is no part of what makes two requests the same.
    contents = (entry.kind, entry.occurred_at, entry.legs, entry.reference, entry.details, reverses)
    return {
        "id": str(entry.id),
        "key": entry.key,
        "fingerprint": wire.fingerprint(contents).hex(),
        "kind": entry.kind,
        "occurred_at": entry.occurred_at.isoformat(),
        "reference": entry.reference,
        "details": dict(entry.details),
        "cluster": services.cluster,
        "reverses": str(reverses) if reverses else None,
        "legs": [
            {
                "book": leg.book,
                "owner": leg.owner,
                "currency": leg.amount.currency.code,
                "side": leg.side.value,
                "amount": leg.amount.minor,
            }
            for leg in entry.legs
        ],
    }


def _post_drafts(drafts: list[dict[str, object]]) -> tuple[Posted | Refused, ...]:
    with services.database("ledger").cursor() as cursor:
        cursor.execute(
            "SELECT outcome, entry_id, reason FROM ledger_post(%s::jsonb) ORDER BY place",
            [json.dumps(drafts)],
        )
        rows = cursor.fetchall()
    return tuple(
        Refused(reason) if outcome == "refused" else Posted(entry_id, replayed=outcome == "replayed")
        for outcome, entry_id, reason in rows
    )


def hold(*, hold_id: UUID, account: AccountRef, amount: Money, reason: str, expires_at: datetime) -> Hold:
    row = AccountRow.objects.filter(
        book_id=account.book, owner=account.owner, currency=account.currency
    ).first()
    if row is None:
        # Nothing was ever posted to it: there is nothing to set aside.
        raise UnableToHold("insufficient_funds")
    try:
        with transaction.atomic(using=services.alias("ledger")):
            HoldRow.objects.create(
                id=hold_id, account=row, amount_minor=amount.minor, reason=reason, expires_at=expires_at
            )
    except IntegrityError as error:
        violated = error.__cause__.diag.constraint_name  # type: ignore[union-attr]
        if violated == "balance_not_below_floor":
            raise UnableToHold("insufficient_funds") from None
        if violated == "ledger_hold_pkey":
            return queries.find_hold(hold_id=hold_id)
        raise
    return queries.find_hold(hold_id=hold_id)


def release_for_capture(*, hold_id: UUID, amount: Money | None, at: datetime) -> Hold:
    held = _lock(hold_id)
    _refuse_closed(held)
    if held.expires_at <= at:
        raise UnableToHold("hold_expired")
    captured = held.amount if amount is None else amount
    if captured > held.amount or captured.minor <= 0:
        raise UnableToHold("capture_exceeds_hold")
    _close(hold_id, HoldState.CAPTURED, captured_minor=captured.minor)
    return queries.find_hold(hold_id=hold_id)


def void(*, hold_id: UUID) -> Hold:
    with transaction.atomic(using=services.alias("ledger"), savepoint=False):
        found = _lock(hold_id)
        if found.state is HoldState.VOIDED:
            return found
        _refuse_closed(found)
        _close(hold_id, HoldState.VOIDED)
        return queries.find_hold(hold_id=hold_id)


def lapse(*, at: datetime, hold_ids: Sequence[UUID] | None = None) -> tuple[UUID, ...]:
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


def _lock(hold_id: UUID) -> Hold:
    HoldRow.objects.select_for_update().filter(id=hold_id).first()
    return queries.find_hold(hold_id=hold_id)


def _refuse_closed(hold: Hold) -> None:
    if hold.state is not HoldState.OPEN:
        raise UnableToHold("hold_closed", state=hold.state.value)


def _close(hold_id: UUID, state: HoldState, *, captured_minor: int = 0) -> None:
    HoldRow.objects.filter(id=hold_id).update(
        state=state, captured_minor=F("captured_minor") + captured_minor, closed_at=Now()
    )
