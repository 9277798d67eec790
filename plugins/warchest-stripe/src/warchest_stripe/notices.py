"""Stripe's webhooks: events, believed by their signature, and what each is about.

Nothing is asked of Stripe here. The order of events is none, and the same news comes in several: what an event tells is how
its object stood when it was written, and the object says so itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import replace

import msgspec
from msgspec import Raw, Struct

from warchest.sdk.payments import (
    Notice,
    RawNotice,
    Report,
    Standing,
    Subject,
    UnableToTrustNotice,
)
from warchest_stripe import disputes
from warchest_stripe.answers import (
    REFERENCE,
    REFUND_REFERENCE,
    SAVES,
    Charge,
    Intent,
    Refund,
    Session,
    of_charge,
    of_intent,
    of_refund,
    of_session,
)
from warchest_stripe.asking import Unclear
from warchest_stripe.disputes import Dispute
from warchest_stripe.settings import StripeSettings

EVENTS = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "charge.succeeded",
    "charge.captured",
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.amount_capturable_updated",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
"""The events that a webhook endpoint is to send."""

_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class EventData(Struct, frozen=True):
    object: Raw


class Event(Struct, frozen=True):
    id: str
    object: str
    type: str
    livemode: bool
    data: EventData


def read(notice: RawNotice, *, settings: StripeSettings, raw: Callable[[str], str]) -> Notice:
    """The notice of an event. Raises UnableToTrustNotice."""
    _check_signature(notice, settings)
    try:
        event = msgspec.json.decode(notice.body, type=Event)
        if event.object != "event" or not event.id:
            raise UnableToTrustNotice("notice_malformed")
        if event.livemode != settings.is_live:
            # Test payments must never buy real units, whatever secret was pasted where.
            raise UnableToTrustNotice("notice_malformed", explanation="test and live mode are mixed")
        return _of_event(event, raw(notice.body.decode()))
    except (msgspec.MsgspecError, UnicodeDecodeError, Unclear):
        raise UnableToTrustNotice("notice_malformed") from None


def _of_event(event: Event, raw: str) -> Notice:
    match event.type.rpartition(".")[0]:
        case "charge" if event.type in {"charge.succeeded", "charge.captured"}:
            return _of_charge(event, msgspec.json.decode(event.data.object, type=Charge), raw)
        case "checkout.session":
            return _of_session(event, msgspec.json.decode(event.data.object, type=Session), raw)
        case "payment_intent":
            intent = msgspec.json.decode(event.data.object, type=Intent)
            reference = (intent.metadata or {}).get(REFERENCE, "")
            if not reference:
                return _of_no_concern(event, raw)
            report = of_intent(intent, raw, reference=reference)
            return _of_payment(event, reference, report, saves=SAVES in (intent.metadata or {}))
        case "refund" | "charge.refund":
            return _of_refund(event, msgspec.json.decode(event.data.object, type=Refund), raw)
        case "charge.dispute":
            return _of_dispute(event, msgspec.json.decode(event.data.object, type=Dispute), raw)
        case _:
            return _of_no_concern(event, raw)


def _of_session(event: Event, session: Session, raw: str) -> Notice:
    reference = session.client_reference_id or ""
    if not reference:
        return _of_no_concern(event, raw)
    report = of_session(session, raw, reference=reference)
    if event.type == "checkout.session.async_payment_failed":
        report = replace(report, standing=Standing.FAILED, reason=report.reason or "async_payment_failed")
    return _of_payment(event, reference, report, saves=SAVES in (session.metadata or {}))


def _of_charge(event: Event, charge: Charge, raw: str) -> Notice:
    reference = (charge.metadata or {}).get(REFERENCE, "")
    if not reference:
        return _of_no_concern(event, raw)
    report = of_charge(charge, raw)
    return Notice(event.id, reference, report, payment_reference=report.provider_reference)


def _of_payment(event: Event, reference: str, report: Report, *, saves: bool) -> Notice:
    if saves and report.standing is Standing.SUCCEEDED:
        # Of three events that tell the success only the charge's tells what was saved: it, or asking, decides.
        report = replace(report, standing=Standing.PENDING, amount=None)
    return Notice(event.id, reference, report, payment_reference=report.provider_reference)


def _of_refund(event: Event, refund: Refund, raw: str) -> Notice:
    about = refund.metadata or {}
    if not refund.payment_intent and not about.get(REFERENCE):
        return _of_no_concern(event, raw)
    return Notice(
        event.id,
        about.get(REFERENCE, ""),
        of_refund(refund, raw),
        subject=Subject.REFUND,
        payment_reference=refund.payment_intent or "",
        refund_reference=about.get(REFUND_REFERENCE, ""),
    )


def _of_dispute(event: Event, dispute: Dispute, raw: str) -> Notice:
    report = disputes.told(dispute, raw)
    if report is None or not dispute.payment_intent:
        return _of_no_concern(event, raw)
    return Notice(
        event.id,
        "",
        # Of the payment itself nothing new is said.
        Report(Standing.PENDING, provider_reference=dispute.payment_intent, reason=dispute.reason, raw=raw),
        subject=Subject.DISPUTE,
        payment_reference=dispute.payment_intent,
        dispute=report,
    )


def _of_no_concern(event: Event, raw: str) -> Notice:
    return Notice(event.id, "", Report(Standing.PENDING, raw=raw), subject=Subject.NOTHING)


def _check_signature(notice: RawNotice, settings: StripeSettings) -> None:
    """Stripe's scheme v1: HMAC-SHA256 over the timestamp, a full stop and the body, one signature for each secret.

    Not by the library, which takes the time from its own clock and knows one secret.
    """
    timestamp, given = _parts(notice.headers.get("stripe-signature", ""))
    signed = timestamp.encode() + b"." + notice.body
    right = False
    for secret in (settings.webhook_secret, settings.previous_webhook_secret):
        if not secret:
            continue
        expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        for signature in given:
            right |= hmac.compare_digest(signature, expected)
    if not right or abs(notice.received_at.timestamp() - int(timestamp)) > settings.notice_tolerance_s:
        raise UnableToTrustNotice("notice_signature_wrong")


def _parts(header: str) -> tuple[str, list[str]]:
    timestamps, signatures = [], []
    for part in header[:2000].split(","):
        name, _, value = part.strip().partition("=")
        if name == "t":
            timestamps.append(value)
        elif name == "v1" and _SIGNATURE.fullmatch(value):
            signatures.append(value)
    if len(timestamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", timestamps[0], re.ASCII):
        raise UnableToTrustNotice("notice_signature_wrong")
    return timestamps[0], signatures
