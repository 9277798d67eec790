"""An entry of the bank finds its payment, or waits for a person. Within a journey's transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.payments import attempts, operations
from warchest.payments import queries as payment_queries
from warchest.payments.bank import queries, rules, sealed
from warchest.payments.contract import Exchange, Payment, RefundKind, Status
from warchest.payments.contract.bank import (
    EntryKept,
    EntryState,
    Meant,
    Resolution,
    UnableToFindBankEntry,
    UnableToResolveBankEntry,
    WaitReason,
)
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import BankEntry as EntryRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Payout as PayoutRow
from warchest.payments.models import Refund as RefundRow
from warchest.payments.rules import OPEN
from warchest.sdk.bank import PAYER_IBAN, PAYER_NAME
from warchest.sdk.payments import Report, Standing

_CREDITABLE = OPEN | {Status.FAILED, Status.CANCELLED}
_OF_WHAT_LEFT = frozenset(
    {
        Resolution.BOOK,
        Resolution.BOOKED_BEFORE,
        Resolution.SENT_BACK,
        Resolution.REFUND,
        # A provider that takes what it is owed.
        Resolution.SETTLEMENT,
    }
)
_FOUND_LATER = frozenset({Resolution.SETTLEMENT, Resolution.BOOK})


def weigh_entry(*, entry_id: UUID, at: datetime) -> Meant:
    row = _locked(entry_id)
    if row.state != EntryState.NEW:
        return Meant(queries.frozen(row))
    if row.reversal:
        return _wait(row, WaitReason.REVERSAL)
    if _told_before(row):
        return _wait(row, WaitReason.TOLD_BEFORE)
    return _incoming(row) if row.incoming else _outgoing(row)


def _incoming(row: EntryRow) -> Meant:
    said = sealed.unseal(row.id, bytes(row.sealed))
    found = rules.references(
        creditor_reference=row.creditor_reference, end_to_end_id=row.end_to_end_id, text=said["text"]
    )
    if not found:
        return _wait(row, WaitReason.NO_REFERENCE)
    named = list(AttemptRow.objects.filter(provider=row.statement.provider, provider_reference__in=found))
    if not named:
        return _wait(row, WaitReason.REFERENCE_UNKNOWN)
    if len(named) > 1:
        return _wait(row, WaitReason.SEVERAL_REFERENCES)
    payment = _payment(named[0].payment_id)
    if named[0].number != payment.attempt:
        # The player went on to pay in another way: who knows what that will bring?
        return _wait(row, WaitReason.PAYMENT_SETTLED, payment)
    return _meant_for(row, payment)


def _meant_for(row: EntryRow, payment: Payment) -> Meant:
    """Paid exactly, it is that payment's; otherwise it waits, with the payment beside it."""
    came = Money(row.amount_minor, currency(row.currency))
    if payment.status not in _CREDITABLE:
        return _wait(row, WaitReason.PAYMENT_SETTLED, payment)
    if came.currency != payment.amount.currency:
        return _wait(row, WaitReason.CURRENCY_DIFFERS, payment)
    entry = queries.frozen(row)
    report = replace(report_of(entry=entry), provider_reference=payment.provider_reference)
    if came != payment.amount:
        reason = WaitReason.LESS if came < payment.amount else WaitReason.MORE
        # The payment hears it too: what it makes of an amount that differs is a review.
        return Meant(_wait(row, reason, payment).entry, payment=payment.id, report=report, reason=reason)
    return Meant(entry, payment=payment.id, report=report)


def _outgoing(row: EntryRow) -> Meant:
    """What we ordered comes back with our reference, and with the amount that we ordered."""
    order = PayoutRow.objects.select_for_update().filter(
        provider=row.statement.provider,
        reference=row.end_to_end_id,
        amount_minor=row.amount_minor,
        currency=row.currency,
        file__isnull=False,
        done_at=None,
    )
    found = order.first() if row.end_to_end_id else None
    if found is None:
        return _wait(row, WaitReason.OUTGOING)
    return Meant(queries.frozen(row), order=queries.payout_of(found))


def _told_before(row: EntryRow) -> bool:
    if row.reference.startswith("#"):
        return False
    same = EntryRow.objects.filter(
        iban=row.iban,
        reference=row.reference,
        booked_on=row.booked_on,
        amount_minor=row.amount_minor,
        incoming=row.incoming,
    )
    return same.filter(id__lt=row.id).exclude(statement_name=row.statement_name).exists()


def assign_entry(*, entry_id: UUID, payment_id: UUID, at: datetime) -> Meant:
    entry = waiting_entry(entry_id=entry_id)
    if not entry.incoming:
        raise UnableToResolveBankEntry("bank_entry_outgoing")
    payment = _payment(payment_id)
    under_review = payment.status is Status.REVIEW and entry.payment == payment.id
    if payment.provider != entry.provider or not (payment.status in _CREDITABLE or under_review):
        raise UnableToResolveBankEntry("bank_payment_settled", status=payment.status.value)
    if payment.amount != entry.amount or under_review:
        raise UnableToResolveBankEntry("bank_amount_differs")
    report = replace(report_of(entry=entry), provider_reference=payment.provider_reference)
    return Meant(entry, payment=payment.id, report=report)


