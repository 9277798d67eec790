"""What Stripe says of payments and refunds, and what that makes of them.

Only the fields that are acted on are named; Stripe adds others whenever it likes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec import Struct, field

from warchest.kernel.errors import UnableTo
from warchest.kernel.money import Money
from warchest.sdk.payments import Instrument, Report, Standing
from warchest_stripe import minor_units
from warchest_stripe.asking import Unclear

REFERENCE = "reference"
REFUND_REFERENCE = "refund_reference"
VIA = "via"
CHECKOUT = "checkout"
SAVES = "saves"

_BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "discover": "Discover",
    "eftpos_au": "eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_KINDS = {"sepa_debit": "SEPA", "bacs_debit": "Bacs", "us_bank_account": "ACH"}

Metadata = dict[str, str] | None


class BalanceTransaction(Struct, frozen=True):
    id: str
    amount: int
    currency: str
    fee: int = 0


class Charge(Struct, frozen=True):
    """A Charge. What a PaymentIntent's metadata say, its charges' do."""

    id: str
    status: str = ""
    amount: int | None = None
    amount_captured: int | None = None
    balance_transaction: str | BalanceTransaction | None = None
    captured: bool = False
    currency: str | None = None
    customer: str | None = None
    metadata: Metadata = None
    payment_intent: str | None = None
    payment_method: str | None = None
    payment_method_details: dict[str, Any] | None = None


class LastError(Struct, frozen=True):
    code: str | None = None
    decline_code: str | None = None

    @property
    def reason(self) -> str:
        return self.decline_code or self.code or "declined"


class Redirect(Struct, frozen=True):
    url: str | None = None


class NextAction(Struct, frozen=True):
    type: str = ""
    redirect_to_url: Redirect | None = None


class Intent(Struct, frozen=True):
    """A PaymentIntent. ``amount_received`` is what was taken, ``amount_capturable`` what is reserved."""

    id: str
    status: str
    currency: str
    amount_received: int | None = None
    amount_capturable: int | None = None
    last_payment_error: LastError | None = None
    latest_charge: str | Charge | None = None
    metadata: Metadata = None
    next_action: NextAction | None = None


class Session(Struct, frozen=True):
    """A Checkout Session. A PaymentIntent hangs on it from the first try to pay on."""

    id: str
    status: str | None
    payment_status: str
    amount_total: int | None = None
    client_reference_id: str | None = None
    currency: str | None = None
    metadata: Metadata = None
    payment_intent: str | Intent | None = None
    url: str | None = None


class Refund(Struct, frozen=True):
    id: str
    amount: int
    currency: str
    status: str | None = None
    failure_reason: str | None = None
    metadata: Metadata = None
    payment_intent: str | None = None


class Numbered(Struct, frozen=True):
    """Of which only the number is wanted."""

    id: str


class Found(Struct, frozen=True):
    id: str
    client_reference_id: str | None = None
    metadata: Metadata = None


class Page(Struct, frozen=True):
    """One page of a list of sessions, PaymentIntents, customers or refunds."""

    data: list[Found]
    has_more: bool = False


class RefundPage(Struct, frozen=True):
    data: list[Refund]
    has_more: bool = False


class Detached(Struct, frozen=True):
    """A PaymentMethod, and whose it is."""

    id: str
    customer: str | None = None


class Account(Struct, frozen=True):
    """What an answer about the balance says of the account: whether it is one that moves money."""

    livemode: bool
    object: str = field(default="")


def money(amount: int | None, code: str | None, raw: str) -> Money | None:
    """The amount that was told. Raises Unclear where it is none that there can be."""
    if amount is None or code is None:
        return None
    try:
        return minor_units.read(amount, code)
    except UnableTo:
        raise Unclear("amount_unreadable", raw) from None


def of_intent(intent: Intent, raw: str, *, reference: str) -> Report:
    """How a payment stands by its PaymentIntent. Raises Unclear where it is another's, or cannot be read."""
    if (intent.metadata or {}).get(REFERENCE) != reference:
        raise Unclear("reference_differs", raw)
    report = Report(
        Standing.PENDING,
        provider_reference=intent.id,
        raw=raw,
        instrument=_instrument(intent.latest_charge),
        fee=_fee(intent.latest_charge, raw),
    )
    match intent.status:
        case "succeeded":
            taken = money(intent.amount_received, intent.currency, raw)
            return replace(report, standing=Standing.SUCCEEDED, amount=taken)
        case "requires_capture":
            reserved = money(intent.amount_capturable, intent.currency, raw)
            return replace(report, standing=Standing.AUTHORISED, amount=reserved)
        case "canceled":
            return replace(report, standing=Standing.CANCELLED)
        case "requires_payment_method" if intent.last_payment_error:
            reason = intent.last_payment_error.reason
            if (intent.metadata or {}).get(VIA) == CHECKOUT:
                # On Checkout's page the player may try another card; the session tells the end.
                return replace(report, reason=reason)
            return replace(report, standing=Standing.FAILED, reason=reason)
        case "requires_action":
            action = intent.next_action
            url = action.redirect_to_url.url if action and action.redirect_to_url else None
            return replace(report, redirect_url=url or "", reason="authentication_required")
        case _:
            # Under way, or a status that Stripe made up since. Guessing "failed" would let the player pay twice,
            # "succeeded" would give money away; pending asks again.
            return report


