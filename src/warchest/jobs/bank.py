"""Entries of the bank that were kept, and that nobody looked at because who imported them was cut off."""

from __future__ import annotations

from datetime import datetime

from warchest.journeys.import_statement import is_matched
from warchest.payments.contract import Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

_ACTOR = Actor(ActorKind.JOB, "match_bank_entries")


def match_bank_entries(*, at: datetime, limit: int = 200) -> int:
    """Look at the oldest of them; answers how many found their payment. May run in several processes at once."""
    matched = 0
    for entry_id in services.get(Payments).new_entries(limit=limit):
        command = Command(actor=_ACTOR, key="entries", at=at, channel=Channel.JOB)
        matched += is_matched(command, entry_id=entry_id)
    return matched
