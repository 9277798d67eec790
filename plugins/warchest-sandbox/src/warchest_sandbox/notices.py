"""The background thread that delivers notices until they are taken."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx

from warchest.kernel.clock import Clock
from warchest_sandbox.book import Book
from warchest_sandbox.post import Delivery
from warchest_sandbox.wire import signature

_LOOK_AGAIN_S = 0.25
_POST_TIMEOUT_S = 10
_WRONG_SECRET = "a secret that nobody was given"


class NoticeSender:
    """Posts to the address that the payment's opener gave, and to no other: redirects are not followed."""

    def __init__(self, book: Book, *, secret: str, clock: Clock) -> None:
        self._book = book
        self._secret = secret
        self._clock = clock
        self._something_new = threading.Event()
        self._in_flight: set[int] = set()
        self._in_flight_lock = threading.Lock()
        # Several at once, so that a receiver that sleeps does not hold up the others' notices.
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="notice")
        self._client = httpx.Client(timeout=_POST_TIMEOUT_S, follow_redirects=False, trust_env=False)

    def start(self) -> None:
        threading.Thread(target=self._run, name="notices", daemon=True).start()

    def nudge(self) -> None:
        """Something was queued just now."""
        self._something_new.set()

    def _run(self) -> None:
        while True:
            self._something_new.clear()
            with self._in_flight_lock:
                in_flight = set(self._in_flight)
            for delivery in self._book.post.due(but_not=in_flight):
                with self._in_flight_lock:
                    self._in_flight.add(delivery.id)
                self._pool.submit(self._deliver, delivery)
            self._something_new.wait(_LOOK_AGAIN_S)

    def _deliver(self, delivery: Delivery) -> None:
        try:
            taken, answer = self._post(delivery)
            self._book.post.record(delivery.id, taken=taken, answer=answer)
        finally:
            with self._in_flight_lock:
                self._in_flight.discard(delivery.id)

    def _post(self, delivery: Delivery) -> tuple[bool, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        secret = _WRONG_SECRET if self._book.switches.stand().wrong_signature else self._secret
        headers = {
            "content-type": "application/json",
            "sandbox-id": delivery.notice_id,
            "sandbox-timestamp": timestamp,
            "sandbox-signature": signature(
                secret, notice_id=delivery.notice_id, timestamp=timestamp, body=delivery.body
            ),
        }
        try:
            response = self._client.post(delivery.url, content=delivery.body, headers=headers)
        except Exception as failure:
            # Whatever it was, an address that cannot be one included: the notice is tried again later.
            return False, type(failure).__name__
        return response.is_success, str(response.status_code)
