"""Reading the outbox apart from consuming it: how far a consumer is behind, and the whole feed from its beginning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from warchest.runtime.outbox import Event
from warchest.runtime.services import services

_BATCH = 1000


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


def standing(consumer: str) -> Standing:
    """Counts what is committed, also what ``outbox.consume`` does not hand out yet because of open transactions."""
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "SELECT transaction, event_id FROM runtime_outboxcursor WHERE consumer = %s", [consumer]
        )
        found = cursor.fetchone()
        place = Place(*found) if found else START
        cursor.execute(
            "SELECT (SELECT count(*) FROM runtime_outboxevent WHERE (transaction, id) > (%s, %s)),"
            "       (SELECT count(*) FROM runtime_parkedevent WHERE consumer = %s)",
            [place.transaction, place.event_id, consumer],
        )
        behind, parked = cursor.fetchone()
    return Standing(place, behind, parked)


def events(*, after: Place = START) -> Iterator[tuple[Place, Event]]:
    """The feed in order, as far as ``outbox.consume`` would hand it out now; needs no transaction and takes no
    lock.
    """
    while True:
        with services.database("runtime").cursor() as cursor:
            cursor.execute(
                "SELECT transaction, id, topic, key, payload::text, occurred_at FROM runtime_outboxevent"
                " WHERE (transaction, id) > (%s, %s)"
                "   AND transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
                " ORDER BY transaction, id LIMIT %s",
                [after.transaction, after.event_id, _BATCH],
            )
            rows = cursor.fetchall()
        for row in rows:
            after = Place(row[0], row[1])
            yield after, Event(row[1], row[2], row[3], json.loads(row[4]), row[5])
        if len(rows) < _BATCH:
            return


def stop_consumer(consumer: str) -> None:
    """Keep a consumer from reading on until this transaction ends."""
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "INSERT INTO runtime_outboxcursor (consumer, transaction, event_id) VALUES (%s, 0, 0)"
            " ON CONFLICT DO NOTHING",
            [consumer],
        )
        cursor.execute("SELECT 1 FROM runtime_outboxcursor WHERE consumer = %s FOR UPDATE", [consumer])


def move_consumer(consumer: str, *, to: Place) -> None:
    """Let a stopped consumer go on from another place, with nothing parked."""
    with services.database("runtime").cursor() as cursor:
        cursor.execute(
            "UPDATE runtime_outboxcursor SET transaction = %s, event_id = %s WHERE consumer = %s",
            [to.transaction, to.event_id, consumer],
        )
        cursor.execute("DELETE FROM runtime_parkedevent WHERE consumer = %s", [consumer])
