"""What PayPal's statuses mean. One that is not listed is pending: neither yes nor no until somebody has taught us the word."""

from __future__ import annotations

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import DisputeStanding, Instrument, Report, Standing
from warchest_paypal.talk import Unclear
from warchest_paypal.wire import Amount, Authorization, Capture, Dispute, Order, Refund

WAITING_FOR_PAYER = frozenset({"CREATED", "SAVED", "PAYER_ACTION_REQUIRED", "PENDING_APPROVAL"})

TRY_AGAIN = frozenset({"INSTRUMENT_DECLINED", "PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"})
"""A capture that is refused for now: the player may approve again, with something else."""

REFUSED_CAPTURES = frozenset(
    {
        "AUTH_CAPTURE_NOT_ENABLED",
        "CARD_EXPIRED",
        "COMPLIANCE_VIOLATION",
        "CURRENCY_NOT_SUPPORTED_FOR_COUNTRY",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
        "PAYEE_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYEE_ACCOUNT_RESTRICTED",
        "PAYEE_BLOCKED_TRANSACTION",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_CANNOT_PAY",
        "TRANSACTION_BLOCKED_BY_PAYEE",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_RECEIVING_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    }
)
"""A clear no to a capture: nothing was taken, and we do not ask for it again."""

REFUSED_REFUNDS = frozenset(
    {
        "CAPTURED_AMOUNT_FULLY_REFUNDED",
        "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED",
        "CAPTURE_FULLY_REFUNDED",
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED",
        "PARTIAL_REFUND_NOT_ALLOWED",
        "PENDING_CAPTURE",
        "REFUND_AMOUNT_EXCEEDED",
        "REFUND_AMOUNT_TOO_LOW",
        "REFUND_CAPTURE_CURRENCY_MISMATCH",
        "REFUND_FAILED_INSUFFICIENT_FUNDS",
        "REFUND_NOT_ALLOWED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
        "REFUND_TIME_LIMIT_EXCEEDED",
        "TRANSACTION_DISPUTED",
    }
)


def of_capture(capture: Capture, raw: str) -> Report:
    reason = capture.status_details.reason if capture.status_details else ""
    standing = Standing.PENDING
    match capture.status:
        case "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED":
            standing = Standing.SUCCEEDED
        case "DECLINED" | "DENIED" | "FAILED":
            standing, reason = Standing.FAILED, reason or capture.status
        case "PENDING":
            reason = reason or capture.status
        case _:
            reason = capture.status[:80]
    took = standing is Standing.SUCCEEDED
    breakdown = capture.seller_receivable_breakdown
    fee = breakdown.paypal_fee if breakdown and took else None
    return Report(
        standing,
        amount=money(capture.amount, raw) if took else None,
        fee=money(fee, raw) if fee else None,
        reason="" if took else reason,
        raw=raw,
        instrument=Instrument(method="paypal", label="PayPal"),
        keep={"capture": capture.id} if took else {},
    )


def of_authorization(authorization: Authorization, raw: str) -> Report:
    reason = authorization.status_details.reason if authorization.status_details else ""
    match authorization.status:
        case "CREATED":
            return Report(Standing.AUTHORISED, raw=raw, keep={"authorization": authorization.id})
        case "DENIED" | "FAILED":
            standing = Standing.FAILED
        case "VOIDED" | "EXPIRED":
            standing = Standing.CANCELLED
        case _:
            standing = Standing.PENDING
    return Report(standing, reason=reason or authorization.status[:80], raw=raw)


def of_order(order: Order, raw: str) -> Report:
    """An order that needs nothing from us now: not approved yet, finished, voided, or of an unheard-of status."""
    payments = order.purchase_units[0].payments if order.purchase_units else None
    if order.status in WAITING_FOR_PAYER:
        return Report(Standing.PENDING, redirect_url=approve_link(order), raw=raw)
    if order.status == "VOIDED":
        return Report(Standing.CANCELLED, reason=order.status, raw=raw)
    if order.status == "COMPLETED" and payments is not None:
        if payments.captures:
            return of_capture(payments.captures[-1], raw)
        if payments.authorizations:
            return of_authorization(payments.authorizations[-1], raw)
    return Report(Standing.PENDING, reason=order.status[:80], raw=raw)


def of_refund(refund: Refund, raw: str) -> Report:
    reason = refund.status_details.reason if refund.status_details else ""
    amount = money(refund.amount, raw) if refund.amount else None
    match refund.status:
        case "COMPLETED":
            return Report(Standing.SUCCEEDED, provider_reference=refund.id, amount=amount, raw=raw)
        case "FAILED" | "CANCELLED":
            standing = Standing.FAILED
        case _:
            standing = Standing.PENDING
    return Report(standing, provider_reference=refund.id, reason=reason or refund.status[:80], raw=raw)


def of_dispute(dispute: Dispute) -> DisputeStanding:
    """A dispute that ended without saying for whom stays under review: a person looks."""
    if dispute.status == "RESOLVED":
        match dispute.dispute_outcome.outcome_code if dispute.dispute_outcome else "":
            case "RESOLVED_SELLER_FAVOUR" | "RESOLVED_SELLER_FAVOR" | "CANCELED_BY_BUYER" | "DENIED":
                return DisputeStanding.WON
            case "RESOLVED_BUYER_FAVOUR" | "RESOLVED_BUYER_FAVOR" | "ACCEPTED":
                return DisputeStanding.LOST
            case _:
                return DisputeStanding.UNDER_REVIEW
    if dispute.status in {"UNDER_REVIEW", "WAITING_FOR_BUYER_RESPONSE"}:
        return DisputeStanding.UNDER_REVIEW
    return DisputeStanding.OPENED


def approve_link(order: Order) -> str:
    for wanted in ("payer-action", "approve"):
        for link in order.links:
            if link.rel == wanted:
                return link.href
    return ""


def money(amount: Amount | None, raw: str) -> Money | None:
    """Raises Unclear where it is no amount."""
    if amount is None:
        return None
    try:
        return amount.money()
    except UnableTo:
        raise Unclear("unreadable", raw) from None
