"""How the machine stands, as figures of now: the outbox of each database, promises in doubt, jobs that wait."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connections

from warchest.runtime import databases, two_phase
from warchest.runtime.metrics import Figure
from warchest.runtime.services import COORDINATOR, services

_BEHIND_MAX = 100_000
"""Nobody waits for more than this to be counted."""

_READERS = """
    SELECT reader.consumer, reader.transaction, reader.event_id,
           (SELECT count(*) FROM runtime_parkedevent AS parked WHERE parked.consumer = reader.consumer)
      FROM runtime_outboxcursor AS reader ORDER BY reader.consumer"""
_UNREAD = """
    SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float
      FROM (SELECT recorded_at FROM runtime_outboxevent WHERE (transaction, id) > (%s, %s)
             ORDER BY transaction, id LIMIT %s) AS unread"""
_JOBS = """
    SELECT count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())),
           count(*) FILTER (WHERE status = 'doing'),
           count(*) FILTER (WHERE status = 'failed')
      FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed')"""


def outbox() -> Iterable[Figure]:
    """For each consumer: how many published facts it has not read, and how many it could not digest.

    Facts are in the coordinator's database; each consumer keeps its place in its own.
    """
    for alias in databases.aliases():
        with connections[alias].cursor() as cursor:
            cursor.execute(_READERS)
            readers = cursor.fetchall()
        for consumer, transaction, event_id, parked in readers:
            with connections[COORDINATOR].cursor() as cursor:
                cursor.execute(_UNREAD, [transaction, event_id, _BEHIND_MAX])
                behind, oldest_s = cursor.fetchone()
            labels = (("consumer", consumer), ("database", alias))
            yield Figure(
                "warchest_outbox_behind", "Published facts that a consumer has not read", behind, labels
            )
            yield Figure(
                "warchest_outbox_oldest_age_seconds",
                "Age of the oldest published fact that a consumer has not read",
                max(oldest_s, 0),
                labels,
            )
            yield Figure("warchest_outbox_parked", "Facts that a consumer could not digest", parked, labels)


def promises() -> Iterable[Figure]:
    """Transactions that a database has promised to commit, and that nobody has told it to yet."""
    found = two_phase.in_doubt()
    oldest = max((promise.age_s for promise in found), default=0)
    yield Figure("warchest_in_doubt_transactions", "Promises of two-phase commit that are open", len(found))
    yield Figure("warchest_in_doubt_oldest_age_seconds", "Age of the oldest open promise", oldest)


def jobs() -> Iterable[Figure]:
    with services.database("runtime").cursor() as cursor:
        cursor.execute(_JOBS)
        waiting, running, failed = cursor.fetchone()
    yield Figure("warchest_jobs_waiting", "Jobs whose time has come and that no worker has begun", waiting)
    yield Figure("warchest_jobs_running", "Jobs that a worker has begun", running)
    yield Figure("warchest_jobs_failed", "Jobs that failed and are kept to be looked at", failed)
