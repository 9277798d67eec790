"""The alarm over guessed codes of cards."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.cards.contract import Cards
from warchest.journeys.watch_guesses import switch_guess_alarm
from warchest.kernel.ids import new_id
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


def watch_guesses(*, at: datetime) -> None:
    """Let the alarm ring where codes are guessed on a large scale, and end where that is over.

    Only what is due becomes a journey, since each one is recorded.
    """
    if not services.get(Cards).is_alarm_due(at=at):
        return
    command = Command(
        actor=Actor(ActorKind.JOB, "watch_guesses"),
        key=f"guess-alarm:{new_id()}",
        at=at,
        channel=Channel.JOB,
    )
    alarm = switch_guess_alarm(command).answer
    if alarm is not None and alarm.ended_at is None:
        log.error("guess_alarm_rings", guesses=alarm.guesses)
    elif alarm is not None:
        log.info("guess_alarm_ended", began_at=alarm.began_at.isoformat())
