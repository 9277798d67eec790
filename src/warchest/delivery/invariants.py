"""What must hold about what leaves the house."""

from __future__ import annotations

from collections.abc import Iterator

from warchest.delivery.operations.catch_up import CONSUMER
from warchest.runtime import feed
from warchest.runtime.invariants import Invariant


def _every_event_taken_in() -> Iterator[str]:
    if parked := feed.standing(CONSUMER).parked:
        yield f"{parked} events became neither webhooks nor mails and are set aside"


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        name="every_event_taken_in",
        says="No published event is set aside before it became webhooks and mails.",
        violations=_every_event_taken_in,
    ),
)
