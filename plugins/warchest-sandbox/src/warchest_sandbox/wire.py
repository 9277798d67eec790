"""What travels between the plug-in and the sandbox: the JSON messages and the signature of notices."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated

from msgspec import Meta, Struct

from warchest.kernel.money import Money

Reference = Annotated[str, Meta(min_length=1, max_length=36)]
Address = Annotated[str, Meta(pattern=r"^https?://[!-~]+$", max_length=2000)]
"""An absolute address without spaces or control characters, so that it can stand in a header as it is."""


class Amount(Struct, frozen=True):
    """Major units as text: ``{"amount": "20.00", "currency": "EUR"}``."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> Amount:
        return cls(money.major, money.currency.code)

    def money(self) -> Money:
        """Raises UnableToReadAmount and UnableToFindCurrency."""
        return Money.parse(self.amount, self.currency)


class PaymentAsked(Struct, frozen=True, forbid_unknown_fields=True):
    reference: Reference
    amount: str
    currency: str
    return_url: Address
    notice_url: Address
    description: Annotated[str, Meta(max_length=500)] = ""
    language: Annotated[str, Meta(max_length=35)] = "en"
    country: Annotated[str, Meta(max_length=2)] = ""
    payer: Annotated[str, Meta(max_length=100)] = ""
    capture_later: bool = False
    save_method: bool = False
    saved_method: Annotated[str, Meta(max_length=100)] = ""
    player_present: bool = True


class CardShown(Struct, frozen=True):
    """The card that paid, its number already masked. ``token`` is there where the card was saved."""

    brand: str
    number: str
    fingerprint: str = ""
    country: str = ""
    expires: str = ""
    token: str = ""


class PaymentAnswer(Struct, frozen=True):
    """A payment as the sandbox tells it. ``taken`` and ``fee`` are there once money was taken; ``asked`` always."""

    id: str
    reference: str
    status: str
    asked: Amount
    page_url: str
    taken: Amount | None = None
    refunded: Amount | None = None
    reason: str = ""
    card: CardShown | None = None
    fee: Amount | None = None


class CaptureAsked(Struct, frozen=True, forbid_unknown_fields=True):
    amount: str
    currency: str


class RefundAsked(Struct, frozen=True, forbid_unknown_fields=True):
    refund_reference: Reference
    amount: str
    currency: str


class RefundAnswer(Struct, frozen=True):
    id: str
    payment: str
    refund_reference: str
    status: str
    amount: Amount
    reason: str = ""


class MethodAnswer(Struct, frozen=True):
    """A saved method that was forgotten."""

    status: str


class EvidenceAsked(Struct, frozen=True, forbid_unknown_fields=True):
    text: Annotated[str, Meta(max_length=20_000)]
    paid_at: str
    delivered_at: str = ""
    used_at: str = ""


class DisputeAnswer(Struct, frozen=True):
    id: str
    payment: str
    status: str
    amount: Amount
    fee: Amount
    reason: str = ""
    evidence_until: str = ""


class LineTold(Struct, frozen=True):
    """A line of a settlement. ``gross`` is what the sandbox owes the merchant more, ``fee`` what it keeps of it."""

    id: str
    kind: str
    gross: str
    fee: str
    occurred_at: str
    reference: str = ""
    provider_reference: str = ""
    description: str = ""


class SettlementTold(Struct, frozen=True):
    id: str
    currency: str
    settled_on: str
    paid_out: str
    payout_reference: str
    lines: tuple[LineTold, ...]


class SettlementsAnswer(Struct, frozen=True):
    settlements: tuple[SettlementTold, ...]


class NoticeBody(Struct, frozen=True, omit_defaults=True):
    """``refund`` or ``dispute`` is there where the notice is about one; ``payment`` always."""

    id: str
    type: str
    payment: PaymentAnswer
    refund: RefundAnswer | None = None
    dispute: DisputeAnswer | None = None


class Problem(Struct, frozen=True):
    code: str
    message: str = ""


class Refusal(Struct, frozen=True):
    error: Problem


def signature(secret: str, *, notice_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header ``sandbox-signature``."""
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
