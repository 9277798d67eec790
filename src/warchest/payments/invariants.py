"""What must hold of payments at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from django.db.models import Count, Exists, OuterRef, Q, Sum

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.ledger.contract import Entry, Kept, Ledger, Side
from warchest.payments import invariants_back
from warchest.payments.contract import Direction
from warchest.payments.contract.bank import Resolution
from warchest.payments.models import BankEntry as BankEntryRow
from warchest.payments.models import BankStatement as BankStatementRow
from warchest.payments.models import Message as MessageRow
from warchest.payments.models import Payment as PaymentRow
from warchest.payments.models import Purpose as PurposeRow
from warchest.payments.providers import installed
from warchest.runtime.invariants import Invariant, in_portions
from warchest.runtime.services import services
from warchest.sdk.payments import Standing

_CLEARING = "provider_clearing"

FOR_PAYMENTS = (Resolution.PAYMENT, Resolution.PLAYER)
"""As what an entry of the bank paid a payment."""


def _paid() -> Mapping[tuple[str, str], int]:
    """What providers took for us and owe us, by (provider, currency) in minor units."""
    rows = (
        PaymentRow.objects.filter(credited_at__isnull=False)
        .values_list("provider", "currency")
        .annotate(minor=Sum("amount_minor"))
        .order_by()
    )
    return {(provider, code): int(minor) for provider, code, minor in rows}


def _came_to_the_bank() -> Mapping[tuple[str, str], int]:
    """What came to our own account for payments, and is owed by nobody any more, negative; and what left it for refunds."""
    rows = (
        BankEntryRow.objects.filter(resolution__in=FOR_PAYMENTS)
        .values_list("statement__provider", "currency")
        .annotate(minor=Sum("amount_minor"))
        .order_by()
    )
    moved = Counter({(provider, code): -int(minor) for provider, code, minor in rows})
    left = (
        BankEntryRow.objects.filter(resolution=Resolution.REFUND)
        .values_list("statement__provider", "currency")
        .annotate(minor=Sum("amount_minor"))
        .order_by()
    )
    moved.update({(provider, code): int(minor) for provider, code, minor in left})
    return moved


# What stands in provider clearing is the sum of these: what increases it counts positive. Each also answers in ``_kept``,
# entry by entry.
_CLEARING_PARTS: tuple[Callable[[], Mapping[tuple[str, str], int]], ...] = (
    _paid,
    _came_to_the_bank,
    invariants_back.clearing,
)


def _clearing_equals_payments() -> Iterator[str]:
    expected: Counter[tuple[str, str]] = Counter()
    for part in _CLEARING_PARTS:
        expected.update(part())
    known = set(installed()) | {provider for provider, _ in expected}
    sums = services.get(Ledger).book_sums_by_owner(book=_CLEARING)
    books = {owned: minor for owned, minor in sums.items() if owned[0] in known}
    for provider, code in sorted(expected.keys() | books.keys()):
        owed, booked = expected[provider, code], books.get((provider, code), 0)
        if owed != booked:
            first = services.get(Ledger).first_difference(
                book=_CLEARING, accounts={(provider, code)}, kept=partial(_kept, provider, code)
            )
            yield f"{provider} {code}: payments make {owed} minor units, provider clearing is {booked}; {first}"


def _kept(provider: str, code: str, entries: Sequence[Entry] | None) -> Iterator[Kept]:
    rows = PaymentRow.objects.filter(credited_at__isnull=False, provider=provider, currency=code)
    if entries is not None:
        rows = rows.filter(journal_entry__in=[entry.id for entry in entries])
    for row in rows.order_by("id").iterator():
        yield Kept(entry=row.journal_entry or "", minor=row.amount_minor, record=f"payment {row.id}")
    yield from invariants_back.kept_of_clearing(provider, code, entries)
    came = BankEntryRow.objects.filter(
        resolution__in=(*FOR_PAYMENTS, Resolution.REFUND), statement__provider=provider, currency=code
    )
    if entries is not None:
        came = came.filter(journal_entry__in=[entry.id for entry in entries])
    for entry in came.order_by("id").iterator():
        yield Kept(
            entry=entry.journal_entry or "",
            minor=-entry.amount_minor if entry.incoming else entry.amount_minor,
            record=f"bank entry {entry.id}",
        )


def _credited_in_one_entry() -> Iterator[str]:
    credited = PaymentRow.objects.filter(credited_at__isnull=False).order_by("id").iterator()
    for portion in in_portions(credited):
        entries = services.get(Ledger).entries(entry_ids=[row.journal_entry for row in portion])
        for row in portion:
            yield from _differs(row, entries.get(row.journal_entry))


def _differs(row: PaymentRow, entry: Entry | None) -> Iterator[str]:
    if entry is None:
        yield f"payment {row.id}: its entry {row.journal_entry} is not in the journal"
    elif entry.key != f"top-up:{row.id}":
        yield f"payment {row.id}: its entry {entry.id} books {entry.key}"
    else:
        paid = Money(row.amount_minor, currency(row.currency))
        legs = {(leg.side, leg.amount) for leg in entry.legs}
        wanted = {(Side.DEBIT, paid)}
        if row.set_off_minor:
            wanted.add((Side.CREDIT, Money(row.set_off_minor, paid.currency)))
        else:
            units = Money.units(row.units_minor)
            wanted |= {(Side.CREDIT, paid), (Side.DEBIT, units), (Side.CREDIT, units)}
        for amount in sorted({str(amount) for _, amount in wanted - legs}):
            yield f"payment {row.id}: {amount} is not in its entry {entry.id}"


def _credited_by_report() -> Iterator[str]:
    report = MessageRow.objects.filter(
        payment=OuterRef("id"),
        direction=Direction.FROM_PROVIDER,
        standing=Standing.SUCCEEDED,
        amount_minor=OuterRef("amount_minor"),
        currency=OuterRef("currency"),
    )
    unreported = PaymentRow.objects.filter(~Exists(report), credited_at__isnull=False).order_by("id")
    for (payment_id,) in unreported.values_list("id").iterator():
        yield f"payment {payment_id}: credited, though its provider never reported this amount as paid"


def _purposes_decided() -> Iterator[str]:
    """What a payment is for is decided with its credit, and not before."""
    rows = PurposeRow.objects.select_related("payment").order_by("payment")
    for row in rows.filter(state="waiting", payment__credited_at__isnull=False).iterator():
        yield f"payment {row.payment_id}: credited, and nobody saw to its {row.kind}"
    for row in rows.exclude(state="waiting").filter(payment__credited_at=None).iterator():
        yield f"payment {row.payment_id}: not credited, and its {row.kind} is {row.state}"


def _bank_entries_booked() -> Iterator[str]:
    """Each settled entry of the bank moved its amount on the bank's account in the entry that it names."""
    settled = BankEntryRow.objects.filter(journal_entry__isnull=False).order_by("id").iterator()
    for portion in in_portions(settled):
        entries = services.get(Ledger).entries(entry_ids=[row.journal_entry for row in portion])
        for row in portion:
            amount = Money(row.amount_minor, currency(row.currency))
            side = Side.DEBIT if row.incoming else Side.CREDIT
            booked = entries.get(row.journal_entry)
            if booked is None:
                yield f"bank entry {row.id}: its entry {row.journal_entry} is not in the journal"
            elif not any((leg.book, leg.side, leg.amount) == ("bank", side, amount) for leg in booked.legs):
                yield f"bank entry {row.id}: {amount} is not moved at the bank in its entry {booked.id}"


