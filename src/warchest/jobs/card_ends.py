"""The end of cards that nobody used: warned of, and then booked."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.cards.contract import Cards
from warchest.journeys.expire_cards import expire_cards
from warchest.journeys.warn_of_expiry import warn_of_expiry
from warchest.kernel.ids import new_id
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


def warn_of_card_expiry(*, at: datetime) -> int:
    """Tell whoever has unused cards that they end, as many days ahead as the house wants; answers how many were told.

    The fewest days first, so that nobody hears of sixty days and of fourteen at once.
    """
    told = 0
    for days in sorted(configuration().cards.warn_days):
        # Only what is due becomes a journey, since each one is recorded.
        while services.get(Cards).is_warning_due(days=days, at=at):
            warned = warn_of_expiry(_command("warn_of_card_expiry", at=at), days=days).answer
            told += len(warned.batches) + len(warned.cards)
    return told


def expire_due_cards(*, at: datetime) -> int:
    """Let cards expire whose end has come, a portion at a time; answers how many. May be stopped anywhere.

    Where the law keeps what was paid for them owed, they stay as they are: good for nothing, until somebody extends them.
    """
    count = 0
    for ended in services.get(Cards).ended_batches(at=at):
        left = ended.recognised
        while left:
            expired = expire_cards(_command("expire_cards", at=at), batch=ended.batch).answer
            count, left = count + expired.cards, expired.left
    if count:
        log.info("cards_expired", cards=count)
    return count


def _command(job: str, *, at: datetime) -> Command:
    return Command(actor=Actor(ActorKind.JOB, job), key=f"{job}:{new_id()}", at=at, channel=Channel.JOB)
