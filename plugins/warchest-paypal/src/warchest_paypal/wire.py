"""What travels between the plug-in and PayPal, as far as we read it. Whatever else stands in an answer is left alone."""

from __future__ import annotations

from msgspec import Raw, Struct

from warchest.kernel.money import Money

WITHOUT_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
"""Currencies of which PayPal takes whole units only, whatever ISO 4217 says."""

CURRENCIES = frozenset(
    {"AUD", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY"}
    | {"MXN", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"}
)
"""What PayPal takes everywhere. BRL, CNY and MYR are for accounts of those countries alone, and left out."""


class Amount(Struct, frozen=True):
    currency_code: str
    value: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        """Raises ValueError where PayPal takes no such fraction of a unit."""
        code = money.currency.code
        if code not in WITHOUT_DECIMALS:
            return cls(code, money.major)
        whole, rest = divmod(money.minor, money.currency.minor_per_major)
        if rest:
            raise ValueError(f"PayPal takes no fractions of {code}")
        return cls(code, str(whole))

    def money(self) -> Money:
        """Raises UnableToReadAmount and UnableToFindCurrency."""
        return Money.parse(self.value, self.currency_code)


class Link(Struct, frozen=True):
    href: str = ""
    rel: str = ""


class StatusDetails(Struct, frozen=True):
    reason: str = ""


class Breakdown(Struct, frozen=True):
    paypal_fee: Amount | None = None


class RelatedIds(Struct, frozen=True):
    order_id: str = ""
    capture_id: str = ""


class Supplementary(Struct, frozen=True):
    related_ids: RelatedIds = RelatedIds()


class Capture(Struct, frozen=True):
    id: str
    status: str
    amount: Amount | None = None
    custom_id: str = ""
    invoice_id: str = ""
    status_details: StatusDetails | None = None
    seller_receivable_breakdown: Breakdown | None = None
    supplementary_data: Supplementary | None = None


class Authorization(Struct, frozen=True):
    id: str
    status: str
    amount: Amount | None = None
    custom_id: str = ""
    invoice_id: str = ""
    status_details: StatusDetails | None = None
    supplementary_data: Supplementary | None = None


class Refund(Struct, frozen=True):
    id: str
    status: str
    amount: Amount | None = None
    custom_id: str = ""
    invoice_id: str = ""
    status_details: StatusDetails | None = None
    links: tuple[Link, ...] = ()


class Payments(Struct, frozen=True):
    captures: tuple[Capture, ...] = ()
    authorizations: tuple[Authorization, ...] = ()
    refunds: tuple[Refund, ...] = ()


class PurchaseUnit(Struct, frozen=True):
    custom_id: str = ""
    invoice_id: str = ""
    amount: Amount | None = None
    payments: Payments = Payments()


class Order(Struct, frozen=True):
    id: str
    status: str
    intent: str = ""
    update_time: str = ""
    purchase_units: tuple[PurchaseUnit, ...] = ()
    links: tuple[Link, ...] = ()


class Token(Struct, frozen=True):
    access_token: str
    expires_in: int


class Verified(Struct, frozen=True):
    verification_status: str


class Issue(Struct, frozen=True):
    issue: str = ""
    description: str = ""


class Problem(Struct, frozen=True):
    name: str
    message: str = ""
    details: tuple[Issue, ...] = ()

    @property
    def reason(self) -> str:
        """PayPal's code, the narrower one where there is one."""
        return next((one.issue for one in self.details if one.issue), self.name)


class Event(Struct, frozen=True):
    """A webhook. ``resource`` is read by what ``event_type`` says that it is."""

    id: str
    event_type: str
    resource: Raw


class DisputedTransaction(Struct, frozen=True):
    seller_transaction_id: str = ""
    invoice_number: str = ""
    custom: str = ""


class Outcome(Struct, frozen=True):
    outcome_code: str = ""


class HandedIn(Struct, frozen=True):
    source: str = ""
    notes: str = ""


class Dispute(Struct, frozen=True):
    dispute_id: str
    status: str
    reason: str = ""
    disputed_transactions: tuple[DisputedTransaction, ...] = ()
    dispute_amount: Amount | None = None
    dispute_outcome: Outcome | None = None
    seller_response_due_date: str = ""
    evidences: tuple[HandedIn, ...] = ()
