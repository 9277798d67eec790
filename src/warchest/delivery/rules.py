"""What a webhook looks like, how it is signed and when it is tried again. Pure.

Standard Webhooks 1.0.0 (standardwebhooks.com): headers, signature, schedule and the meaning of answers.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from warchest.kernel.currency import currency
from warchest.kernel.money import Money
from warchest.runtime import wire

WEBHOOK_TOPICS = frozenset(
    {
        "players.registered",
        "payments.succeeded",
        "cards.activated",
        "subscriptions.prolonged",
        "passes.issued",
        "transfers.sent",
        "transfers.received",
    }
)
"""What game servers hear; other topics stay in the house."""

SCHEDULE = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after the last attempt each next one is due."""

PAUSE = timedelta(seconds=5)
PAUSE_MAX = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` is the HTTP status, 0 where nobody answered; ``retry_after`` is what the receiver asked for."""

    status: int
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def wants_no_more(self) -> bool:
        return self.status == 410

    @property
    def asks_to_slow_down(self) -> bool:
        return self.status in (429, 502, 504)

    @property
    def unreachable(self) -> bool:
        return self.status == 0

    @property
    def pause(self) -> timedelta:
        """How long the whole endpoint rests: as long as it asked for, within bounds."""
        return min(max(self.retry_after or PAUSE, PAUSE), PAUSE_MAX)


def next_attempt(*, attempts: int, at: datetime) -> datetime | None:
    """When to try again after so many attempts; None when they were enough."""
    return at + SCHEDULE[attempts] if attempts < len(SCHEDULE) else None


def message_id(*, cluster: str, event_id: int) -> str:
    """The same for every attempt and endpoint, so that a receiver can tell a repetition."""
    return f"evt_{cluster}_{event_id}"


def body(*, topic: str, payload: Mapping[str, Any], occurred_at: datetime) -> str:
    return wire.encode(
        {"type": topic, "timestamp": occurred_at.astimezone(UTC), "data": _public(payload)}
    ).decode()


def headers(*, message: str, at: datetime, content: bytes, secret: bytes) -> dict[str, str]:
    """Signed is ``{id}.{timestamp}.{body}`` with HMAC-SHA-256; the time-stamp is Unix seconds."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message.encode(), timestamp.encode(), content))
    signature = b64encode(hmac.new(secret, signed, sha256).digest()).decode()
    return {
        "content-type": "application/json",
        "user-agent": "Warchest",
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature}",
    }


def shown_secret(secret: bytes) -> str:
    """As receivers are given it."""
    return f"whsec_{b64encode(secret).decode()}"


def is_web_address(url: str) -> bool:
    """Only http and https, with a host and without credentials."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None


def _public(value: Any) -> Any:
    """Amounts as the HTTP API writes them: major units as text, and the currency's code."""
    match value:
        case {"minor": int(minor), "currency": {"code": str(code)}}:
            return {"amount": Money(minor, currency(code)).major, "currency": code}
        case dict():
            return {name: _public(inner) for name, inner in value.items()}
        case list():
            return [_public(inner) for inner in value]
    return value
