"""Notices as providers bring them, and what comes of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from warchest.journeys.receive_notice import receive_notice
from warchest.payments.contract import KeptNotice
from warchest.runtime.afterwards import finish_all


def heard(*, provider: str = "sandbox", headers: Mapping[str, str], body: bytes, at: datetime) -> KeptNotice:
    """A notice was received, answered, and acted on by the threads that do so in life; as it was when it was answered."""
    try:
        return receive_notice(provider=provider, headers=headers, body=body, at=at)
    finally:
        finish_all()