def _statements_add_up() -> Iterator[str]:
    for statement in BankStatementRow.objects.order_by("id").iterator():
        newest = statement.entries.aggregate(
            came=Sum("amount_minor", filter=Q(incoming=True)),
            left=Sum("amount_minor", filter=Q(incoming=False)),
        )
        found = statement.entries.count()
        moved = (newest["came"] or 0) - (newest["left"] or 0)
        if found == statement.entry_count and statement.opening_minor + moved != statement.closing_minor:
            yield f"bank statement {statement.id}: its entries do not lead to its closing balance"


def _paid_by_one_transfer() -> Iterator[str]:
    twice = (
        BankEntryRow.objects.filter(resolution__in=FOR_PAYMENTS)
        .values_list("payment")
        .annotate(transfers=Count("id"))
        .filter(transfers__gt=1)
    )
    for payment, transfers in twice:
        yield f"payment {payment}: {transfers} entries of the bank are said to have paid it"


INVARIANTS = (
    *invariants_back.INVARIANTS,
    Invariant(
        "bank_entries_booked",
        "Each settled entry of the bank is in the journal with its amount",
        _bank_entries_booked,
    ),
    Invariant(
        "bank_statements_add_up", "The entries of a bank statement lead to its balance", _statements_add_up
    ),
    Invariant("bank_entry_pays_once", "No payment is paid by two entries of the bank", _paid_by_one_transfer),
    Invariant(
        "payment_entries",
        "Each credited payment has one entry with its amount and units",
        _credited_in_one_entry,
    ),
    Invariant(
        "payment_purposes",
        "What a payment is for is decided with its credit, and not before",
        _purposes_decided,
    ),
    Invariant("payment_reports", "Nothing is credited that the provider did not report", _credited_by_report),
    Invariant(
        "provider_clearing", "Provider clearing is what payments make of it", _clearing_equals_payments
    ),
)
