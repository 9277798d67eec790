"""The outbox: facts published in the transaction that makes them true, read in order by idempotent consumers.

A consumer reads only what lies below the oldest transaction still open (``pg_snapshot_xmin``), ordered by transaction
and id: so a fact that commits late is never skipped by a reader whose cursor has already passed its id.

Of two transactions that touch the same thing, the one that began first may be the second to get it. Its fact then takes
the other's place in the order instead of its own: later than its own, so it is still below no reader's cursor.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from warchest.kernel.errors import TryAgain
from warchest.runtime import feed, observed, statements
from warchest.runtime.feed import Event
from warchest.runtime.outage import is_outage
from warchest.runtime.services import services

__all__ = ["Event", "append", "consume"]

log = structlog.get_logger(__name__)


def append(*, topic: str, key: str, payload: dict[str, Any], occurred_at: datetime) -> None:
    """Publish in the transaction that is open now. A journey's own facts are published when it ends: see ``ending``."""
    fact = {"topic": topic, "key": key, "payload": payload, "occurred_at": occurred_at}
    statements.rows("runtime", "SELECT runtime_finish('[]', %s, '[]')", [statements.document([fact])])


def consume(consumer: str, handle: Callable[[Event], None], *, batch: int = 500) -> int:
    """Hand the next events to ``handle``, in order, and move the consumer's cursor in the same transaction: that of the
    database of the service after which the consumer is named.

    Two workers with the same consumer's name take turns. An event whose handling raises is parked with its error, so
    that those behind it go on; where the database failed it, or something that will soon be back (TryAgain), it comes again
    with all of its batch, and the error is raised. Answers how many were read.
    """
    alias = services.alias(consumer)
    with transaction.atomic(using=alias):
        read = feed.following(feed.stop_consumer(consumer), limit=batch)
        for place, event in read:
            try:
                with (
                    observed.event(consumer, topic=event.topic, transaction=place.transaction),
                    transaction.atomic(using=alias),
                ):
                    handle(event)
            except TryAgain:
                raise
            except Exception as error:
                if is_outage(error):
                    raise
                log.exception("event_parked", consumer=consumer, event_id=event.id, topic=event.topic)
                _park(consumer, event, error)
        if read:
            feed.move_consumer(consumer, to=read[-1][0])
    return len(read)


def _park(consumer: str, event: Event, error: Exception) -> None:
    with services.database(consumer).cursor() as cursor:
        cursor.execute(
            "INSERT INTO runtime_parkedevent (consumer, event_id, error) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [consumer, event.id, f"{type(error).__name__}: {error}"[:2000]],
        )
