"""Transfers to other clusters are passed on, and finished by what those answer."""

from __future__ import annotations

from datetime import datetime

from warchest.journeys.pass_on_transfer import pass_on_due


def pass_on_transfers(*, at: datetime, limit: int = 100) -> int:
    """Answers how many were finished. May run in several processes at once, and be killed anywhere: each transfer that is
    held is asked about again, by a schedule of its own."""
    return pass_on_due(at=at, limit=limit)
