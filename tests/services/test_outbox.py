"""The outbox: what is published is read once, in order, whoever reads and whoever dies."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connections, transaction

from tests.builders.feed import publish
from tests.builders.people import NOW
from warchest.kernel.errors import TryAgain
from warchest.runtime import feed, outbox
from warchest.runtime.outbox import Event

pytestmark = pytest.mark.usefixtures("database")


def numbers_read(consumer: str, *, batch: int = 500) -> list[int]:
    found: list[int] = []
    outbox.consume(consumer, lambda event: found.append(event.payload["number"]), batch=batch)
    return found


class TestConsume:
    def test_hands_each_event_out_once_and_in_order(self) -> None:
        for number in range(5):
            publish("tests.numbered", number=number)
        assert numbers_read("reader", batch=3) == [0, 1, 2]
        assert numbers_read("reader") == [3, 4]
        assert numbers_read("reader") == []

    def test_lets_each_consumer_read_for_itself(self) -> None:
        publish("tests.numbered", number=1)
        assert numbers_read("one") == numbers_read("another") == [1]

    def test_skips_nothing_that_commits_late(self) -> None:
        begun, published = threading.Event(), threading.Event()

        def slow() -> None:
            with transaction.atomic():
                outbox.append(topic="tests.numbered", key="", payload={"number": 1}, occurred_at=NOW)
                begun.set()
                published.wait(10)
            connections.close_all()

        thread = threading.Thread(target=slow)
        thread.start()
        begun.wait(10)
        publish("tests.numbered", number=2)
        assert numbers_read("reader") == []
        published.set()
        thread.join()
        assert numbers_read("reader") == [1, 2]

    def test_shares_the_events_among_two_workers_at_once(self) -> None:
        for number in range(60):
            publish("tests.numbered", number=number)

        def read(_worker: int) -> list[int]:
            try:
                found = []
                for _ in range(10):
                    found += numbers_read("reader", batch=10)
                return found
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(read, range(2))
        assert sorted(one + other) == list(range(60))

    def test_hands_the_events_of_a_dead_worker_to_the_next(self, superuser_dsn: str) -> None:
        for number in range(3):
            publish("tests.numbered", number=number)

        def die(event: Event) -> None:
            if event.payload["number"] == 1:
                with connections["default"].cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    process = cursor.fetchone()[0]
                with psycopg.connect(superuser_dsn, autocommit=True) as killer:
                    killer.execute("SELECT pg_terminate_backend(%s)", [process])

        with pytest.raises(Exception, match=r"terminat|clos|lost"):
            outbox.consume("reader", die)
        connections.close_all()
        assert numbers_read("reader") == [0, 1, 2]

    def test_sets_aside_what_it_cannot_digest_and_goes_on(self) -> None:
        publish("tests.numbered", number=0)
        publish("tests.broken")
        publish("tests.numbered", number=2)
        assert numbers_read("reader") == [0, 2]
        assert feed.standing("reader").parked == 1

    def test_comes_again_with_what_failed_for_a_while(self) -> None:
        publish("tests.numbered", number=0)

        def away(event: Event) -> None:
            raise TryAgain("service_unavailable")

        with pytest.raises(TryAgain):
            outbox.consume("reader", away)
        assert feed.standing("reader").parked == 0
        assert numbers_read("reader") == [0]


class TestFeed:
    def test_says_how_far_a_consumer_is_behind(self) -> None:
        for number in range(4):
            publish("tests.numbered", number=number)
        numbers_read("reader", batch=3)
        assert feed.standing("reader").behind == 1
        assert feed.standing("nobody").behind == 4

    def test_reads_the_whole_past_without_moving_anybody(self) -> None:
        for number in range(3):
            publish("tests.numbered", number=number)
        assert [event.payload["number"] for _, event in feed.events()] == [0, 1, 2]
        second = [place for place, _ in feed.events()][1]
        assert [event.payload["number"] for _, event in feed.events(after=second)] == [2]
        assert feed.standing("reader").behind == 3
