"""What must hold at any moment of money that goes back: refunds, what was paid twice, disputes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from warchest.ledger.contract import Entry, Kept, Ledger
from warchest.payments.contract import RefundKind, RefundState
from warchest.payments.models import Attempt as AttemptRow
from warchest.payments.models import Dispute as DisputeRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Refund as RefundRow
from warchest.payments.models import Settlement as SettlementRow
from warchest.payments.models import SettlementLine as LineRow
from warchest.runtime.invariants import Invariant
from warchest.runtime.services import services

_OPEN = ["open", "under_review"]
_SURPLUS = RefundKind.SURPLUS.value


def clearing() -> Mapping[tuple[str, str], int]:
    """What money that went back, or came twice, makes of provider clearing, by (provider, currency) in minor units."""
    moved: Counter[tuple[str, str]] = Counter()
    refunds = _with_provider(RefundRow.objects.all())
    for rows, sign in (
        (refunds.filter(journal_entry__isnull=False), -1),
        (refunds.filter(kind=_SURPLUS), 1),
        (DisputeRow.objects.filter(opened_entry__isnull=False).exclude(state="won"), -1),
    ):
        for place, minor in _sums(rows).items():
            moved[place] += sign * minor
    fees = DisputeRow.objects.filter(fee_minor__gt=0).values_list("provider", "fee_currency")
    for provider, code, minor in fees.annotate(minor=Sum("fee_minor")).order_by():
        moved[provider, code] -= int(minor)
    settled = SettlementRow.objects.values_list("provider", "currency").annotate(
        out=Sum("paid_out_minor"), kept=Sum("reserved_minor")
    )
    for provider, code, out, kept in settled.order_by():
        moved[provider, code] -= int(out) + int(kept)
    lines = LineRow.objects.values_list("provider", "currency").annotate(
        fees=Sum("booked_fee_minor"), found=Sum("difference_minor", filter=Q(state="resolved"), default=0)
    )
    for provider, code, booked, found in lines.order_by():
        moved[provider, code] += int(found) - int(booked)
    return moved


def _sums(rows: QuerySet[Any]) -> dict[tuple[str, str], int]:
    summed = rows.values_list("provider", "currency").annotate(minor=Sum("amount_minor")).order_by()
    return {(provider, code): int(minor) for provider, code, minor in summed}


def _with_provider(refunds: QuerySet[Any]) -> QuerySet[Any]:
    """Refunds with the provider of the attempt that they give back."""
    tried = AttemptRow.objects.filter(payment=OuterRef("payment"), number=OuterRef("attempt"))
    return refunds.annotate(provider=Subquery(tried.values("provider")[:1]))


def kept_of_clearing(provider: str, code: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    """The same, entry by entry; of all entries or of these."""
    keys = None if entries is None else {entry.key for entry in entries}
    for key, minor, record in (*_moved(provider, code), *_settled(provider, code)):
        if keys is None or key in keys:
            yield Kept(entry=key, minor=minor, record=record)


def _moved(provider: str, code: str) -> Iterator[tuple[str, int, str]]:
    refunds = _with_provider(RefundRow.objects.filter(currency=code)).filter(provider=provider)
    for row in refunds.order_by("id").iterator():
        if row.kind == _SURPLUS:
            yield f"surplus:{row.id}", row.amount_minor, f"refund {row.id}"
        if row.journal_entry is not None:
            yield f"refund:{row.id}", -row.amount_minor, f"refund {row.id}"
    for row in DisputeRow.objects.filter(provider=provider).order_by("id").iterator():
        record, key = f"dispute {row.id}", f"dispute:{row.id}"
        if row.currency == code and row.opened_entry is not None:
            yield f"{key}:opened", -row.amount_minor, record
            if row.state == "won":
                yield f"{key}:won", row.amount_minor, record
        if row.fee_currency == code and row.fee_minor:
            # A fee that grew was booked in steps, the last of which this key names.
            yield f"{key}:fee:{row.fee_minor}", -row.fee_minor, record


def _settled(provider: str, code: str) -> Iterator[tuple[str, int, str]]:
    rows = SettlementRow.objects.filter(provider=provider, currency=code, journal_entry__isnull=False)
    for row in rows.annotate(fees=Sum("lines__booked_fee_minor")).order_by("id").iterator():
        minor = row.paid_out_minor + row.reserved_minor + (row.fees or 0)
        yield f"settlement:{row.id}", -minor, f"settlement {row.number}"
    for line in LineRow.objects.filter(provider=provider, currency=code, state="resolved").iterator():
        yield f"settlement-line:{line.id}", line.difference_minor, f"settlement line {line.line}"


def _disputed_funds() -> Iterator[str]:
    expected = _sums(DisputeRow.objects.filter(opened_entry__isnull=False, state__in=_OPEN))
    yield from _compared("disputed_funds", expected, "open disputes")


def _surplus_owed() -> Iterator[str]:
    rows = RefundRow.objects.filter(kind=_SURPLUS, journal_entry__isnull=True)
    summed = rows.values_list("payment__player", "currency").annotate(minor=Sum("amount_minor")).order_by()
    expected = {(str(player), code): int(minor) for player, code, minor in summed}
    yield from _compared("payer_surplus", expected, "what was paid twice and did not go back")


def _compared(book: str, expected: Mapping[tuple[str, str], int], what: str) -> Iterator[str]:
    books = services.get(Ledger).book_sums_by_owner(book=book)
    for owner, code in sorted(expected.keys() | books.keys()):
        said, booked = expected.get((owner, code), 0), books.get((owner, code), 0)
        if said != booked:
            yield f"{owner} {code}: {what} makes {said} minor units, the book {book} holds {booked}"


def _counted_in_payments() -> Iterator[str]:
    """What a payment's own row counts as gone is what its refunds and disputes say."""
    found: dict[UUID, Counter[str]] = defaultdict(Counter)
    refunds = RefundRow.objects.exclude(kind=_SURPLUS).exclude(state=RefundState.REFUSED)
    for payment, state, minor in refunds.values_list("payment", "state", "amount_minor").iterator():
        found[payment]["refunded" if state == RefundState.CONFIRMED else "refunding"] += minor
    disputes = DisputeRow.objects.exclude(state="won")
    for payment, minor in disputes.values_list("payment", "amount_minor").iterator():
        found[payment]["disputed"] += minor
    going = PaymentRow.objects.exclude(refunding_minor=0, refunded_minor=0, disputed_minor=0)
    for row in going.order_by("id").iterator():
        theirs = found.pop(row.id, Counter())
        said = (row.refunding_minor, row.refunded_minor, row.disputed_minor)
        if said != (theirs["refunding"], theirs["refunded"], theirs["disputed"]):
            yield f"payment {row.id}: its refunds and disputes are {dict(theirs)}, it says {said}"
    for payment_id, theirs in found.items():
        if any(theirs.values()):
            yield f"payment {payment_id}: its refunds and disputes are {dict(theirs)}, it says nothing"


def _payouts_under_way() -> Iterator[str]:
    rows = SettlementRow.objects.filter(arrival=None)
    summed = rows.values_list("provider", "currency").annotate(minor=Sum("paid_out_minor")).order_by()
    expected = {(provider, code): int(minor) for provider, code, minor in summed}
    yield from _compared("payouts_under_way", expected, "what was paid out and is not at the bank")


INVARIANTS = (
    Invariant(
        "payouts_under_way",
        "Payouts under way are those that no entry of the bank has brought",
        _payouts_under_way,
    ),
    Invariant("disputed_funds", "Disputed funds are what open disputes have fetched back", _disputed_funds),
    Invariant("payer_surplus", "What was paid twice and did not go back is owed to payers", _surplus_owed),
    Invariant(
        "gone_back_counted",
        "What of a payment goes back is what its refunds and disputes say",
        _counted_in_payments,
    ),
)
