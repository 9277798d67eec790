"""Reading the outbox: in order, from any database, never past what is not yet true everywhere.

Facts are published in the coordinator's database, since every journey commits there. A consumer is named after the service
whose tables it fills, and how far it has come stands in that service's own database: so its work and its place change in
one ordinary transaction, wherever the two databases are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from warchest.runtime import two_phase
from warchest.runtime.services import COORDINATOR, services

_BATCH = 1000
_NEXT = """
    SELECT transaction, id, topic, key, payload::text, occurred_at FROM runtime_outboxevent
     WHERE (transaction, id) > (%s, %s)
       AND transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
     ORDER BY transaction, id LIMIT %s"""
_CURSOR = """
    INSERT INTO runtime_outboxcursor (consumer, transaction, event_id) VALUES (%s, 0, 0) ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Event:
    """A published fact."""

    id: int
    topic: str
    key: str
    payload: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the feed: behind the event ``event_id`` of ``transaction``."""

    transaction: int = 0
    event_id: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a consumer stands: where it has read to, how many events lie behind that, how many it could not digest."""

    place: Place
    behind: int
    parked: int


def following(place: Place, *, limit: int) -> list[tuple[Place, Event]]:
    """The next events in order. What some database has promised and not yet made true waits, and all behind it."""
    with services.database("runtime").cursor() as cursor:
        cursor.execute(_NEXT, [place.transaction, place.event_id, limit])
        rows = cursor.fetchall()
    if rows and (upto := two_phase.kept_upto()) is not None:
        # Asked after they were read: what is not promised any more by now was true when we read, or is now.
        rows = [row for row in rows if row[0] < upto]
    return [
        (Place(row[0], row[1]), Event(row[1], row[2], row[3], json.loads(row[4]), row[5])) for row in rows
    ]


def events(*, after: Place = START) -> Iterator[tuple[Place, Event]]:
    """The feed in order, as far as ``outbox.consume`` would hand it out now; needs no transaction and takes no lock."""
    while batch := following(after, limit=_BATCH):
        yield from batch
        if len(batch) < _BATCH:
            return
        after = batch[-1][0]


def standing(consumer: str) -> Standing:
    """Counts what is committed, also what ``outbox.consume`` does not hand out yet because of open transactions."""
    with services.database(consumer).cursor() as cursor:
        cursor.execute(
            "SELECT transaction, event_id, (SELECT count(*) FROM runtime_parkedevent WHERE consumer = %(consumer)s)"
            "  FROM (SELECT) AS one LEFT JOIN runtime_outboxcursor ON consumer = %(consumer)s",
            {"consumer": consumer},
        )
        transaction, event_id, parked = cursor.fetchone()
    place = Place(transaction or 0, event_id or 0)
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM runtime_outboxevent WHERE (transaction, id) > (%s, %s)",
            [place.transaction, place.event_id],
        )
        (behind,) = cursor.fetchone()
    return Standing(place, behind, parked)


def stop_consumer(consumer: str) -> Place:
    """Keep a consumer from reading on until this transaction ends; answers where it stands."""
    with services.database(consumer).cursor() as cursor:
        cursor.execute(_CURSOR, [consumer])
        cursor.execute(
            "SELECT transaction, event_id FROM runtime_outboxcursor WHERE consumer = %s FOR UPDATE",
            [consumer],
        )
        return Place(*cursor.fetchone())


def move_consumer(consumer: str, *, to: Place) -> None:
    """Let a stopped consumer go on from another place."""
    with services.database(consumer).cursor() as cursor:
        cursor.execute(
            "UPDATE runtime_outboxcursor SET transaction = %s, event_id = %s WHERE consumer = %s",
            [to.transaction, to.event_id, consumer],
        )


def forget_parked(consumer: str) -> None:
    """Whoever reads again from the beginning has nothing set aside."""
    with services.database(consumer).cursor() as cursor:
        cursor.execute("DELETE FROM runtime_parkedevent WHERE consumer = %s", [consumer])


def consumers() -> tuple[str, ...]:
    """The names of all who have ever read, whatever database they are in."""
    found = set()
    for alias in (COORDINATOR, *two_phase.further_databases()):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT consumer FROM runtime_outboxcursor")
            found |= {name for (name,) in cursor.fetchall() if services.place(name) == alias}
    return tuple(sorted(found))
