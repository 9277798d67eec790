"""Sending webhooks: claim one, send it, write down what became of it; then the next.

Between the two short transactions nothing is locked. A worker that dies in between leaves a claim that runs out,
and the message goes again under its old id.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connections

from warchest.delivery.contract import DeliveryState, UnableToDeliver, WebhookDelivery
from warchest.delivery.models import Delivery, Endpoint
from warchest.delivery.queries import as_row, configured_urls
from warchest.delivery.receiver import TIMEOUT_S, post
from warchest.delivery.rules import Answer, headers, message_id, next_attempt, shown_secret
from warchest.runtime.secrets import secret
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction

log = structlog.get_logger(__name__)

SECRET = "webhooks"
ROUND_S_MAX = 20
"""One call stops claiming after so many seconds, so that its ``at`` stays true enough to sign with."""

CLAIM = timedelta(seconds=ROUND_S_MAX + TIMEOUT_S + 25)
"""Longer than a call can take: a claim that ran out has lost its worker."""

# The head of a key is its first message that waits. It alone may go; if its time has not come, those behind it wait
# too, and other keys pass. Whoever else claims at the same moment passes over the locked row.
_CLAIM_NEXT = """
    UPDATE delivery_delivery SET claimed_until = %(until)s, attempts = attempts + 1
     WHERE id = (
        SELECT d.id FROM delivery_delivery AS d
         WHERE d.endpoint = %(url)s AND d.state = 'waiting' AND d.next_attempt_at <= %(at)s
           AND (d.claimed_until IS NULL OR d.claimed_until <= %(at)s)
           AND NOT EXISTS (SELECT 1 FROM delivery_delivery AS ahead
                            WHERE ahead.endpoint = d.endpoint AND ahead.key = d.key
                              AND ahead.state = 'waiting' AND ahead.id < d.id)
           AND NOT EXISTS (SELECT 1 FROM delivery_endpoint AS e
                            WHERE e.url = d.endpoint
                              AND (e.disabled_at IS NOT NULL OR e.paused_until > %(at)s))
         ORDER BY d.next_attempt_at, d.id LIMIT 1
           FOR UPDATE SKIP LOCKED)
 RETURNING id, event_id, attempts, body"""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """``attempts`` counts this one. Who claims a message again counts on, and so tells its own claim from an older
    one.
    """

    id: int
    event_id: int
    attempts: int
    body: str


def deliver_due(*, at: datetime, limit: int = 100) -> int:
    urls = configured_urls()
    if len(urls) < 2:
        return sum(_deliver_to(url, at, limit) for url in urls)
    # An endpoint that is slow to answer must not keep the others waiting.
    with ThreadPoolExecutor(max_workers=min(len(urls), 8), thread_name_prefix="webhooks") as pool:
        return sum(pool.map(lambda url: _in_own_thread(url, at, limit), urls))


def _in_own_thread(url: str, at: datetime, limit: int) -> int:
    try:
        return _deliver_to(url, at, limit)
    finally:
        connections.close_all()


def _deliver_to(url: str, at: datetime, limit: int) -> int:
    key = secret(SECRET)
    until = time.monotonic() + ROUND_S_MAX
    for sent in range(limit):
        claimed = _claim(url, at) if time.monotonic() < until else None
        if claimed is None:
            return sent
        content = claimed.body.encode()
        message = message_id(cluster=services.cluster, event_id=claimed.event_id)
        answer = post(
            url, content=content, headers=headers(message=message, at=at, content=content, secret=key)
        )
        _write_down(claimed, url, answer, at)
        if answer.unreachable or answer.asks_to_slow_down or answer.wants_no_more:
            # The next one would fare no better now.
            return sent + 1
    return limit


def _claim(url: str, at: datetime) -> _Claimed | None:
    with technical_transaction("delivery"), services.database("delivery").cursor() as cursor:
        cursor.execute(_CLAIM_NEXT, {"url": url, "at": at, "until": at + CLAIM})
        row = cursor.fetchone()
    return _Claimed(*row) if row else None


def _write_down(claimed: _Claimed, url: str, answer: Answer, at: datetime) -> None:
    # A claim that ran out and was taken by somebody else is theirs to finish.
    mine = Delivery.objects.filter(id=claimed.id, state="waiting", attempts=claimed.attempts)
    seen = {"claimed_until": None, "last_status": answer.status, "last_error": answer.error[:200]}
    with technical_transaction("delivery"):
        if answer.taken:
            mine.update(state="delivered", delivered_at=at, **seen)
        elif answer.wants_no_more:
            log.warning("webhook_endpoint_disabled", endpoint=url)
            mine.update(**seen)
            Endpoint.objects.update_or_create(url=url, defaults={"disabled_at": at})
            Delivery.objects.filter(endpoint=url, state="waiting").update(
                state="disabled", claimed_until=None
            )
        elif due := next_attempt(attempts=claimed.attempts, at=at):
            log.info("webhook_not_taken", endpoint=url, delivery=claimed.id, status=answer.status)
            mine.update(next_attempt_at=due, **seen)
        else:
            log.error("webhook_given_up", endpoint=url, delivery=claimed.id, status=answer.status)
            mine.update(state="failed", **seen)
        if answer.asks_to_slow_down:
            Endpoint.objects.update_or_create(url=url, defaults={"paused_until": at + answer.pause})


def webhook_secret() -> str:
    return shown_secret(secret(SECRET))


def enable_endpoint(*, url: str, at: datetime) -> None:
    if url not in configured_urls():
        raise UnableToDeliver("endpoint_unknown")
    with technical_transaction("delivery"):
        Endpoint.objects.filter(url=url).update(disabled_at=None, paused_until=None)
        _start_again(Delivery.objects.filter(endpoint=url, state="disabled").values_list("id", flat=True), at)


def send_again(*, delivery_id: int, at: datetime) -> WebhookDelivery:
    with technical_transaction("delivery"):
        found = Delivery.objects.select_for_update().filter(id=delivery_id).first()
        if found is None:
            raise UnableToDeliver("delivery_unknown")
        if found.state == DeliveryState.WAITING:
            raise UnableToDeliver("delivery_waiting")
        _start_again([delivery_id], at)
        found.refresh_from_db()
    return as_row(found)


def _start_again(ids: Iterable[int], at: datetime) -> None:
    Delivery.objects.filter(id__in=ids).update(
        state="waiting", attempts=0, next_attempt_at=at, claimed_until=None, delivered_at=None
    )
