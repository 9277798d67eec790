"""The outbox: facts published in the transaction that makes them true, read in order by idempotent consumers.

A consumer reads only what lies below the oldest transaction still open (``pg_snapshot_xmin``), ordered by transaction
and id: so a fact that commits late is never skipped by a reader whose cursor has already passed its id.

Of two transactions that touch the same thing, the one that began first may be the second to get it. Its fact then takes
the other's place in the order instead of its own: later than its own, so it is still below no reader's cursor.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import OperationalError, transaction

from warchest.runtime import observed, statements
from warchest.runtime.services import services

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact."""

    id: int
    topic: str
    key: str
    payload: dict[str, Any]
    occurred_at: datetime


def append(*, topic: str, key: str, payload: dict[str, Any], occurred_at: datetime) -> None:
    """Publish in the transaction that is open now. A journey's own facts are published when it ends: see ``ending``."""
    fact = {"topic": topic, "key": key, "payload": payload, "occurred_at": occurred_at}
    statements.rows("runtime", "SELECT runtime_finish('[]', %s, '[]')", [statements.document([fact])])


def consume(consumer: str, handle: Callable[[Event], None], *, batch: int = 500) -> int:
    """Hand the next events to ``handle``, in order, and move the consumer's cursor in the same transaction.

    Two workers with the same consumer's name take turns. An event whose handling raises is parked with its error, so
    that those behind it go on; where the database failed it, it comes again with all of its batch, and OperationalError
    is raised. Answers how many were read.
    """
    with transaction.atomic(using=services.alias("runtime")):
        database = services.database("runtime")
        with database.cursor() as cursor:
            cursor.execute(
                "INSERT INTO runtime_outboxcursor (consumer, transaction, event_id) VALUES (%s, 0, 0)"
                " ON CONFLICT DO NOTHING",
                [consumer],
            )
            cursor.execute(
                "SELECT transaction, event_id FROM runtime_outboxcursor WHERE consumer = %s FOR UPDATE",
                [consumer],
            )
            after = cursor.fetchone()
            cursor.execute(
                "SELECT id, topic, key, payload::text, occurred_at, transaction FROM runtime_outboxevent"
                " WHERE (transaction, id) > (%s, %s)"
                "   AND transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
                " ORDER BY transaction, id LIMIT %s",
                [*after, batch],
            )
            rows = cursor.fetchall()
        for row in rows:
            event = Event(row[0], row[1], row[2], json.loads(row[3]), row[4])
            try:
                with (
                    observed.event(consumer, topic=event.topic, transaction=row[5]),
                    transaction.atomic(using=services.alias("runtime")),
                ):
                    handle(event)
            except OperationalError:
                raise
            except Exception as error:
                log.exception("event_parked", consumer=consumer, event_id=event.id, topic=event.topic)
                _park(consumer, event, error)
        if rows:
            with database.cursor() as cursor:
                cursor.execute(
                    "UPDATE runtime_outboxcursor SET transaction = %s, event_id = %s WHERE consumer = %s",
                    [rows[-1][5], rows[-1][0], consumer],
                )
    return len(rows)


def _park(consumer: str, event: Event, error: Exception) -> None:
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "INSERT INTO runtime_parkedevent (consumer, event_id, error) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [consumer, event.id, f"{type(error).__name__}: {error}"[:2000]],
        )
