"""Counting published events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from warchest.runtime import feed, outbox
from warchest.runtime.services import services
from warchest.runtime.transactions import technical_transaction
from warchest.statistics.rules import Cell, Fact, facts_of

CONSUMER = "statistics"

_ADD = """
    INSERT INTO statistics_dayfact
           (day, measure, country, provider, service, source, currency, count, amount_minor)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (measure, day, currency, country, provider, service, source) DO UPDATE
       SET count = statistics_dayfact.count + excluded.count,
           amount_minor = statistics_dayfact.amount_minor + excluded.amount_minor"""


def catch_up(*, limit: int = 500) -> int:
    """Facts and the consumer's cursor change in one transaction: that is why each event counts once."""
    return outbox.consume(CONSUMER, _count, batch=limit)


def _count(event: outbox.Event) -> None:
    _add(facts_of(event.topic, event.payload, event.occurred_at))


def rebuild() -> int:
    # The long part, reading the past, holds neither a lock nor a transaction: an open one would keep every reader
    # of the outbox waiting. Only the tail and the exchange of the rows happen while the consumer stands still.
    counts, amounts = Counter[Cell](), Counter[Cell]()
    place, read = feed.START, 0
    place, read = _tally(counts, amounts, place, read)
    with technical_transaction("statistics"):
        feed.stop_consumer(CONSUMER)
        place, read = _tally(counts, amounts, place, read)
        with services.database("statistics").cursor() as cursor:
            cursor.execute("DELETE FROM statistics_dayfact")
        _add(Fact(where, counts[where], amounts[where]) for where in counts)
        feed.move_consumer(CONSUMER, to=place)
        feed.forget_parked(CONSUMER)
    return read


def _tally(
    counts: Counter[Cell], amounts: Counter[Cell], place: feed.Place, read: int
) -> tuple[feed.Place, int]:
    for reached, event in feed.events(after=place):
        place, read = reached, read + 1
        for fact in facts_of(event.topic, event.payload, event.occurred_at):
            counts[fact.cell] += fact.count
            amounts[fact.cell] += fact.amount_minor
    return place, read


def _add(facts: Iterable[Fact]) -> None:
    rows = [
        [
            fact.cell.day,
            fact.cell.measure,
            fact.cell.country,
            fact.cell.provider,
            fact.cell.service,
            fact.cell.source,
            fact.cell.currency,
            fact.count,
            fact.amount_minor,
        ]
        for fact in facts
    ]
    if rows:
        with services.database("statistics").cursor() as cursor:
            cursor.executemany(_ADD, rows)
