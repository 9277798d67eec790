"""Entries of the bank that were kept, and that nobody looked at because who imported them was cut off."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.journeys.import_statement import is_matched
from warchest.journeys.match_entry import follow_review
from warchest.journeys.match_payout import match_payouts
from warchest.payments.contract import Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "match_bank_entries")


def match_bank_entries(*, at: datetime, limit: int = 200) -> int:
    """Look at the oldest of them, and at those whose payments were decided about; answers how many found their payment, or were
    payouts of providers.

    May run in several processes at once.
    """
    matched = 0
    for entry_id in services.get(Payments).new_entries(limit=limit):
        command = Command(actor=_ACTOR, key="entries", at=at, channel=Channel.JOB)
        matched += is_matched(command, entry_id=entry_id)
    for entry_id in services.get(Payments).reviewed_entries(limit=limit):
        key = f"review:{entry_id}:{at.timestamp():.0f}"
        try:
            matched += follow_review(
                Command(actor=_ACTOR, key=key, at=at, channel=Channel.JOB), entry_id=entry_id
            ).answer
        except Exception:
            log.exception("bank_entry_failed", entry=str(entry_id))
    return matched + match_payouts(Command(actor=_ACTOR, key="payouts", at=at, channel=Channel.JOB))
