"""What time itself asks for: holds lapse, served days become revenue, old keys are forgotten, the books are proved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from warchest.journeys.recognise_revenue import recognise_revenue
from warchest.ledger.contract import Ledger
from warchest.runtime import idempotency, invariants
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

KEYS_KEPT = timedelta(days=30)
"""A caller may repeat a request under its key for so long."""


def lapse_holds(*, at: datetime) -> int:
    """Let go what was set aside and is out of time; answers how many."""
    return len(services.get(Ledger).lapse(at=at))


def recognise_yesterday(*, at: datetime) -> None:
    """Book as revenue what was served until the last midnight (UTC).

    Its key is the day, so it may be called all day long: the first call does it. Days on which no worker ran are made
    up for by the next run.
    """
    yesterday = at.astimezone(UTC).date() - timedelta(days=1)
    command = Command(
        actor=Actor(ActorKind.JOB, "recognise_revenue"),
        key=f"recognise:{yesterday.isoformat()}",
        at=at,
        channel=Channel.JOB,
    )
    done = recognise_revenue(command, day=yesterday)
    if not done.replayed:
        log.info(
            "revenue_recognised",
            day=yesterday.isoformat(),
            earned=[str(amount) for amount in done.answer.earned],
        )


def forget_old_keys(*, at: datetime) -> int:
    """Answers how many idempotency keys were old enough; what they did stays done, and each entry keeps its own key."""
    return idempotency.forget(before=at - KEYS_KEPT)


def prove_books() -> int:
    """Check every invariant of the house, in one snapshot, and say loudly what is broken; answers how many are."""
    broken = 0
    for checked in invariants.check_all():
        if checked.places:
            broken += 1
            rule = checked.invariant
            log.error("invariant_broken", invariant=rule.name, says=rule.says, places=checked.places)
    log.info("books_proved", rules=len(invariants.kept()), broken=broken)
    return broken
