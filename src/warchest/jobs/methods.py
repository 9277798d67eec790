"""Saved methods that providers are to let go or that end, and top-ups by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from warchest.charging.contract import Charging
from warchest.journeys.forget_method import WARNED_BEFORE, warn_of_method
from warchest.journeys.top_up_by_itself import close_run, top_up_by_itself
from warchest.kernel.ids import new_id
from warchest.payments.contract import Occasion, Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services

log = structlog.get_logger(__name__)

_BATCH = 500


@dataclass(frozen=True, slots=True)
class AutoRound:
    """What one round did: runs noted as ended, begun, and how many failed and come again."""

    closed: int
    begun: int
    failed: int


def forget_methods(*, at: datetime, limit: int = 100) -> int:
    """Tell providers to let go of what players want forgotten; answers how many were told. What is not confirmed comes again."""
    payments, told = services.get(Payments), 0
    for method_id in payments.due_forgettings(at=at, limit=limit):
        try:
            payments.tell_forgotten(method_id=method_id, at=at)
            told += 1
        except Exception:
            log.exception("method_not_forgotten", method=str(method_id))
    return told


def warn_of_ending_methods(*, at: datetime, limit: int = 1000) -> int:
    """Warn players whose saved methods end soon, each once; answers how many."""
    warned = 0
    for method_id in services.get(Payments).ending_methods(until=(at + WARNED_BEFORE).date(), limit=limit):
        warned += warn_of_method(_command("warn_of_ending_methods", at), method_id=method_id).answer
    return warned


def top_up_by_themselves(*, at: datetime) -> AutoRound:
    """Note the ends of runs, then begin one for each order whose wallet is below its threshold.

    May run in several processes at once, and be killed anywhere.
    """
    payments = services.get(Payments)
    closed = begun = failed = 0
    for run_id in payments.open_runs():
        try:
            closed += close_run(_command("top_up_by_themselves", at), run_id=run_id) is not None
        except Exception:
            log.exception("auto_run_not_closed", run=str(run_id))
            failed += 1
    after: UUID | None = None
    while orders := payments.waiting_orders(at=at, after=after, limit=_BATCH):
        available = services.get(Charging).available_of(players=[order.player for order in orders], at=at)
        for order in orders:
            if available[order.player] >= order.below:
                continue
            try:
                command = _command("top_up_by_themselves", at)
                payment = top_up_by_itself(command, player=order.player, occasion=Occasion.BALANCE)
                begun += payment is not None
            except Exception:
                log.exception("auto_top_up_failed", player=str(order.player))
                failed += 1
        after = orders[-1].player
    return AutoRound(closed=closed, begun=begun, failed=failed)


def _command(job: str, at: datetime) -> Command:
    return Command(actor=Actor(ActorKind.JOB, job), key=f"job:{new_id()}", at=at, channel=Channel.JOB)
