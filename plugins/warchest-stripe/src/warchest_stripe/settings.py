"""What an operator sets: the two secrets that Stripe gave, and how long things may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from warchest.sdk.payments import Secret

API_VERSION = "2026-10-28.endive"
"""The version of Stripe's API that this plug-in was written for, sent with each call. The webhook endpoint has the same."""

_OVER_TLS_OR_LOOPBACK = r"^(https://[^\s/@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class StripeSettings:
    """``api_key`` is a secret or, better, a restricted key; whether it begins with ``…_live_`` or ``…_test_`` decides whether
    money moves. ``webhook_secret`` is the signing secret of the webhook endpoint; while it is being rolled, the one before
    is believed too.

    ``methods`` are Stripe's payment method types that Checkout offers; cards bring the wallets with them.
    ``checkout_minutes`` is how long a page can be paid on, counted from the payment's opening.
    """

    api_key: Annotated[Secret, Meta(pattern=r"^(sk|rk)_(test|live)_[A-Za-z0-9_]{8,}$")] = field(repr=False)
    webhook_secret: Annotated[Secret, Meta(pattern=r"^whsec_[!-~]{8,}$")] = field(repr=False)
    previous_webhook_secret: Annotated[Secret, Meta(pattern=r"^(whsec_[!-~]{8,})?$")] = field(
        default="", repr=False
    )
    methods: Annotated[tuple[Annotated[str, Meta(pattern=r"^[a-z0-9_]{2,40}$")], ...], Meta(min_length=1)] = (
        "card",
    )
    base_url: Annotated[str, Meta(pattern=_OVER_TLS_OR_LOOPBACK)] = "https://api.stripe.com"
    timeout_s: Annotated[float, Meta(gt=0, le=20)] = 15
    notice_tolerance_s: Annotated[int, Meta(ge=1, le=3600)] = 300
    checkout_minutes: Annotated[int, Meta(ge=60, le=23 * 60)] = 120

    @property
    def is_live(self) -> bool:
        return "_live_" in self.api_key[:8]

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(
            secret for secret in (self.api_key, self.webhook_secret, self.previous_webhook_secret) if secret
        )
