"""What Stripe settled on a day: its payouts, and the balance transactions that each is made up of, with what Stripe keeps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import Struct

from warchest.kernel.money import Money
from warchest.sdk.payments import LineKind, SettlementLine, SettlementReport, UnableToTellSettlement
from warchest_stripe.answers import REFERENCE, REFUND_REFERENCE, Metadata, money
from warchest_stripe.asking import Stripe, Unclear

_PAGES_MAX = 200

_RESERVES = frozenset(
    {
        "payment_network_reserve_hold",
        "payment_network_reserve_release",
        "payout_minimum_balance_hold",
        "payout_minimum_balance_release",
        "reserve_hold",
        "reserve_release",
        "reserve_transaction",
        "reserved_funds",
    }
)
_FEES = frozenset({"stripe_fee", "stripe_fx_fee", "tax_fee"})
_REFUNDS = frozenset({"refund", "payment_refund", "refund_failure"})


class Trace(Struct, frozen=True):
    value: str | None = None


class Payout(Struct, frozen=True):
    id: str
    amount: int
    currency: str
    automatic: bool = True
    reconciliation_status: str = ""
    statement_descriptor: str | None = None
    trace_id: Trace | None = None


class PayoutPage(Struct, frozen=True):
    data: list[Payout]
    has_more: bool = False


class Source(Struct, frozen=True):
    """What moved the balance: a charge, a refund, a dispute or a payout."""

    id: str
    metadata: Metadata = None
    payment_intent: str | None = None


class Transaction(Struct, frozen=True):
    """A balance transaction. ``amount`` less ``fee`` is what it moves the balance by."""

    id: str
    type: str
    amount: int
    fee: int
    currency: str
    created: int
    reporting_category: str = ""
    description: str | None = None
    source: str | Source | None = None


class TransactionPage(Struct, frozen=True):
    data: list[Transaction]
    has_more: bool = False


def of_day(stripe: Stripe, day: date) -> tuple[SettlementReport, ...]:
    """One report for each payout that was made on the day (UTC), with all that it is made up of.

    Raises UnableToTellSettlement and what ``Stripe.ask`` raises.
    """
    begins = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ends = begins + timedelta(days=1)
    if time.time() < ends.timestamp():
        raise UnableToTellSettlement("settlement_not_ready")
    params: Any = {
        "created": {"gte": int(begins.timestamp()), "lt": int(ends.timestamp())},
        "limit": 100,
    }
    payouts = list(_all(stripe, stripe.api.payouts.list, params, PayoutPage))
    if any(payout.reconciliation_status == "in_progress" for payout in payouts):
        raise UnableToTellSettlement("settlement_not_ready")
    return tuple(_report(stripe, payout, day) for payout in reversed(payouts))


def _all(
    stripe: Stripe, listed: Callable[[Any], Any], params: dict[str, Any], into: type[Any]
) -> Iterable[Any]:
    """Page for page, newest first, as Stripe lists them."""
    wanted: Any = params
    for _ in range(_PAGES_MAX):
        page, _ = stripe.look(lambda wanted=wanted: listed(wanted), into)  # type: ignore[misc]
        yield from page.data
        if not page.has_more or not page.data:
            return
        wanted = {**params, "starting_after": page.data[-1].id}
    raise Unclear("too_many_to_look_through")


def _report(stripe: Stripe, payout: Payout, day: date) -> SettlementReport:
    lines: tuple[SettlementLine, ...] = ()
    # What a payout is made up of is known of those that Stripe makes by its schedule. Of one that was ordered by hand only
    # the sum is, and whoever compares sees a difference, as there is one.
    if payout.automatic:
        wanted = {"payout": payout.id, "limit": 100, "expand": ["data.source"]}
        moved = _all(stripe, stripe.api.balance_transactions.list, wanted, TransactionPage)
        lines = tuple(_line(transaction) for transaction in reversed(list(moved)))
    trace = payout.trace_id.value if payout.trace_id else None
    return SettlementReport(
        id=payout.id,
        currency=payout.currency.upper(),
        lines=lines,
        settled_on=day,
        paid_out=_exact(payout.amount, payout.currency),
        payout_reference=trace or payout.statement_descriptor or payout.id,
    )


def _line(transaction: Transaction) -> SettlementLine:
    gross = _exact(transaction.amount, transaction.currency)
    fee = _exact(transaction.fee, transaction.currency)
    kind = _kind(transaction)
    source = transaction.source if isinstance(transaction.source, Source) else None
    number = transaction.source if isinstance(transaction.source, str) else ""
    about = (source.metadata if source else None) or {}
    reference = ""
    match kind:
        case LineKind.PAYMENT | LineKind.DISPUTE | LineKind.DISPUTE_WON:
            reference = about.get(REFERENCE, "")
            number = (source.payment_intent if source else None) or number
        case LineKind.REFUND:
            reference = about.get(REFUND_REFERENCE, "")
            number = source.id if source else number
        case LineKind.FEE:
            # What Stripe keeps stands in the fee wherever it keeps it; here it writes it as an amount of its own.
            gross, fee = Money.zero(gross.currency), fee - gross
            number = source.id if source else number
        case _:
            number = source.id if source else number
    return SettlementLine(
        id=transaction.id,
        kind=kind,
        gross=gross,
        fee=fee,
        occurred_at=datetime.fromtimestamp(transaction.created, UTC),
        reference=reference,
        provider_reference=number,
        description=(transaction.description or transaction.type)[:200],
    )


def _kind(transaction: Transaction) -> LineKind:
    category = transaction.reporting_category
    if category in {"dispute", "dispute_reversal"}:
        return LineKind.DISPUTE if category == "dispute" else LineKind.DISPUTE_WON
    match transaction.type:
        case "charge" | "payment":
            return LineKind.PAYMENT
        case kind if kind in _REFUNDS:
            return LineKind.REFUND
        case "payout":
            return LineKind.PAYOUT
        case kind if kind in _FEES:
            return LineKind.FEE
        case kind if kind in _RESERVES:
            return LineKind.RESERVE
        case _:
            # A payout that the bank sent back is one, too: it is paid out with the next.
            return LineKind.ADJUSTMENT


def _exact(amount: int, code: str) -> Money:
    told = money(amount, code, "")
    assert told is not None
    return told
