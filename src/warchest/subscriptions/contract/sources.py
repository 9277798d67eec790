"""Why time or a pass was given."""

from __future__ import annotations

from enum import StrEnum


class GrantSource(StrEnum):
    """Why days were granted. Days served are days granted, each with its reason."""

    PAID = "paid"
    CARD = "card"
    GIFT = "gift"
    TRIAL = "trial"
    COMPENSATION = "compensation"
