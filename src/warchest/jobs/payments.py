"""Payments that nobody told us the end of: their providers are asked, and stored notices are acted on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from warchest.journeys import reconcile_settlement
from warchest.journeys.ask_provider import inquire_and_settle
from warchest.journeys.receive_notice import act_on_due_notices
from warchest.journeys.refund_payment import instruct_refund
from warchest.kernel.errors import TryAgain, UnableTo
from warchest.kernel.ids import new_id
from warchest.payments.contract import Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services
from warchest.sdk.payments import Ability

log = structlog.get_logger(__name__)

_ACTOR = Actor(ActorKind.JOB, "settle_open_payments")


_SETTLED_DAYS = 3
"""So many days back providers are asked what they settled: some tell a day's settlement late."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: notices acted on, payments and refunds asked about, and how many of them failed and come again."""

    notices: int
    asked: int
    failed: int
    refunds: int = 0


def act_on_notices(*, at: datetime, limit: int = 50, rounds: int = 20) -> int:
    """Act on stored notices that whoever took them did not act on in time: it was killed, or had more of them than it could do.

    Answers how many there were. May run in several processes at once, and be killed anywhere.
    """
    found = 0
    for _ in range(rounds):
        acted_on = len(act_on_due_notices(at=at, limit=limit))
        found += acted_on
        if acted_on < limit:
            break
    return found


def settle_open_payments(*, at: datetime, limit: int = 100) -> Round:
    """Act on stored notices that are due, then ask about payments that are due, at most ``limit`` of each.

    May run in several processes at once, and be killed anywhere. What fails comes again by its own schedule, and does
    not stand in the way of the others.
    """
    payments = services.get(Payments)
    notices = act_on_due_notices(at=at, limit=limit)
    asked = failed = 0
    for payment_id in payments.due_payments(at=at, limit=limit):
        command = Command(actor=_ACTOR, key=f"inquiry:{payment_id}", at=at, channel=Channel.JOB)
        try:
            inquire_and_settle(command, payment_id=payment_id)
            asked += 1
        except Exception:
            log.exception("inquiry_failed", payment=str(payment_id))
            failed += 1
    refunds = 0
    for refund_id in payments.due_refunds(at=at, limit=limit):
        command = Command(actor=_ACTOR, key=f"refund:{refund_id}", at=at, channel=Channel.JOB)
        try:
            instruct_refund(command, refund_id=refund_id)
            refunds += 1
        except Exception:
            log.exception("refund_failed", refund=str(refund_id))
            failed += 1
    return Round(notices=sum(notices), asked=asked, failed=failed + notices.count(False), refunds=refunds)


def fetch_settlements(*, at: datetime) -> int:
    """Ask every provider that tells its settlements for those of the last days; answers how many there were.

    What was taken in before stays as it is, so it may run as often as anybody likes.
    """
    found = 0
    for provider in services.get(Payments).providers():
        if provider.problem or Ability.SETTLEMENT_REPORT not in provider.abilities:
            continue
        for back in range(1, _SETTLED_DAYS + 1):
            day = (at - timedelta(days=back)).date()
            # A key of its own each time: what a provider could not tell an hour ago it may tell now.
            command = Command(
                actor=Actor(ActorKind.JOB, "fetch_settlements"),
                key=f"settled:{provider.name[:12]}:{new_id().hex[-12:]}",
                at=at,
                channel=Channel.JOB,
            )
            try:
                found += len(reconcile_settlement.fetch_settlements(command, provider=provider.name, day=day))
            except (UnableTo, TryAgain) as refusal:
                log.warning(
                    "settlement_not_fetched", provider=provider.name, day=str(day), reason=refusal.reason
                )
            except Exception:
                log.exception("settlement_failed", provider=provider.name, day=str(day))
    return found


def check_providers(*, at: datetime) -> int:
    """Ask those providers that take payments whether they are well, so that routing passes by who does not answer; answers how
    many do not."""
    payments = services.get(Payments)
    taking = [provider.name for provider in payments.providers() if provider.enabled]
    return sum(not payments.check_provider(provider=name, at=at).well for name in taking)
