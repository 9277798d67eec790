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


class CardShown(Struct, frozen=True):
    """The card that paid, its number already masked."""

    brand: str
    number: str


class PaymentAnswer(Struct, frozen=True):
    """A payment as the sandbox tells it. ``taken`` is there once money was taken; ``asked`` always."""

    id: str
    reference: str
    status: str
    asked: Amount
    page_url: str
    taken: Amount | None = None
    refunded: Amount | None = None
    reason: str = ""
    card: CardShown | None = None


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


class NoticeBody(Struct, frozen=True):
    id: str
    type: str
    payment: PaymentAnswer


class Problem(Struct, frozen=True):
    code: str
    message: str = ""


class Refusal(Struct, frozen=True):
    error: Problem


def signature(secret: str, *, notice_id: str, timestamp: str, body: bytes) -> str:
    """The value of the header ``sandbox-signature``."""
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
