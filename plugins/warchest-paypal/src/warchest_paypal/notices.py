"""Webhooks: PayPal itself says whether it sent them, and only then they are read.

The body goes back to PayPal byte by byte as it came. Re-written, with its fields in another order say, it would be another
message to its signature.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import msgspec

from warchest.sdk.masking import mask_card_numbers
from warchest.sdk.payments import (
    DisputeReport,
    Notice,
    RawNotice,
    Report,
    Standing,
    Subject,
    UnableToTrustNotice,
)
from warchest_paypal import standings
from warchest_paypal.talk import Paypal, PaypalSettings, Refused, Unclear
from warchest_paypal.wire import Authorization, Capture, Dispute, Event, Order, Refund, Verified

REFUND_MARK = "refund:"
"""What stands before our reference in a refund's ``custom_id``: PayPal copies the payment's where there is none."""

_HEADERS = {
    "auth_algo": "paypal-auth-algo",
    "cert_url": "paypal-cert-url",
    "transmission_id": "paypal-transmission-id",
    "transmission_sig": "paypal-transmission-sig",
    "transmission_time": "paypal-transmission-time",
}
_RAW_CHARACTERS_MAX = 20_000
_Resource = TypeVar("_Resource")


def read(paypal: Paypal, notice: RawNotice) -> Notice:
    """Raises UnableToTrustNotice; ``notice_unverifiable`` where PayPal could not be asked, so that it sends it again."""
    headers = {name: notice.headers.get(header, "") for name, header in _HEADERS.items()}
    if not all(headers.values()) or _is_old(
        headers["transmission_time"], notice.received_at, paypal.settings
    ):
        raise UnableToTrustNotice("notice_signature_wrong")
    event = _decoded(notice.body, Event)
    if not event.id:
        raise UnableToTrustNotice("notice_malformed")
    _check(paypal, headers, notice.body)
    raw = mask_card_numbers(paypal.concealed(notice.body.decode(errors="replace"), paypal.kept_token()))
    return read_event(event, raw[:_RAW_CHARACTERS_MAX])


def read_event(event: Event, raw: str) -> Notice:
    """What an event that PayPal owned up to says. Raises UnableToTrustNotice (``notice_malformed``)."""
    try:
        return _read(event, raw)
    except Unclear:
        raise UnableToTrustNotice("notice_malformed") from None


def _check(paypal: Paypal, headers: dict[str, str], body: bytes) -> None:
    settings = paypal.settings
    talk = paypal.talk(timeout_s=settings.notice_timeout_s)
    for webhook in (settings.webhook_id, settings.previous_webhook_id):
        if not webhook:
            continue
        asked = msgspec.json.encode(headers | {"webhook_id": webhook})
        try:
            verified, _ = talk.post(
                "/v1/notifications/verify-webhook-signature",
                Verified,
                asked[:-1] + b',"webhook_event":' + body + b"}",
                content_type="application/json",
            )
        except Refused:
            # PayPal cannot even read what the headers say: they are none of its own.
            continue
        except Unclear:
            raise UnableToTrustNotice("notice_unverifiable") from None
        if verified.verification_status == "SUCCESS":
            return
    raise UnableToTrustNotice("notice_signature_wrong")


def _is_old(sent_at: str, received_at: datetime, settings: PaypalSettings) -> bool:
    try:
        at = datetime.fromisoformat(sent_at)
    except ValueError:
        return True
    if at.tzinfo is None:
        return True
    return abs((received_at - at).total_seconds()) > settings.notice_tolerance_s


def _read(event: Event, raw: str) -> Notice:
    kind = event.event_type
    resource = bytes(event.resource)
    if kind.startswith("CHECKOUT.ORDER."):
        return _of_order(event, _decoded(resource, Order), raw)
    if kind == "PAYMENT.CAPTURE.REFUNDED" or kind.startswith("PAYMENT.REFUND."):
        return _of_refund(event, _decoded(resource, Refund), raw)
    if kind == "PAYMENT.CAPTURE.REVERSED":
        # The bank took the money back. The dispute about it is told of by itself, and books it.
        return _of_nothing(event, raw)
    if kind.startswith("PAYMENT.CAPTURE."):
        capture = _decoded(resource, Capture)
        related = capture.supplementary_data.related_ids if capture.supplementary_data else None
        return Notice(
            id=event.id,
            reference=capture.invoice_id or capture.custom_id,
            payment_reference=related.order_id if related else "",
            report=_numbered(standings.of_capture(capture, raw), related.order_id if related else ""),
        )
    if kind.startswith("PAYMENT.AUTHORIZATION."):
        authorization = _decoded(resource, Authorization)
        related = authorization.supplementary_data.related_ids if authorization.supplementary_data else None
        return Notice(
            id=event.id,
            reference=authorization.invoice_id or authorization.custom_id,
            payment_reference=related.order_id if related else "",
            report=_numbered(
                standings.of_authorization(authorization, raw), related.order_id if related else ""
            ),
        )
    if kind.startswith("CUSTOMER.DISPUTE."):
        return _of_dispute(event, _decoded(resource, Dispute), raw)
    return _of_nothing(event, raw)


def _of_order(event: Event, order: Order, raw: str) -> Notice:
    unit = order.purchase_units[0] if order.purchase_units else None
    if order.status == "APPROVED":
        # To be captured, which asking does.
        report = Report(Standing.PENDING, reason="APPROVED", raw=raw)
    else:
        report = standings.of_order(order, raw)
    return Notice(
        id=event.id,
        reference=(unit.invoice_id or unit.custom_id) if unit else "",
        payment_reference=order.id,
        report=_numbered(report, order.id),
    )


def _of_refund(event: Event, refund: Refund, raw: str) -> Notice:
    ours = refund.custom_id.startswith(REFUND_MARK)
    return Notice(
        id=event.id,
        subject=Subject.REFUND,
        reference=refund.invoice_id or ("" if ours else refund.custom_id),
        refund_reference=refund.custom_id.removeprefix(REFUND_MARK) if ours else "",
        report=standings.of_refund(refund, raw),
    )


def _of_dispute(event: Event, dispute: Dispute, raw: str) -> Notice:
    about = dispute.disputed_transactions[0] if dispute.disputed_transactions else None
    amount = standings.money(dispute.dispute_amount, raw)
    if amount is None:
        raise UnableToTrustNotice("notice_malformed")
    told = DisputeReport(
        id=dispute.dispute_id,
        standing=standings.of_dispute(dispute),
        amount=amount,
        reason=dispute.reason,
        evidence_until=_moment(dispute.seller_response_due_date),
    )
    return Notice(
        id=event.id,
        subject=Subject.DISPUTE,
        reference=(about.invoice_number or about.custom) if about else "",
        payment_reference=about.seller_transaction_id if about else "",
        report=Report(Standing.PENDING, reason=dispute.reason, raw=raw),
        dispute=told,
    )


def _of_nothing(event: Event, raw: str) -> Notice:
    return Notice(event.id, "", Report(Standing.PENDING, raw=raw), subject=Subject.NOTHING)


def _numbered(report: Report, order: str) -> Report:
    return replace(report, provider_reference=order)


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _decoded(body: bytes, into: type[_Resource]) -> _Resource:
    try:
        return msgspec.json.decode(body, type=into)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise UnableToTrustNotice("notice_malformed") from None
