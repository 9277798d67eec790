"""Reads of delivery. All answer frozen rows."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db.models import Count, Q

from warchest.delivery import contract
from warchest.delivery.contract import DeliveryState, MailKind, MailState, WebhookDelivery
from warchest.delivery.models import Delivery, Endpoint, Mail, MailEngine
from warchest.delivery.rules import is_web_address, message_id
from warchest.runtime.configuration import configuration
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


def configured_urls() -> tuple[str, ...]:
    """Where webhooks may go: what the operator wrote, each once, and nothing else ever."""
    urls = dict.fromkeys(webhook.url for webhook in configuration().webhooks)
    for url in urls:
        if not is_web_address(url):
            log.error("webhook_address_malformed", endpoint=url)
    return tuple(filter(is_web_address, urls))


def disabled_urls() -> frozenset[str]:
    return frozenset(Endpoint.objects.filter(disabled_at__isnull=False).values_list("url", flat=True))


def endpoints() -> tuple[contract.Endpoint, ...]:
    urls, disabled = configured_urls(), disabled_urls()
    counted = Delivery.objects.filter(endpoint__in=urls).values("endpoint")
    counts = {
        row["endpoint"]: row
        for row in counted.annotate(
            waiting=Count("id", filter=Q(state="waiting")), failed=Count("id", filter=Q(state="failed"))
        )
    }
    return tuple(
        contract.Endpoint(
            url=url,
            enabled=url not in disabled,
            waiting=counts[url]["waiting"] if url in counts else 0,
            failed=counts[url]["failed"] if url in counts else 0,
        )
        for url in urls
    )


def deliveries(
    *, state: DeliveryState | None = None, key: str = "", before: int | None = None, limit: int = 50
) -> tuple[WebhookDelivery, ...]:
    found = Delivery.objects.order_by("-id")
    if state is not None:
        found = found.filter(state=state)
    if key:
        found = found.filter(key=key)
    if before is not None:
        found = found.filter(id__lt=before)
    return tuple(as_row(row) for row in found[:limit])


def as_row(row: Delivery) -> WebhookDelivery:
    return WebhookDelivery(
        id=row.id,
        message_id=message_id(cluster=services.cluster, event_id=row.event_id),
        endpoint=row.endpoint,
        topic=row.topic,
        key=row.key,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_status=row.last_status,
        last_error=row.last_error,
        recorded_at=row.recorded_at,
        delivered_at=row.delivered_at,
    )


def mails(
    *, state: MailState | None = None, player: UUID | None = None, before: UUID | None = None, limit: int = 50
) -> tuple[contract.Mail, ...]:
    found = Mail.objects.order_by("-id")
    if state is not None:
        found = found.filter(state=state)
    if player is not None:
        found = found.filter(player=player)
    if before is not None:
        found = found.filter(id__lt=before)
    return tuple(as_mail(row) for row in found[:limit])


def find_mail(*, key: str) -> contract.Mail | None:
    row = Mail.objects.filter(key=key).first()
    return as_mail(row) if row else None


def as_mail(row: Mail) -> contract.Mail:
    return contract.Mail(
        id=row.id,
        key=row.key,
        kind=MailKind(row.kind),
        player=row.player,
        language=row.language,
        state=MailState(row.state),
        attempts=row.attempts,
        error=row.error,
        queued_at=row.queued_at,
        sent_at=row.sent_at,
    )


def mail_engine_plugged_in() -> bool:
    switch = MailEngine.objects.first()
    return switch is None or switch.plugged_in
