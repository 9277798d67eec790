"""A provider speaks by itself: its notice is checked, stored and answered, and only then acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.refund_found import take_refund_from_outside
from warchest.journeys.refund_payment import settle_refund
from warchest.journeys.settle_payment import settle_payment
from warchest.payments.contract import ACTED_ON_WITHIN, KeptNotice, Payments
from warchest.runtime.afterwards import Afterwards
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services
from warchest.sdk.payments import Subject

log = structlog.get_logger(__name__)


def receive_notice(*, provider: str, headers: Mapping[str, str], body: bytes, at: datetime) -> KeptNotice:
    """Once this returns, the notice is safely stored, and the provider may be told so; acted on it is straight afterwards, by
    this process or, where that is busy or dies, by a worker.

    Raises UnableToReceiveNotice, UnableToTrustNotice, UnableToUseProvider: then nothing of it is kept but a count.
    """
    notice = services.get(Payments).take_notice(provider=provider, headers=headers, body=body, at=at)
    # A copy of one that is about to be acted on is left alone; of one that failed before it is a reason to try again.
    if not notice.processed and (notice.tries or not notice.repeated):
        _lane_of(notice).hand_over((notice, at))
    return notice


def _act_soon(stored: tuple[KeptNotice, datetime], elapsed_s: float) -> None:
    notice, at = stored
    act_on_notice(notice, at=at + timedelta(seconds=elapsed_s))


# Two, so that one that waits for a wallet does not hold up all others; those about one payment stay in their order. As many may
# wait as can be done in the time that they have; what is begun last has the rest of it.
_lanes = tuple(
    Afterwards(
        f"notices-{number}",
        _act_soon,
        waiting_max=500,
        within_s=0.8 * ACTED_ON_WITHIN.total_seconds(),
    )
    for number in range(2)
)


def _lane_of(notice: KeptNotice) -> Afterwards[tuple[KeptNotice, datetime]]:
    about = notice.payment or notice.id
    return _lanes[about.int % len(_lanes)]


def act_on_due_notices(*, at: datetime, limit: int) -> tuple[bool, ...]:
    """Act on stored notices that nobody acted on in time, at most ``limit``; answers of each whether it is done."""
    claimed = services.get(Payments).claim_notices(at=at, limit=limit)
    return tuple(act_on_notice(notice, at=at) for notice in claimed)


def act_on_notice(notice: KeptNotice, *, at: datetime) -> bool:
    """Let a stored notice take effect. A failure leaves it to the job; answers whether it is done.

    May be done twice, and by two at once: how what it is about stands decides, under a lock, what it still changes.
    """
    payments = services.get(Payments)
    try:
        # A refusal is kept under its key, so each try has one of its own: the payment's status, and not the key, sees to it
        # that nothing happens twice.
        key = f"heard:{notice.message}:{notice.tries}"
        if notice.subject is Subject.PAYMENT and notice.payment is not None:
            # The most of them; these are closed in the very transaction that credits.
            settle_payment(
                _told_by(notice, key=key),
                payment_id=notice.payment,
                report=notice.report,
                attempt=notice.attempt,
                notice=notice.id,
            )
        else:
            outcome = settle_notice(notice, key=key)
            payments.close_notice(notice_id=notice.id, outcome=outcome, at=at)
    except Exception as error:
        log.exception("notice_postponed", provider=notice.provider, notice=str(notice.id))
        payments.postpone_notice(notice_id=notice.id, problem=f"{type(error).__name__}: {error}", at=at)
        return False
    return True


def _told_by(notice: KeptNotice, *, key: str) -> Command:
    return Command(
        actor=Actor(ActorKind.PROVIDER, notice.provider),
        key=key,
        at=notice.received_at,
        channel=Channel.API,
    )


def settle_notice(notice: KeptNotice, *, key: str) -> str:
    """Let a stored notice take effect under this key; answers how what it is about stands then."""
    if notice.subject is Subject.NOTHING:
        return "nothing"
    if notice.payment is None:
        return "payment_unknown"
    command = _told_by(notice, key=key)
    match notice.subject:
        case Subject.DISPUTE if notice.dispute is not None:
            return hear_dispute(
                command, payment_id=notice.payment, provider=notice.provider, report=notice.dispute
            ).answer.state
        case Subject.REFUND if notice.refund is not None:
            return settle_refund(command, refund_id=notice.refund, report=notice.report).answer.state
        case Subject.REFUND:
            return take_refund_from_outside(
                command, payment_id=notice.payment, report=notice.report
            ).answer.status
    return settle_payment(
        command, payment_id=notice.payment, report=notice.report, attempt=notice.attempt
    ).answer.status