def hear_entry(*, entry_id: UUID, payment_id: UUID, report: Report, at: datetime) -> None:
    payment = payment_queries.payment(payment_id=payment_id)
    attempts.keep(payment_id=payment_id, number=payment.attempt, what=report.keep)
    operations.keep_answer(
        payment_id=payment_id, provider=payment.provider, exchange=Exchange.NOTICE, report=report, at=at
    )


def leave_entry(*, entry_id: UUID, reason: WaitReason, payment_id: UUID | None, at: datetime) -> EntryKept:
    row = _locked(entry_id)
    if row.state in (EntryState.NEW, EntryState.WAITING):
        row.state, row.reason, row.payment_id = EntryState.WAITING, reason, payment_id or row.payment_id
        row.save(update_fields=["state", "reason", "payment"])
    return queries.frozen(row)


def settle_entry(
    *,
    entry_id: UUID,
    resolution: Resolution,
    journal_entry: UUID,
    actor: str,
    at: datetime,
    payment_id: UUID | None = None,
    payout_id: UUID | None = None,
    note: str = "",
) -> EntryKept:
    row = _locked(entry_id)
    if row.state not in (EntryState.NEW, EntryState.WAITING):
        raise UnableToResolveBankEntry("bank_entry_settled")
    if not row.incoming and resolution not in _OF_WHAT_LEFT:
        raise UnableToResolveBankEntry("bank_entry_outgoing")
    if EntryRow.objects.filter(journal_entry=journal_entry).exists():
        # What moved at the bank once is told by one entry of it. (Of two at once, the constraint lets one through.)
        raise UnableToResolveBankEntry("bank_entry_not_in_books")
    # A payout may be told after its entry, and a reseller be named in it; then nobody says a word, either.
    found_itself = row.state == EntryState.NEW or (resolution in _FOUND_LATER and not note)
    row.state = EntryState.MATCHED if found_itself else EntryState.RESOLVED
    row.resolution, row.journal_entry = resolution, journal_entry
    row.payment_id = payment_id or row.payment_id
    row.payout_id = payout_id
    row.settled_by, row.settled_at, row.note = actor[:80], at, note.strip()[:300]
    row.save(
        update_fields=[
            "state",
            "resolution",
            "journal_entry",
            "payment",
            "payout",
            "settled_by",
            "settled_at",
            "note",
        ]
    )
    return queries.frozen(row)


def waiting_entry(*, entry_id: UUID) -> EntryKept:
    row = _locked(entry_id)
    if row.state != EntryState.WAITING:
        raise UnableToResolveBankEntry("bank_entry_settled")
    return queries.frozen(row)


def report_of(*, entry: EntryKept) -> Report:
    keep = {PAYER_IBAN: entry.iban, PAYER_NAME: entry.name}
    return Report(
        Standing.SUCCEEDED,
        provider_reference=f"{entry.statement_name}/{entry.reference}",
        amount=entry.amount,
        raw=f"Entry {entry.reference} of {entry.booked_on}: {entry.amount}",
        keep={name: value for name, value in keep.items() if value},
    )


_REVIEWED = (WaitReason.LESS, WaitReason.MORE, WaitReason.UNDER_REVIEW)
_PAID_BY = (Resolution.PAYMENT, Resolution.PLAYER)


def reviewed_entry(*, entry_id: UUID) -> UUID | None:
    row = _locked(entry_id)
    if row.state != EntryState.WAITING or row.reason not in _REVIEWED or row.payment_id is None:
        return None
    payment = _payment(row.payment_id)
    if EntryRow.objects.filter(payment=payment.id, resolution__in=_PAID_BY).exists():
        return None
    came = Money(row.amount_minor, currency(row.currency))
    goes_back = RefundRow.objects.filter(
        payment=payment.id,
        kind=RefundKind.SURPLUS,
        amount_minor=row.amount_minor,
        currency=row.currency,
    )
    counted = payment.amount == came if payment.credited_at else goes_back.exists()
    return payment.id if counted and payment.status is not Status.REVIEW else None


def reviewed_entries(*, limit: int = 1000) -> tuple[UUID, ...]:
    rows = EntryRow.objects.filter(state=EntryState.WAITING, reason__in=_REVIEWED)
    rows = rows.exclude(payment__status=Status.REVIEW).exclude(payment=None).order_by("id")
    return tuple(rows.values_list("id", flat=True)[:limit])


def end_review(*, payment_id: UUID, reason: str, at: datetime) -> Payment:
    payment = _payment(payment_id)
    if payment.status is not Status.REVIEW or payment.reason != "amount_differs":
        return payment
    PaymentRow.objects.filter(id=payment_id).update(
        status=Status.CANCELLED, reason=reason[:80], changed_at=at, next_inquiry_at=None
    )
    return payment_queries.payment(payment_id=payment_id)


def _wait(row: EntryRow, reason: WaitReason, payment: Payment | None = None) -> Meant:
    row.state, row.reason = EntryState.WAITING, reason
    row.payment_id = payment.id if payment else None
    row.save(update_fields=["state", "reason", "payment"])
    return Meant(queries.frozen(row), reason=reason)


def _locked(entry_id: UUID) -> EntryRow:
    rows = EntryRow.objects.select_for_update(of=("self",)).select_related("statement")
    row = rows.filter(id=entry_id).first()
    if row is None:
        raise UnableToFindBankEntry("bank_entry_unknown")
    return row


def _payment(payment_id: UUID) -> Payment:
    """Locked, as everybody finds it who is told something of it."""
    return payment_queries.frozen(operations.locked(payment_id))
