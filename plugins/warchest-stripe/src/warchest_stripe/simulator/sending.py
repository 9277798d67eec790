"""The background thread that signs events and sends them until they are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time

import httpx

from warchest_stripe.simulator.book import Book, Object

_LOOK_AGAIN_S = 0.1
_RETRY_AFTER_S = (1, 5, 30, 120, 600, 3600)
_TIMEOUT_S = 10
_WRONG_SECRET = "whsec_that_nobody_was_given"


def signature(secret: str, *, at: int, body: bytes) -> str:
    """The value of the header ``Stripe-Signature``."""
    signed = f"{at}.".encode() + body
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class EventSender:
    """Sends all events to one endpoint. ``secrets`` may be two while one is rolled: each signs."""

    def __init__(self, book: Book, *, url: str, secrets: tuple[str, ...]) -> None:
        self._book = book
        self._url = url
        self._secrets = secrets
        self._client = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._something_new = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def nudge(self) -> None:
        """Something was queued just now."""
        self._something_new.set()

    def _run(self) -> None:
        while True:
            self._something_new.clear()
            for delivery, event, tries in self._book.due():
                again_after_s: float | None = _RETRY_AFTER_S[min(tries, len(_RETRY_AFTER_S) - 1)]
                if not self._url:
                    self._book.delivered(delivery, again_after_s=None, answer="no endpoint")
                    continue
                taken, answer = self._send(event)
                self._book.delivered(delivery, again_after_s=None if taken else again_after_s, answer=answer)
            self._something_new.wait(_LOOK_AGAIN_S)

    def _send(self, event: Object) -> tuple[bool, str]:
        body = json.dumps(event, indent=2).encode()
        at = int(time.time())
        secrets = (_WRONG_SECRET,) if self._book.switch("wrong_signature") else self._secrets
        signed = [signature(secret, at=at, body=body).partition(",")[2] for secret in secrets]
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": ",".join([f"t={at}", *signed]),
            "user-agent": "Stripe/1.0 (simulated)",
        }
        try:
            response = self._client.post(self._url, content=body, headers=headers)
        except Exception as failure:
            # Whatever it was, an address that cannot be one included: the event is tried again later.
            return False, type(failure).__name__
        return response.is_success, str(response.status_code)
