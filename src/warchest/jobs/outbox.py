"""Pulses that carry published events on: into the figures, to game servers, to players."""

from __future__ import annotations

from warchest.delivery.contract import Delivery
from warchest.runtime.command import now
from warchest.runtime.services import services
from warchest.statistics.contract import Statistics

BATCH = 500
BATCHES_MAX = 20
"""How many batches one pulse reads at most, so that a stop is heard."""


def count_events() -> None:
    """Statistics catch up with the outbox."""
    for _ in range(BATCHES_MAX):
        if services.get(Statistics).catch_up(limit=BATCH) < BATCH:
            break


def take_in_events() -> None:
    """Delivery makes webhooks and mails of what is new in the outbox."""
    for _ in range(BATCHES_MAX):
        if services.get(Delivery).catch_up(at=now(), limit=BATCH) < BATCH:
            break


def deliver_webhooks() -> None:
    services.get(Delivery).deliver_due(at=now())


def send_mails() -> None:
    services.get(Delivery).send_mails(at=now())