def of_session(session: Session, raw: str, *, reference: str) -> Report:
    """How a payment stands by its Checkout Session, and its PaymentIntent where that was told with it.

    Raises Unclear where it is another's, or cannot be read.
    """
    if session.client_reference_id != reference:
        raise Unclear("reference_differs", raw)
    intent = session.payment_intent
    if isinstance(intent, Intent):
        report = of_intent(intent, raw, reference=reference)
    else:
        report = Report(Standing.PENDING, provider_reference=intent or "", raw=raw)
    report = replace(report, keep={"session": session.id})
    # Nobody can try another card on a page that is done with.
    over = replace(
        report, standing=Standing.FAILED if _is_declined(intent) else Standing.CANCELLED, amount=None
    )
    match session.status, session.payment_status:
        case "open", _:
            url = session.url or ""
            return replace(report, standing=Standing.PENDING, amount=None, redirect_url=url, fee=None)
        case "complete", "paid" if not isinstance(intent, Intent):
            taken = money(session.amount_total, session.currency, raw)
            return replace(report, standing=Standing.SUCCEEDED, amount=taken)
        case "complete", _:
            # A debit that the bank returned, for instance, leaves its PaymentIntent declined.
            return over if _is_declined(intent) else report
        case "expired", "unpaid":
            return over
        case _:
            return replace(
                report,
                standing=Standing.PENDING,
                amount=None,
                redirect_url=session.url or report.redirect_url,
            )


def _is_declined(intent: str | Intent | None) -> bool:
    return (
        isinstance(intent, Intent)
        and intent.status == "requires_payment_method"
        and intent.last_payment_error is not None
    )


def of_charge(charge: Charge, raw: str) -> Report:
    """How a payment stands by its charge, which tells what was paid with. Raises Unclear where it cannot be read."""
    report = Report(
        Standing.PENDING,
        provider_reference=charge.payment_intent or "",
        raw=raw,
        instrument=_instrument(charge),
        fee=_fee(charge, raw),
    )
    match charge.status:
        case "succeeded" if charge.captured:
            taken = money(charge.amount_captured, charge.currency, raw)
            return replace(report, standing=Standing.SUCCEEDED, amount=taken)
        case "succeeded":
            reserved = money(charge.amount, charge.currency, raw)
            return replace(report, standing=Standing.AUTHORISED, amount=reserved)
        case _:
            return report


def of_refund(refund: Refund, raw: str, *, reference: str = "") -> Report:
    """How a refund stands. Raises Unclear where it is another's than that of ``reference``, or cannot be read."""
    if reference and (refund.metadata or {}).get(REFUND_REFERENCE) != reference:
        raise Unclear("reference_differs", raw)
    match refund.status:
        case "succeeded":
            standing = Standing.SUCCEEDED
        case "failed" | "canceled":
            standing = Standing.FAILED
        case _:
            # "pending", "requires_action", and what Stripe may make up: neither money returned nor a refusal.
            standing = Standing.PENDING
    return Report(
        standing,
        provider_reference=refund.id,
        amount=money(refund.amount, refund.currency, raw),
        reason=(refund.failure_reason or refund.status or "") if standing is Standing.FAILED else "",
        raw=raw,
    )


def token(customer: str, method: str) -> str:
    """What charges a saved method again: Stripe wants to be told the customer, too."""
    return f"{customer}:{method}"


def split_token(saved: str) -> tuple[str, str]:
    """Customer and method. Raises Unclear for a token that is none of ours."""
    customer, colon, method = saved.partition(":")
    if not (colon and customer.startswith("cus_") and method):
        raise Unclear("token_malformed")
    return customer, method


def _instrument(charge: str | Charge | None) -> Instrument | None:
    if not isinstance(charge, Charge) or not charge.payment_method_details:
        return None
    details = charge.payment_method_details
    kind = _text(details.get("type"))
    about = details.get(kind)
    about = about if isinstance(about, dict) else {}
    brand, last4 = _text(about.get("brand")), _text(about.get("last4"))
    name = _BRANDS.get(brand) or _KINDS.get(kind) or brand or kind
    year, month = about.get("exp_year"), about.get("exp_month")
    is_saved = SAVES in (charge.metadata or {})
    return Instrument(
        method=kind,
        label=f"{name} •••• {last4}" if last4 else name,
        fingerprint=_text(about.get("fingerprint")),
        country=_text(about.get("country")),
        expires=f"{year:04}-{month:02}" if isinstance(year, int) and isinstance(month, int) else "",
        token=token(charge.customer, charge.payment_method)
        if is_saved and charge.customer and charge.payment_method
        else "",
    )


def _fee(charge: str | Charge | None, raw: str) -> Money | None:
    if not isinstance(charge, Charge) or not isinstance(charge.balance_transaction, BalanceTransaction):
        return None
    try:
        return money(charge.balance_transaction.fee, charge.balance_transaction.currency, raw)
    except Unclear:
        # What Stripe keeps stands in the settlement, too, and says nothing of how the payment stands.
        return None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
