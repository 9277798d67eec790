"""What accounting systems (ERPs) are told by themselves: entries are taken, become batches, are sent; answers are taken."""

from __future__ import annotations

from datetime import datetime

import structlog

from warchest.accounting.contract import Accounting
from warchest.journeys.exchange_with_erp import SENT_MAX, exchange_with_erp
from warchest.journeys.make_erp_batch import make_erp_batch, take_entries
from warchest.kernel.ids import new_id
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "export_to_erps")
_STEPS_MAX = 20
"""So many thousand entries one pulse takes for an exporter, and so many times it sends, so that a stop is heard."""


def export_to_erps(*, at: datetime) -> int:
    """One round for every exporter that is configured and begun; answers how many rounds failed.

    One that fails does not stand in the way of the others, and comes again. May run in several processes at once.
    """
    failed = 0
    for exporter in services.get(Accounting).exporters():
        if not exporter.is_configured or exporter.begun_at is None or exporter.problem:
            continue
        try:
            _round(exporter.name, at)
        except Exception:
            log.exception("erp_round_failed", exporter=exporter.name)
            failed += 1
    return failed


def _round(exporter: str, at: datetime) -> None:
    take_entries(exporter=exporter, steps_max=_STEPS_MAX)
    # Each under a key of its own: what keeps anything from being done twice is the queue itself.
    command = Command(actor=_ACTOR, key=str(new_id()), at=at, channel=Channel.JOB)
    if services.get(Accounting).is_batch_due(exporter=exporter, at=at):
        make_erp_batch(command, exporter=exporter)
    for _ in range(_STEPS_MAX):
        if exchange_with_erp(command, exporter=exporter).handed_over < SENT_MAX:
            break
