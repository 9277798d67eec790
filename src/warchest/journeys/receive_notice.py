"""A provider speaks by itself: its notice is checked and stored, and only then acted on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog

from warchest.journeys.dispute_payment import hear_dispute
from warchest.journeys.refund_found import take_refund_from_outside
from warchest.journeys.refund_payment import settle_refund
from warchest.journeys.settle_payment import settle_payment
from warchest.payments.contract import KeptNotice, Payments
from warchest.runtime.command import Actor, ActorKind, Channel, Command
from warchest.runtime.services import services
from warchest.sdk.payments import Subject

log = structlog.get_logger(__name__)


def receive_notice(*, provider: str, headers: Mapping[str, str], body: bytes, at: datetime) -> KeptNotice:
    """Once this returns, the notice is safely stored, and the provider may be told so.

    Raises UnableToReceiveNotice, UnableToTrustNotice, UnableToUseProvider: then nothing of it is kept but a count.
    """
    notice = services.get(Payments).take_notice(provider=provider, headers=headers, body=body, at=at)
    if not notice.processed:
        act_on_notice(notice, at=at)
    return notice


def act_on_notice(notice: KeptNotice, *, at: datetime) -> bool:
    """Let a stored notice take effect. A failure leaves it to the job; answers whether it is done."""
    payments = services.get(Payments)
    try:
        # A refusal is kept under its key, so each try has one of its own: the payment's status, and not the key, sees to it
        # that nothing happens twice.
        outcome = settle_notice(notice, key=f"heard:{notice.message}:{notice.tries}")
    except Exception as error:
        log.exception("notice_postponed", provider=notice.provider, notice=str(notice.id))
        payments.postpone_notice(notice_id=notice.id, problem=f"{type(error).__name__}: {error}", at=at)
        return False
    payments.close_notice(notice_id=notice.id, outcome=outcome, at=at)
    return True


def settle_notice(notice: KeptNotice, *, key: str) -> str:
    """Let a stored notice take effect under this key; answers how what it is about stands then."""
    if notice.subject is Subject.NOTHING:
        return "nothing"
    if notice.payment is None:
        log.warning("notice_of_unknown_payment", provider=notice.provider, notice=str(notice.id))
        return "payment_unknown"
    command = Command(
        actor=Actor(ActorKind.PROVIDER, notice.provider),
        key=key,
        at=notice.received_at,
        channel=Channel.API,
    )
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
